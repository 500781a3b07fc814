import { Counters, counterTree } from '../base/counters.ts';
import { releaseMemory } from '../base/release-memory.ts';
import { WallClock } from '../capture/wall-clock.ts';
import type { Config } from '../config/config.ts';
import { exceptionsFile } from '../config/state-paths.ts';
import { EveWriter } from '../output/eve.ts';
import type { LineOutput } from '../output/line-output.ts';
import type { Logger } from '../output/log.ts';
import { PIPELINE_COUNTERS } from '../output/pipeline-counters.ts';
import { type BackgroundParts, rolloutOf, schedulerOf } from './background-work.ts';
import { hasNetAdmin } from './capabilities.ts';
import { ControlServer } from './control-server.ts';
import { DatasetHub, SAVE_INTERVAL_MS } from './dataset-hub.ts';
import { EventFeed } from './event-feed.ts';
import { EventOutputs, withLosses } from './event-outputs.ts';
import { EventTally } from './event-tally.ts';
import { ExceptionError, ExceptionStore } from './exception-store.ts';
import type { Firewall } from './firewall.ts';
import type { History } from './history/history.ts';
import { openHistory } from './history/open.ts';
import type { HostAddresses } from './host-variables.ts';
import { InlineService, interceptionProblem } from './inline-service.ts';
import { checkInterception, type Interception } from './interception.ts';
import { interceptionOf, planInterception, removeLeftover } from './interception-plan.ts';
import { checkInterfaces } from './interface-check.ts';
import { MachineError } from './machine-error.ts';
import type { MetricsServer } from './metrics/metrics-server.ts';
import type { Notice } from './notify/notice.ts';
import { failureNotice, openNotifier } from './notify/open.ts';
import type { CheckedPolicy, Policy } from './policy.ts';
import { checkPolicy, loadPolicy } from './policy-check.ts';
import { PolicyKeeper, type ReadPolicy } from './policy-keeper.ts';
import type { RuleReport } from './rule-set.ts';
import type { ScanScheduler } from './scan-scheduler.ts';
import { ServiceManager } from './service-manager.ts';
import { StopSignals } from './stop-signals.ts';
import { Supervisor } from './supervisor.ts';
import type { StartThread } from './worker-thread.ts';

export interface RunSettings {
  readonly policy: Policy;
  /** For a reload. */
  readonly read: ReadPolicy;
  readonly log: Logger;
  /** HOME_NET follows them. Null: it is what the configuration says. */
  readonly addresses: HostAddresses | null;
  /** Of the program. */
  readonly version: string;
  /** Arguments of node that run a command of ours by the same configuration. */
  readonly commandArgs: BackgroundParts['commandArgs'];
  /** Left out: workers as they are. */
  readonly startThread?: StartThread;
}

/** How often we look whether the host has new addresses: by a program. */
const ADDRESS_CHECK_INTERVAL_MS = 5_000;
/** What went wrong is told of for minutes: this is how exact they are. */
const TROUBLE_CHECK_INTERVAL_MS = 10_000;
/** How exact the time is for which held rules have not matched. */
const ROLLOUT_INTERVAL_MS = 60_000;
/** sd_watchdog_enabled(3) asks for two; one may come late. */
const SIGNS_PER_WATCHDOG = 3;

/**
 * Inspects the traffic of this network namespace until a signal or a command says stop. Throws MachineError where the
 * machine is not fit for it, RangeError for a setting that makes no firewall rule, and what the system says of an event
 * file that cannot be opened.
 */
