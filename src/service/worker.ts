/** The thread of one queue: builds its own pipeline, binds the queue, then inspects until it is told to stop. */
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { NativeError } from '../base/native/addon.ts';
import { readQueueStatistics } from '../base/native/queue-statistics.ts';
import { GradualRelease, releaseMemory } from '../base/release-memory.ts';
import { NfqueueSource } from '../capture/nfqueue.ts';
import { VERDICT } from '../capture/source.ts';
import { WallClock } from '../capture/wall-clock.ts';
import type { Config } from '../config/config.ts';
import type { DatasetChanges } from '../rules/dataset.ts';
import { Engine } from './engine.ts';
import { EventChunks } from './event-chunks.ts';
import { drain, inspect, type LoopHooks } from './inspection-loop.ts';
import { LatencyHistogram } from './latency.ts';
import { PauseMeter } from './pauses.ts';
import { PeakRelease } from './peak-release.ts';
import { thrownText } from './thrown-text.ts';
import { warmUp } from './warm-up.ts';
import { WorkerCommands } from './worker-commands.ts';
import { CONTROL, type WorkerLink, type WorkerReport, type WorkerSettings } from './worker-messages.ts';

/** NFQNL_COPY_PACKET of linux/netfilter/nfnetlink_queue.h. */
const COPY_PACKET = 2;
/** Kinds of failures that are named in the log; a kind is a message with its place. All are counted. */
const MAX_LOGGED_KINDS = 20;

const link = workerData as WorkerLink;
const control = new Int32Array(link.control);
const report = (message: WorkerReport): void => link.port.postMessage(message);
warmUp();
/**
 * The thread may have been started before it was known what it is to do. What the first rules are loaded from is taken
 * out of it: the rest is there for as long as the thread.
 */
const [settings] = (await once(parentPort!, 'message')) as [TakenSettings];
type TakenSettings = Omit<WorkerSettings, 'checked'> & { checked: WorkerSettings['checked'] | null };

void run();

async function run(): Promise<void> {
  try {
    const events = new EventChunks(control, settings.maxPendingCharacters, (text) => report({ type: 'events', text }));
    const { engine, config } = startedEngine(events);
    await releaseMemory();
    const source = openQueue(config);
    takePriority(config);
    report({ type: 'ready' });
    const hooks = loopHooks(engine, events, source);
    await inspect(source, engine, hooks);
    drain(source, engine, hooks);
    engine.finish();
    events.flush();
    source.close();
    report({ type: 'stopped' });
  } catch (error) {
    report({ type: 'refused', message: error instanceof NativeError ? error.message : thrownText(error) });
  }
  // Nothing keeps the thread alive but the port.
  link.port.close();
}

function startedEngine(events: EventChunks): { readonly engine: Engine; readonly config: Config } {
  const { checked, ...others } = settings;
  settings.checked = null;
  const tell = (changes: DatasetChanges): void => report({ type: 'dataset', changes });
  const engine = new Engine({ ...others, checked: checked! }, events, new WallClock().nowMs(), tell);
  return { engine, config: checked!.config };
}

function openQueue(config: Config): NfqueueSource {
  const { queue } = settings;
  const isFailOpen = config.failure.engine === 'open';
  const source = new NfqueueSource({
    queue,
    lengthPackets: config.queue.lengthPackets,
    isFailOpen,
    whenUndecided: isFailOpen ? VERDICT.accept : VERDICT.drop,
  });
  const listed = readQueueStatistics().find((row) => row.queue === queue);
  if (listed?.portId === source.portId && listed.copyMode === COPY_PACKET) return source;
  source.close();
  throw new NativeError(`NFQUEUE ${queue} was bound, but the kernel does not list it as ready`);
}

/**
 * Every packet of the services waits for this thread. With the same share of a processor as they have, it would use it
 * up under load and wait for a whole slice of the scheduler's, 3 to 4 ms, while they wait for it.
 */
function takePriority({ queue: { priority } }: Config): void {
  try {
    // In Linux, 0 is the calling thread alone (setpriority(2), "C library/kernel differences").
    setPriority(0, priority);
  } catch {
    const message = `queue.priority: the system refuses a worker the nice value ${priority}`;
    report({ type: 'log', level: 'warn', message });
  }
}

function loopHooks(engine: Engine, events: EventChunks, source: NfqueueSource): LoopHooks {
  /** What was in use before a change of rules, or in a peak, is garbage, and no small one. */
  const release = new GradualRelease();
  const peaks = new PeakRelease(() => {
    engine.dropSpares();
    release.begin();
  });
  const commands = new WorkerCommands(engine, { port: link.port, control, report }, () => release.begin());
  const latency = new LatencyHistogram(settings.latency);
  const pauses = new PauseMeter(settings.pauses);
  const failures = new FailureLog();
  let answered = 0;
  let seenLapses = 0;

  return {
    onTurn(): boolean {
      pauses.note();
      events.flush();
      Atomics.add(control, CONTROL.HEARTBEAT, 1);
      peaks.note(answered);
      answered = 0;
      Atomics.store(control, CONTROL.OVERFLOWS, source.overflows);
      return commands.obey();
    },
    isBusy: () => commands.isBusy,
    pause: () => release.goOn(),
    takeLapse(): boolean {
      const lapses = Atomics.load(control, CONTROL.LAPSES);
      const isNew = lapses !== seenLapses;
      seenLapses = lapses;
      return isNew;
    },
    onReceived: () => pauses.begin(),
    onWorked: () => pauses.end(),
    onAnswered(count: number, tookMs: number): void {
      Atomics.add(control, CONTROL.ANSWERED, count);
      answered += count;
      latency.record(count, tookMs);
    },
    onFailure: (error) => failures.add(error),
  };
}

class FailureLog {
  readonly #knownKinds = new Set<string>();

  add(error: unknown): void {
    Atomics.add(control, CONTROL.FAILED_PACKETS, 1);
    const kind = thrownText(error);
    if (this.#knownKinds.has(kind) || this.#knownKinds.size >= MAX_LOGGED_KINDS) return;
    this.#knownKinds.add(kind);
    report({ type: 'log', level: 'error', message: `inspection failed, told once for each kind: ${kind}` });
  }
}
