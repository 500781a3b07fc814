import { counterTree } from '../base/counters.ts';
import { releaseMemory } from '../base/release-memory.ts';
import { WallClock } from '../capture/wall-clock.ts';
import { EveWriter } from '../output/eve.ts';
import type { LineOutput } from '../output/line-output.ts';
import type { Logger } from '../output/log.ts';
import { PIPELINE_COUNTERS } from '../output/pipeline-counters.ts';
import { type BackgroundParts, rolloutOf, schedulerOf } from './background-work.ts';
import type { ControlServer } from './control-server.ts';
import { counterTotal } from './counter-totals.ts';
import { type DatasetHub, SAVE_INTERVAL_MS } from './dataset-hub.ts';
import { withLosses } from './event-outputs.ts';
import type { ExceptionStore } from './exception-store.ts';
import type { Firewall } from './firewall.ts';
import type { HostAddresses } from './host-variables.ts';
import { InlineService, type ServiceParts } from './inline-service.ts';
import { type Interception, interceptionProblem } from './interception.ts';
import { interceptionOf } from './interception-plan.ts';
import type { KeptPolicy } from './kept-policy.ts';
import type { MetricsServer } from './metrics/metrics-server.ts';
import type { CheckedPolicy } from './policy.ts';
import { checkPolicy } from './policy-check.ts';
import { PolicyKeeper, type ReadPolicy } from './policy-keeper.ts';
import type { Reporting } from './reporting.ts';
import type { RuleReport } from './rule-set.ts';
import type { ScanScheduler } from './scan-scheduler.ts';
import type { ServiceManager } from './service-manager.ts';
import type { StopSignals } from './stop-signals.ts';
import type { Supervisor } from './supervisor.ts';
import type { StartThread } from './worker-thread.ts';

/** How often we look whether the host has new addresses: by a program. */
const ADDRESS_CHECK_INTERVAL_MS = 5_000;
/** What went wrong is told of for minutes: this is how exact they are. */
const TROUBLE_CHECK_INTERVAL_MS = 10_000;
/** How exact the time is for which held rules have not matched. */
const ROLLOUT_INTERVAL_MS = 60_000;
/** sd_watchdog_enabled(3) asks for two; one may come late. */
const SIGNS_PER_WATCHDOG = 3;

export interface RunSettings {
  readonly policy: KeptPolicy;
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

/** What is there before any traffic is, and is closed behind it. */
export interface Surroundings {
  readonly exceptions: ExceptionStore;
  readonly signals: StopSignals;
  readonly reporting: Reporting;
  /** Null: none is wanted. */
  readonly control: ControlServer | null;
}

/** A service whose workers inspect. */
export interface StartedService extends RunSettings, Surroundings {
  readonly manager: ServiceManager;
  readonly supervisor: Supervisor;
  readonly datasets: DatasetHub;
  readonly rules: RuleReport;
  readonly interception: Interception;
  readonly firewall: Firewall;
}

/** Until somebody says stop; a second signal leaves what waits in the queues to the kernel, which drops it. */
export async function serve(started: StartedService): Promise<void> {
  const { supervisor, signals, reporting, manager, log } = started;
  const output = withLosses(reporting.outputs, supervisor);
  const writeStats = statsWriter(started, output);
  let stop: (by: string) => void = () => {};
  const stopRequest = new Promise<string>((resolve) => {
    stop = resolve;
  });
  let scheduler: ScanScheduler | null = null;
  const service = serviceOf(started, {
    stop,
    lostLines: () => output.lostLines,
    nextScanMs: () => scheduler?.nextMs ?? null,
  });
  scheduler = schedulerOf({ ...started, service, notify: (notice) => reporting.notify(notice) });
  const rollout = rolloutOf({ ...started, service, notify: (notice) => reporting.notify(notice) });
  started.control?.serve((request, { pid, uid }) => service.answer(request, `process ${pid} of user ${uid}`));
  const metrics = await metricsOf(started, service);

  manager.ready(service.headline);
  scheduler.start();
  reporting.events.add(rollout);
  const timers = [...regularWork(started, service, writeStats), setInterval(() => rollout.look(), ROLLOUT_INTERVAL_MS)];
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

/** Figures of all workers as an event. */
function statsWriter({ supervisor, reporting }: StartedService, output: LineOutput): () => void {
  const clock = new WallClock();
  const startedAtMs = clock.nowMs();
  return () => {
    if (reporting.outputs.isEmpty) return;
    const eve = new EveWriter(output, { mode: supervisor.mode, hasPacketNumbers: false });
    const nowMs = clock.nowMs();
    eve.stats(nowMs, (nowMs - startedAtMs) / 1000, counterTree(PIPELINE_COUNTERS, supervisor.counters));
  };
}

function regularWork(
  { supervisor, manager, datasets, policy }: StartedService,
  service: InlineService,
  writeStats: () => void,
): NodeJS.Timeout[] {
  const timers = [
    setInterval(() => service.followAddresses(), ADDRESS_CHECK_INTERVAL_MS),
    setInterval(() => service.noteTroubles(), TROUBLE_CHECK_INTERVAL_MS),
    setInterval(() => datasets.save(), SAVE_INTERVAL_MS),
  ];
  const { statsIntervalMs } = policy.config.outputs.eve;
  if (statsIntervalMs > 0) timers.push(setInterval(writeStats, statsIntervalMs));
  const { watchdogMs } = manager;
  if (watchdogMs !== null) {
    timers.push(setInterval(() => supervisor.isProgressing && manager.alive(), watchdogMs / SIGNS_PER_WATCHDOG));
  }
  return timers;
}

/** Loaded by need: HTTP takes memory. */
async function metricsOf({ policy, log }: StartedService, service: InlineService): Promise<MetricsServer | null> {
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
  started: StartedService,
  hooks: Pick<ServiceParts, 'stop' | 'lostLines' | 'nextScanMs'>,
): InlineService {
  const { supervisor, policy, rules, interception, firewall, addresses, log, version, manager, reporting } = started;
  const now = (): number => Date.now();
  const read: ReadPolicy = () => {
    const next = started.read();
    const problem = next.status === 'ok' ? interceptionProblem(interceptionOf(next.policy.config)) : null;
    return problem === null ? next : { status: 'invalid', problems: [problem] };
  };
  const adopt = (checked: CheckedPolicy): Promise<void> => supervisor.replacePolicy(checked);
  const policies = new PolicyKeeper({ policy, read, check: checkPolicy, adopt, release: releaseMemory, now }, rules);
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
    tally: reporting.tally,
    outputs: () => reporting.outputs.status,
    history: () => reporting.history?.status ?? null,
    lostMessages: () => reporting.lostMessages,
    onChange: (headline) => manager.status(headline),
    onFailure: (what) => reporting.tellFailure(what),
    ...hooks,
  });
}

function summary(supervisor: Supervisor, output: LineOutput): Record<string, number> {
  const { counters, incidents } = supervisor;
  const total = (name: string): number => counterTotal(counters, name);
  return {
    packets: total('decoder.pkts'),
    accepted: total('ips.accepted'),
    dropped: total('ips.blocked'),
    alerts: total('detect.alert'),
    ...incidents,
    lostLines: output.lostLines,
  };
}
