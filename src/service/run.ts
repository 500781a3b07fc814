import { counted } from '../base/counted.ts';
import { Counters } from '../base/counters.ts';
import { releaseMemory } from '../base/release-memory.ts';
import type { Config } from '../config/config.ts';
import { exceptionsFile } from '../config/state-paths.ts';
import { PIPELINE_COUNTERS } from '../output/pipeline-counters.ts';
import { hasNetAdmin } from './capabilities.ts';
import { ControlServer } from './control-server.ts';
import { DatasetHub } from './dataset-hub.ts';
import { ExceptionError, ExceptionStore } from './exception-store.ts';
import type { Firewall } from './firewall.ts';
import { checkInterception, type Interception, queuesOf } from './interception.ts';
import { type InterceptionPlan, interceptionOf, planInterception, removeLeftover } from './interception-plan.ts';
import { checkInterfaces } from './interface-check.ts';
import { MachineError } from './machine-error.ts';
import { loadPolicy } from './policy-check.ts';
import { Reporting } from './reporting.ts';
import type { RuleReport } from './rule-set.ts';
import { type RunSettings, type Surroundings, serve } from './serve.ts';
import { ServiceManager } from './service-manager.ts';
import { StopSignals } from './stop-signals.ts';
import { Supervisor } from './supervisor.ts';
import { threadsAhead } from './worker-thread.ts';

/**
 * Inspects the traffic of this network namespace until a signal or a command says stop. Throws MachineError where the
 * machine is not fit for it, RangeError for a setting that makes no firewall rule, and what the system says of an event
 * file that cannot be opened.
 */
export async function runInline(settings: RunSettings): Promise<void> {
  const { log } = settings;
  const { config } = settings.policy;
  const wanted = interceptionOf(config);
  checkInterception(wanted);
  for (const remark of checkInterfaces(wanted.interfaces)) log.warn(remark);
  if (!hasNetAdmin()) {
    throw new MachineError('vpatch run needs the capability CAP_NET_ADMIN: run it as root, for instance with sudo');
  }

  const exceptions = openExceptions(config);
  const startThread = settings.startThread ?? threadsAhead(queuesOf(wanted));
  // Who closes a terminal means to end what runs in it. Without one, SIGHUP asks for a reload, as everywhere.
  const signals = new StopSignals(process.stdin.isTTY ? undefined : ['SIGINT', 'SIGTERM']);
  const reporting = await Reporting.open(config, log);
  let control: ControlServer | null = null;
  try {
    const plan = await planInterception(config, log);
    if (config.control.socket !== null) control = await ControlServer.claim(config.control.socket, log);
    await intercept({ ...settings, startThread }, plan, { exceptions, signals, reporting, control });
  } finally {
    signals.close();
    control?.close();
    await reporting.close();
  }
}

/** From the first firewall rule to the last. */
async function intercept(settings: RunSettings, plan: InterceptionPlan, around: Surroundings): Promise<void> {
  const { policy, log } = settings;
  const { firewall, interception, leftBehind } = plan;
  // Fail closed: what a crashed predecessor blocks stays blocked until the new rules replace the old ones.
  if (interception.failure === 'open') for (const old of leftBehind) removeLeftover(old, firewall);

  const datasets = new DatasetHub(policy.config.state.folder, log);
  const { rules, supervisor } = await supervised(settings, plan, around, datasets);
  // Whatever ends the process, `open` never leaves rules behind that point to nobody.
  const abandon = (): void => supervisor.abandon();
  process.once('exit', abandon);
  try {
    await Promise.all([onThisMachine(supervisor.start()), policy.pack()]);
    for (const old of leftBehind) if (old.name !== firewall.name) removeLeftover(old, firewall);
    if (rules.refused.length > 0)
      log.warn(`${counted(rules.refused.length, 'rule')} refused: "vpatch rules check" says why`);
    await releaseMemory();
    log.info(readyText(policy.config, rules.loaded, interception, firewall));
    const manager = new ServiceManager(log);
    await serve({ ...settings, ...around, manager, supervisor, datasets, rules, interception, firewall });
  } finally {
    process.off('exit', abandon);
  }
}

/** With the rules compiled. Here, since what a function that waits has in hand stays in memory: an image of rules. */
async function supervised(
  { policy, log, startThread }: RunSettings,
  { firewall, interception, recall }: InterceptionPlan,
  { exceptions, reporting }: Surroundings,
  datasets: DatasetHub,
): Promise<{ readonly rules: RuleReport; readonly supervisor: Supervisor }> {
  const { rules, checked } = await onThisMachine(loadPolicy(policy.policy, (what) => log.warn(what)));
  const supervisor = new Supervisor({
    policy: checked,
    exceptions: exceptions.all,
    firewall,
    interception,
    counterBytes: Counters.bytesFor(PIPELINE_COUNTERS),
    datasets,
    log,
    onEvents: (text) => reporting.events.publish(text),
    onFailure: (what) => reporting.tellFailure(what),
    onStuck: () => {
      supervisor.abandon();
      // Whoever started the service starts it again.
      process.kill(process.pid, 'SIGKILL');
    },
    ...(recall !== null && { recall }),
    ...(startThread !== undefined && { startThread }),
  });
  return { rules, supervisor };
}

async function onThisMachine<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new MachineError((error as Error).message, { cause: error });
  }
}

/** RangeError: without the exceptions, what they let through would be blocked. */
function openExceptions({ state }: Config): ExceptionStore {
  try {
    return ExceptionStore.open(exceptionsFile(state.folder));
  } catch (error) {
    throw error instanceof ExceptionError ? new RangeError(error.message) : error;
  }
}

function readyText(config: Config, ruleCount: number, interception: Interception, firewall: Firewall): string {
  const { firstQueue, queueCount, hooks, interfaces, failure } = interception;
  const queues = queueCount === 1 ? `queue ${firstQueue}` : `queues ${firstQueue} to ${firstQueue + queueCount - 1}`;
  const where = interfaces.length === 0 ? 'all interfaces but lo' : interfaces.join(', ');
  return (
    `ready: ${config.mode} mode, ${ruleCount} ${ruleCount === 1 ? 'rule' : 'rules'}, ${queues}, ` +
    `${hooks.join(' and ')} on ${where}, ${firewall.name}, fail ${failure}`
  );
}
