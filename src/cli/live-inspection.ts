import { setTimeout as sleep } from 'node:timers/promises';
import { LiveCapture, LiveCaptureError, type LiveCaptureOptions } from '../capture/live.ts';
import { WallClock } from '../capture/wall-clock.ts';
import type { Config } from '../config/config.ts';
import { mergeConfig } from '../config/overrides.ts';
import { StopSignals } from '../service/stop-signals.ts';
import { EXIT, Failure } from './failure.ts';
import type { Inspection } from './inspection.ts';

/** Flows that fell silent are looked for this often. */
const EXPIRE_INTERVAL_MS = 250;

/** Has an inspection look at what passes an interface, until the user ends it or `limitMs` have passed. */
export async function inspectLive(
  inspection: Inspection,
  options: LiveCaptureOptions,
  { limitMs, onBegin }: { readonly limitMs: number | null; readonly onBegin: () => void },
): Promise<void> {
  const clock = new WallClock();
  const capture = await listen(options, inspection);
  const signals = new StopSignals();
  const timer = setInterval(() => inspection.expire(clock.nowMs()), EXPIRE_INTERVAL_MS);
  const over = new AbortController();
  onBegin();
  const end = limitMs === null ? [] : [sleep(limitMs, undefined, { signal: over.signal }).catch(() => {})];
  await Promise.race([signals.first, ...end]);
  over.abort();
  capture.close();
  clearInterval(timer);
  signals.close();
  inspection.finish();
}

/** Whatever the configuration says: events must not claim that something was blocked. */
export function withoutBlocking(config: Config): Config {
  const policy = config.checks.policy === 'off' ? 'off' : 'report';
  return mergeConfig(config, { mode: 'detect', checks: { policy } });
}

async function listen(options: LiveCaptureOptions, inspection: Inspection): Promise<LiveCapture> {
  try {
    return await LiveCapture.open(options, (captured) => inspection.process(captured));
  } catch (error) {
    if (!(error instanceof LiveCaptureError)) throw error;
    const isMachine = error.problem === 'permission' || error.problem === 'library';
    throw new Failure(isMachine ? EXIT.machine : EXIT.usage, error.message);
  }
}