export async function runInline(settings: RunSettings): Promise<void> {
  const { policy, log } = settings;
  const { config } = policy;
  const wanted = interceptionOf(config);
  checkInterception(wanted);
  for (const remark of checkInterfaces(wanted.interfaces)) log.warn(remark);
  if (!hasNetAdmin()) {
    throw new MachineError('vpatch run needs the capability CAP_NET_ADMIN: run it as root, for instance with sudo');
  }

  const exceptions = openExceptions(config);
  const notifier = await openNotifier(config.notify, log);
  const notify = (notice: Notice): void => notifier?.notify(notice);
  // Who closes a terminal means to end what runs in it. Without one, SIGHUP asks for a reload, as everywhere.
  const signals = new StopSignals(process.stdin.isTTY ? undefined : ['SIGINT', 'SIGTERM']);
  const output = EventOutputs.open(config.outputs, log);
  const tellFailure = (what: string): void => notify(failureNotice(what, Date.now()));
  const history = await openHistory(config, log, tellFailure);
  if (output.isEmpty && history === null) {
    log.warn('no event output is configured: matches are counted but not reported; see --eve');
  }
  const reopen = (): void => output.reopen();
  // The event file was renamed. Unheard, the signal would open Node's debugger.
  process.on('SIGUSR1', reopen);
  if (!process.stdin.isTTY) process.on('SIGHUP', reopen);
  const tally = new EventTally(Date.now);
  const events = new EventFeed([output, history, notifier, tally]);
  let control: ControlServer | null = null;
  try {
    const { firewall, interception, recall, leftBehind } = await planInterception(config, log);
    if (config.control.socket !== null) control = await ControlServer.claim(config.control.socket, log);
    // Fail closed: what a crashed predecessor blocks stays blocked until the new rules replace the old ones.
    if (interception.failure === 'open') for (const old of leftBehind) removeLeftover(old, firewall);

    const { rules, checked } = await onThisMachine(loadPolicy(policy, (what) => log.warn(what)));
    const datasets = new DatasetHub(config.state.folder, log);
    const supervisor = new Supervisor({
      policy: checked,
      exceptions: exceptions.all,
      firewall,
      interception,
      counterBytes: Counters.bytesFor(PIPELINE_COUNTERS),
      datasets,
      log,
      onEvents: (text) => events.publish(text),
      onFailure: tellFailure,
      ...(recall !== null && { recall }),
      ...(settings.startThread !== undefined && { startThread: settings.startThread }),
      onStuck: () => {
        supervisor.abandon();
        // Whoever started the service starts it again.
        process.kill(process.pid, 'SIGKILL');
      },
    });
    // Whatever ends the process, `open` never leaves rules behind that point to nobody.
    const abandon = (): void => supervisor.abandon();
    process.once('exit', abandon);
    try {
      await onThisMachine(supervisor.start());
      for (const old of leftBehind) if (old.name !== firewall.name) removeLeftover(old, firewall);
      if (rules.refused.length > 0)
        log.warn(`${rules.refused.length} rules were refused: "vpatch rules check" says why`);
      await releaseMemory();
      log.info(readyText(config, rules.loaded, interception, firewall));
      await serve({
        ...settings,
        manager: new ServiceManager(log),
        exceptions,
        supervisor,
        datasets,
        rules,
        interception,
        firewall,
        signals,
        output,
        history,
        tally,
        events,
        control,
        notify,
        lostMessages: () => notifier?.lostMessages ?? null,
      });
    } finally {
      process.off('exit', abandon);
    }
  } finally {
    signals.close();
    process.off('SIGUSR1', reopen);
    process.off('SIGHUP', reopen);
    control?.close();
    await output.close();
    await history?.close();
    await notifier?.close();
  }
}

async function onThisMachine<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new MachineError((error as Error).message, { cause: error });
  }
}

interface Started extends RunSettings {
  readonly manager: ServiceManager;
  readonly exceptions: ExceptionStore;
  readonly supervisor: Supervisor;
  readonly datasets: DatasetHub;
  readonly rules: RuleReport;
  readonly interception: Interception;
  readonly firewall: Firewall;
  readonly signals: StopSignals;
  readonly output: EventOutputs;
  readonly history: History | null;
  readonly tally: EventTally;
  readonly events: EventFeed;
  readonly control: ControlServer | null;
  readonly notify: (notice: Notice) => void;
  readonly lostMessages: () => number | null;
}

