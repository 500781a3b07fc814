import { readQueueStatistics } from '../base/native/queue-statistics.ts';
import type { Mode } from '../config/config.ts';
import type { Exception } from '../detect/exceptions.ts';
import type { Logger } from '../output/log.ts';
import type { DatasetChanges } from '../rules/dataset.ts';
import type { Recall } from './bypassed-connections.ts';
import type { DatasetHub } from './dataset-hub.ts';
import type { Firewall } from './firewall.ts';
import { InstalledRules } from './installed-rules.ts';
import { type Interception, queuesOf } from './interception.ts';
import { type LatencyFigures, LatencyHistogram } from './latency.ts';
import { type PauseFigures, PauseMeter } from './pauses.ts';
import type { CheckedPolicy } from './policy.ts';
import { SharedCounts } from './shared-counts.ts';
import { getsOn, newSlot, type Slot } from './worker-slot.ts';
import { type StartThread, startWorkerThread, type Thread, type ThreadEnd } from './worker-thread.ts';

/** How often the workers' signs of life are looked at. */
const WATCH_INTERVAL_MS = 250;
/** A worker turns at least every 100 ms. Ticks and not time, so that a suspended machine does not look like a hang. */
const STALLED_TICKS = 6;
/** How often we look whether our firewall rules are still there: by a program. */
const FIREWALL_CHECK_INTERVAL_MS = 3_000;
/** Pauses before a worker that died is started again: the first at once, later ones ever longer. */
const RESTART_DELAYS_MS = [0, 1_000, 2_000, 5_000, 10_000, 30_000];
/** A worker that lived for a minute has recovered: the next restart is immediate again. */
const STABLE_TICKS = 240;
/** Longer than draining can take. */
const STOP_LIMIT_MS = 5_000;
const KILL_LIMIT_MS = 1_000;
/** How often we look whether all workers have taken a command over, and for how long at most. */
const OBEDIENCE_CHECK_MS = 20;
const OBEDIENCE_LIMIT_MS = 2_000;

export interface SupervisorOptions {
  readonly policy: CheckedPolicy;
  readonly exceptions: readonly Exception[];
  readonly firewall: Firewall;
  readonly interception: Interception;
  readonly counterBytes: number;
  readonly datasets: DatasetHub;
  readonly log: Logger;
  /** Event lines, whole ones. */
  onEvents(text: string): void;
  /** Inspection was interrupted, or is back. `what` is one line for people. */
  readonly onFailure?: (what: string) => void;
  /** Has bypassed connections come back. Left out: there are none. */
  readonly recall?: Recall;
  readonly startThread?: StartThread;
  /** What the kernel says of the queues. */
  readonly readQueues?: typeof readQueueStatistics;
  /** A thread cannot even be killed: only the end of the process frees its queue. */
  onStuck(): void;
}

/** What went wrong since the start; none of it in a good run. */
export interface Incidents {
  /** Workers that died or hung and were started again. */
  readonly restarts: number;
  /** Times that somebody else removed our firewall rules. */
  readonly lostRules: number;
  /** Events dropped between the workers and the main thread. */
  readonly lostLines: number;
  /** Packets whose inspection threw. */
  readonly failedPackets: number;
  /**
   * Times that a queue may have been full and let packets pass, as fail open has it: the kernel does not count them.
   */
  readonly overflows: number;
}

/**
 * Keeps one worker alive for each queue, and the firewall rules in step with them: once they were there, they stay
 * (fail closed), or as long as no worker hangs and one of them works (fail open).
 */
export class Supervisor {
  readonly #options: Omit<SupervisorOptions, 'policy' | 'exceptions'>;
  readonly #slots: Slot[];
  readonly #counts: SharedCounts;
  readonly #rules: InstalledRules;
  readonly #timers: NodeJS.Timeout[] = [];
  #mode: Mode;
  #policy: CheckedPolicy;
  #exceptions: readonly Exception[];
  #interception: Interception;
  #isStopping = false;
  #restarts = 0;
  /** Of threads that are gone. */
  #pastLostLines = 0;
  #pastFailedPackets = 0;
  #pastOverflows = 0;

