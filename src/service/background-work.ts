import { runCommandProcess } from './command-process.ts';
import { counterTotal } from './counter-totals.ts';
import type { InlineService } from './inline-service.ts';
import { Rollout, type RolloutParts } from './rollout.ts';
import { ScanScheduler, type ScanSchedulerParts } from './scan-scheduler.ts';
import type { Supervisor } from './supervisor.ts';

/** What runs beside the inspection, and through commands in processes of their own. */
export interface BackgroundParts extends Pick<ScanSchedulerParts & RolloutParts, 'log' | 'notify'> {
  readonly supervisor: Pick<Supervisor, 'counters' | 'incidents' | 'isIntercepting'>;
  readonly service: InlineService;
  /** Arguments of node that run a command of ours by the same configuration. */
  readonly commandArgs: (...command: readonly string[]) => readonly string[];
}

/** Composing a policy takes seconds on a busy host. */
const PROMOTION_LIMIT_MS = 120_000;

/** Scans by the schedule of the configuration, each in a process of its own. */
export function schedulerOf({ commandArgs, service, log, notify }: BackgroundParts): ScanScheduler {
  // A folder that a reload names waits for the next start.
  const stateFolder = service.config.state.folder;
  return new ScanScheduler({
    settings: () => service.config.scan,
    stateFolder,
    scan: ({ isApplied, timeLimitMs }, signal) => {
      // It is ended as a whole before it leaves files out, whose patches would then be taken back.
      const limits = ['--state', stateFolder, '--time-limit', `${timeLimitMs}ms`];
      const args = commandArgs('scan', '--quiet', ...limits, ...(isApplied ? ['--apply'] : []));
      return runCommandProcess({ program: process.execPath, args, timeLimitMs, signal });
    },
    reload: () => service.reload(false, 'the schedule of scans'),
    notify,
    log,
    now: () => Date.now(),
  });
}

/** Follows patches and rules that are held at detect, and has those blocking that were quiet for long enough. */
export function rolloutOf({ commandArgs, supervisor, service, log, notify }: BackgroundParts): Rollout {
  const stateFolder = service.config.state.folder;
  return new Rollout({
    stateFolder,
    soak: () => service.config.scan.soak,
    totals: () => ({
      flows: counterTotal(supervisor.counters, 'flow.total'),
      lostLines: supervisor.incidents.lostLines,
      isInspecting: supervisor.isIntercepting,
    }),
    promote: async (id, signal) => {
      const args = commandArgs('policy', 'promote', id, '--state', stateFolder);
      const program = process.execPath;
      const { result, text } = await runCommandProcess({ program, args, timeLimitMs: PROMOTION_LIMIT_MS, signal });
      if (result !== 'ok') return `${result}: ${text}`;
      const reloaded = await service.reload(false, 'the end of a soak');
      return reloaded.status === 'ok' ? null : reloaded.reasons.join('; ');
    },
    notify,
    log,
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
  });
}