/** Until somebody says stop; a second signal leaves what waits in the queues to the kernel, which drops it. */
async function serve(started: Started): Promise<void> {
  const { supervisor, signals, log, policy } = started;
  const output = withLosses(started.output, supervisor);
  const clock = new WallClock();
  const startedAtMs = clock.nowMs();
  const writeStats = (): void => {
    if (started.output.isEmpty) return;
    const eve = new EveWriter(output, { mode: supervisor.mode, hasPacketNumbers: false });
    const nowMs = clock.nowMs();
    eve.stats(nowMs, (nowMs - startedAtMs) / 1000, counterTree(PIPELINE_COUNTERS, supervisor.counters));
  };
  let stop: (by: string) => void = () => {};
  const stopRequest = new Promise<string>((resolve) => {
    stop = resolve;
  });
  const { manager } = started;
  let scheduler: ScanScheduler | null = null;
  const nextScanMs = (): number | null => scheduler?.nextMs ?? null;
  const service = serviceOf(started, stop, () => output.lostLines, nextScanMs);
  scheduler = schedulerOf({ ...started, service });
  started.control?.serve((request, { pid, uid }) => service.answer(request, `process ${pid} of user ${uid}`));

  const metrics = await metricsOf(started, service);

  const { statsIntervalMs } = policy.config.outputs.eve;
  const timers = [
    setInterval(() => service.followAddresses(), ADDRESS_CHECK_INTERVAL_MS),
    setInterval(() => service.noteTroubles(), TROUBLE_CHECK_INTERVAL_MS),
    setInterval(() => started.datasets.save(), SAVE_INTERVAL_MS),
  ];
  if (statsIntervalMs > 0) timers.push(setInterval(writeStats, statsIntervalMs));
  const { watchdogMs } = manager;
  if (watchdogMs !== null) {
    timers.push(setInterval(() => supervisor.isProgressing && manager.alive(), watchdogMs / SIGNS_PER_WATCHDOG));
  }
  manager.ready(service.headline);
  scheduler.start();
  const rollout = rolloutOf({ ...started, service });
  started.events.add(rollout);
  timers.push(setInterval(() => rollout.look(), ROLLOUT_INTERVAL_MS));
  const reload = (): void => void service.reload(false, 'SIGHUP');
  if (!process.stdin.isTTY) process.on('SIGHUP', reload);

  log.info(`${await Promise.race([signals.first, stopRequest])}: stopping; connections go on uninspected`);
  manager.stopping();
  for (const timer of timers) clearInterval(timer);
  metrics?.close();
  const backgroundEnded = Promise.all([scheduler.stop(), rollout.stop()]);
  const isForced = await Promise.race([supervisor.stop().then(() => false), signals.second.then(() => true)]);
  if (isForced) await supervisor.kill();
  started.datasets.save();
  await backgroundEnded;
  process.off('SIGHUP', reload);
  writeStats();
  // What could not be written is known when there is nothing more to write.
  await output.close();
  log.info(summary(supervisor, output), isForced ? 'stopped at once' : 'stopped');
}

/** Loaded by need: HTTP takes memory. */
async function metricsOf({ policy, log }: Started, service: InlineService): Promise<MetricsServer | null> {
  const { listen } = policy.config.metrics;
  if (listen === null) return null;
  const [{ MetricsServer }, { expositionText }, { serviceMetrics }] = await Promise.all([
    import('./metrics/metrics-server.ts'),
    import('./metrics/exposition.ts'),
    import('./metrics/service-metrics.ts'),
  ]);
  const server = new MetricsServer({ listen, log, text: () => expositionText(serviceMetrics(service.status())) });
  server.open();
  return server;
}

function serviceOf(
  started: Started,
  stop: (by: string) => void,
  lostLines: () => number,
  nextScanMs: () => number | null,
): InlineService {
  const { supervisor, policy, rules, interception, firewall, addresses, log, version, manager } = started;
  const now = (): number => Date.now();
  const read: ReadPolicy = () => {
    const next = started.read();
    const problem = next.status === 'ok' ? interceptionProblem(interceptionOf(next.policy.config)) : null;
    return problem === null ? next : { status: 'invalid', problems: [problem] };
  };
  const adopt = async (checked: CheckedPolicy): Promise<void> => {
    await supervisor.replacePolicy(checked);
    await releaseMemory();
  };
  const policies = new PolicyKeeper({ policy, read, check: checkPolicy, adopt, now }, rules);
  return new InlineService({
    supervisor,
    policies,
    exceptions: started.exceptions,
    interception,
    firewallName: firewall.name,
    addresses,
    log,
    now,
    version,
    lostLines,
    tally: started.tally,
    outputs: () => started.output.status,
    history: () => started.history?.status ?? null,
    lostMessages: started.lostMessages,
    nextScanMs,
    stop,
    onChange: (headline) => manager.status(headline),
    onFailure: (what) => started.notify(failureNotice(what, now())),
  });
}

function summary(supervisor: Supervisor, output: LineOutput): Record<string, number> {
  const total = (name: string): number => {
    const index = PIPELINE_COUNTERS.indexOf(name);
    return supervisor.counters.reduce((sum, values) => sum + values[index]!, 0);
  };
  const { incidents } = supervisor;
  return {
    packets: total('decoder.pkts'),
    accepted: total('ips.accepted'),
    dropped: total('ips.blocked'),
    alerts: total('detect.alert'),
    ...incidents,
    lostLines: output.lostLines,
  };
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