  constructor({ policy, exceptions, ...options }: SupervisorOptions) {
    this.#options = options;
    this.#mode = policy.config.mode;
    this.#policy = policy;
    this.#exceptions = exceptions;
    this.#interception = options.interception;
    const { firewall, log, onFailure = () => {} } = options;
    this.#rules = new InstalledRules({ firewall, log, onFailure });
    const queues = queuesOf(options.interception);
    this.#counts = new SharedCounts(policy.config.flow, queues.length);
    this.#slots = queues.map((queue, worker) => newSlot(queue, worker, options.counterBytes));
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** Counter memory of each worker; stays the same when a worker is restarted. */
  get counters(): readonly Float64Array[] {
    return this.#slots.map(({ counters }) => new Float64Array(counters));
  }

  get latency(): LatencyFigures {
    return LatencyHistogram.figures(this.#slots.map(({ latency }) => new LatencyHistogram(latency)));
  }

  get pauses(): PauseFigures {
    return PauseMeter.figures(this.#slots.map(({ pauses }) => pauses));
  }

  /** Of each queue, whether its worker inspects. */
  get queues(): readonly { readonly queue: number; readonly isInspecting: boolean }[] {
    return this.#slots.map(({ queue, isReady }) => ({ queue, isInspecting: isReady }));
  }

  /** Packets are inspected: our rules are there, as far as we know, and every queue has its worker. */
  get isIntercepting(): boolean {
    return this.#rules.areInPlace && this.#slots.every(({ isReady }) => isReady);
  }

  /** Every worker has turned lately, and answered packets if some waited. */
  get isProgressing(): boolean {
    return this.#slots.every(({ isReady, stalledTicks }) => isReady && stalledTicks <= 1);
  }

  get incidents(): Incidents {
    let lostLines = this.#pastLostLines;
    let failedPackets = this.#pastFailedPackets;
    let overflows = this.#pastOverflows;
    for (const { thread } of this.#slots) {
      lostLines += thread?.lostLines ?? 0;
      failedPackets += thread?.failedPackets ?? 0;
      overflows += thread?.overflows ?? 0;
    }
    return { restarts: this.#restarts, lostRules: this.#rules.lostTimes, lostLines, failedPackets, overflows };
  }

  /** Binds all queues, checks them, then intercepts. Rejects with a message for the administrator. */
  async start(): Promise<void> {
    this.#options.datasets.keepOnly(this.#policy.datasets);
    try {
      await Promise.all(this.#slots.map((slot) => this.#startThread(slot)));
      if (this.#isStopping) return;
      const gone = this.#slots.find(({ isReady }) => !isReady);
      if (gone !== undefined) throw new Error(`the worker of queue ${gone.queue} ended while others were starting`);
      this.#rules.installFirst(this.#interception);
    } catch (error) {
      // Half of them may be in place.
      const hadRules = this.#rules.areWanted;
      if (hadRules) this.#rules.remove();
      await this.kill();
      if (hadRules) this.#rules.dispose();
      throw error;
    }
    this.#timers.push(setInterval(() => this.#watchWorkers(), WATCH_INTERVAL_MS));
    this.#timers.push(setInterval(() => this.#rules.noteLoss() && this.#putBack(), FIREWALL_CHECK_INTERVAL_MS));
  }

  /**
   * Has every worker load a policy beside the one in use, then all take it over between two batches. Rejects, and
   * leaves everything as it was, when one of them cannot. One such call at a time.
   */
  async replacePolicy(checked: CheckedPolicy): Promise<void> {
    const threads = this.#slots.flatMap(({ thread, isReady }) => (thread !== null && isReady ? [thread] : []));
    if (threads.length < this.#slots.length) throw new Error('a worker is being started again: try again in a moment');
    const outcomes = await Promise.allSettled(threads.map((thread) => thread.prepare(checked)));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    // One that was started again meanwhile has the old policy.
    const isComplete = this.#slots.every(({ thread }, at) => thread === threads[at]);
    if (failed !== undefined || !isComplete) {
      for (const thread of threads) thread.command({ type: 'discard' });
      throw failed?.reason ?? new Error('a worker ended meanwhile: try again in a moment');
    }
    // A worker that is started from now on begins with it.
    this.#policy = checked;
    for (const thread of threads) thread.command({ type: 'adopt' });
    this.#options.datasets.keepOnly(checked.datasets);
    this.#recallBypassed();
  }

  /** Changes in one transaction what is handed to the queues, which stay the same. */
  setInterception(interception: Interception): void {
    this.#interception = interception;
    if (this.#rules.areInPlace) this.#rules.install(interception);
    else if (this.#rules.areWanted) this.#putBack();
  }

  setMode(mode: Mode): void {
    this.#mode = mode;
    for (const { thread } of this.#slots) thread?.command({ type: 'mode', mode });
    this.#recallBypassed();
  }

  setExceptions(exceptions: readonly Exception[]): void {
    this.#exceptions = exceptions;
    for (const { thread } of this.#slots) thread?.command({ type: 'exceptions', exceptions });
    this.#recallBypassed();
  }

  /** Takes the rules away, answers what waits, and closes the queues: no connection notices. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#rules.remove();
    await Promise.all(this.#slots.map((slot) => this.#stopThread(slot)));
    this.#options.recall?.();
    this.#rules.dispose();
  }

  /** Without waiting: what waits in the queues is dropped. */
  async kill(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#slots.map(({ thread }) => thread?.kill()));
  }

  /** The process ends without `stop`: fail open takes the rules away, fail closed leaves them. Waits for the tool. */
  abandon(): void {
    if (this.#interception.failure === 'closed' || !this.#rules.areWanted) return;
    this.#rules.remove();
    this.#options.recall?.();
    this.#rules.dispose();
  }

  /** What was let go under an earlier judgement comes back, once every worker judges by the new one. */
  async #recallBypassed(): Promise<void> {
    const { recall } = this.#options;
    if (recall === undefined) return;
    for (let waitedMs = 0; waitedMs < OBEDIENCE_LIMIT_MS; waitedMs += OBEDIENCE_CHECK_MS) {
      if (this.#slots.every(({ thread }) => thread === null || thread.hasObeyed)) break;
      await new Promise((resolve) => setTimeout(resolve, OBEDIENCE_CHECK_MS));
    }
    // Flows that were away for longer than silent ones are remembered: those connections are met in the middle.
    this.#noteLapse();
    recall();
  }

  async #stopThread({ queue, thread }: Slot): Promise<void> {
    if (thread === null) return;
    thread.command({ type: 'stop' });
    const isOver = await settlesWithin(thread.ended, STOP_LIMIT_MS);
    if (isOver) return;
    this.#options.log.warn(`the worker of queue ${queue} does not stop; what waits in the queue is dropped`);
    await settlesWithin(thread.kill(), KILL_LIMIT_MS);
  }

  async #startThread(slot: Slot): Promise<void> {
    const { datasets, firewall, log, onEvents, startThread = startWorkerThread } = this.#options;
    const thread = startThread(
      {
        queue: slot.queue,
        worker: slot.worker,
        checked: this.#policy,
        exceptions: this.#exceptions,
        mode: this.#mode,
        rejectMark: firewall.canReject ? this.#interception.rejectMark : 0,
        bypassMark: firewall.canBypass ? this.#interception.bypassMark : 0,
        counters: slot.counters,
        latency: slot.latency,
        pauses: slot.pauses,
        flowCells: this.#counts.flowCells,
        sourceMemory: this.#counts.sourceMemory,
        tracks: this.#counts.tracks,
        maxPendingCharacters: this.#policy.config.outputs.eve.bufferBytes,
      },
      {
        onEvents,
        onDataset: (changes) => this.#shareDataset(changes, thread),
        onLog: (level, message) => log[level]({ queue: slot.queue }, message),
      },
    );
    slot.thread = thread;
    slot.isReady = false;
    slot.liveTicks = 0;
    slot.stalledTicks = 0;
    thread.ended.then((end) => this.#onEnd(slot, thread, end));
    await thread.ready;
    slot.isReady = true;
    for (const changes of datasets.all()) thread.command({ type: 'dataset', changes });
  }

  #shareDataset(changes: DatasetChanges, from: Thread): void {
    this.#options.datasets.take(changes);
    for (const { thread } of this.#slots) {
      if (thread !== null && thread !== from) thread.command({ type: 'dataset', changes: { ...changes, all: null } });
    }
  }

  #onEnd(slot: Slot, thread: Thread, end: ThreadEnd): void {
    this.#pastLostLines += thread.lostLines;
    this.#pastFailedPackets += thread.failedPackets;
    this.#pastOverflows += thread.overflows;
    if (slot.thread === thread) {
      slot.thread = null;
      slot.isReady = false;
    }
    this.#counts.forget(slot.worker);
    if (this.#isStopping || this.#timers.length === 0) return;
    this.#restarts++;
    const reason = end.isOrderly ? 'it ended unasked' : end.reason;
    this.#tell('error', slot.queue, `the worker of queue ${slot.queue} is gone: ${reason}`);
    this.#goOnWithout();

    if (slot.liveTicks >= STABLE_TICKS) slot.failures = 0;
    this.#restartLater(slot);
  }

  #restartLater(slot: Slot): void {
    const delayMs = RESTART_DELAYS_MS[Math.min(slot.failures, RESTART_DELAYS_MS.length - 1)]!;
    slot.failures++;
    setTimeout(() => this.#restart(slot), delayMs).unref();
  }

  /** Packets of a queue that nobody holds pass, or drop, without our doing: other workers go on with theirs. */
  #goOnWithout(): void {
    if (!this.#slots.some(({ isReady }) => isReady)) this.#removeIfOpen();
    else if (!this.#rules.areWanted) this.#putBack();
  }

  async #restart(slot: Slot): Promise<void> {
    if (this.#isStopping) return;
    const isReady = this.#startThread(slot);
    // Null: the system has none to give.
    const { thread } = slot;
    try {
      await isReady;
    } catch (error) {
      // The end of a thread is told by `ended`, which also starts the next attempt.
      if (thread !== null) return;
      this.#tell('error', slot.queue, `queue ${slot.queue} gets no worker: ${(error as Error).message}`);
      this.#restartLater(slot);
      return;
    }
    this.#tell('info', slot.queue, `queue ${slot.queue} has a worker again`);
    if (this.#isStopping || this.#rules.areWanted) return;
    if (this.#slots.every(({ isReady, thread }) => isReady && thread !== null)) this.#putBack();
  }

  #watchWorkers(): void {
    const { readQueues = readQueueStatistics } = this.#options;
    const waiting = new Map(readQueues().map((row) => [row.queue, row.waiting]));
    for (const slot of this.#slots) {
      const { thread } = slot;
      if (thread === null || !slot.isReady) continue;
      slot.liveTicks++;
      slot.stalledTicks = getsOn(slot, thread, waiting.get(slot.queue) ?? 0) ? 0 : slot.stalledTicks + 1;
      if (slot.stalledTicks < STALLED_TICKS) continue;
      const stalledMs = slot.stalledTicks * WATCH_INTERVAL_MS;
      slot.isReady = false;
      this.#tell('error', slot.queue, `the worker of queue ${slot.queue} hangs since ${stalledMs} ms`);
      // Its queue would fill up: the bypass of the rules only helps when nobody holds the queue.
      this.#removeIfOpen();
      this.#killHanging(slot.queue, thread);
    }
  }

  /** One that is lost in native code does not even end then. */
  async #killHanging(queue: number, thread: Thread): Promise<void> {
    if (await settlesWithin(thread.kill(), KILL_LIMIT_MS)) return;
    this.#options.log.fatal({ queue }, `the worker of queue ${queue} cannot be ended: the service gives up`);
    this.#options.onStuck();
  }

  #tell(level: 'info' | 'error', queue: number, what: string): void {
    this.#options.log[level]({ queue }, what);
    this.#options.onFailure?.(what);
  }

  /**
   * Behind a time in which packets may have passed uninspected. Told before packets come again; and once more, since of
   * several rules one may have been there all the time, and shown packets of one direction meanwhile.
   */
  #putBack(): void {
    this.#noteLapse();
    this.#rules.install(this.#interception);
    this.#noteLapse();
  }

  #noteLapse(): void {
    for (const { thread } of this.#slots) thread?.noteLapse();
  }

  #removeIfOpen(): void {
    if (this.#interception.failure === 'open' && this.#rules.areWanted) this.#rules.remove();
  }
}

async function settlesWithin(promise: Promise<unknown>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  const isOver = await Promise.race([promise.then(() => true), limit]);
  clearTimeout(timer);
  return isOver;
}
