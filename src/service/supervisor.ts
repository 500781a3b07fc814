import { type Config, type Mode, mergeConfig } from '../config/config.ts';
import { FlowCounts } from '../flow/counts.ts';
import type { Logger } from '../output/log.ts';
import type { Firewall } from './firewall.ts';
import type { HostAddresses } from './host-variables.ts';
import type { Interception } from './interception.ts';
import type { RuleTexts } from './rule-set.ts';
import { type StartThread, startWorkerThread, type Thread, type ThreadEnd } from './worker-thread.ts';

/** How often the workers' signs of life are looked at. */
const WATCH_INTERVAL_MS = 500;
/** A worker turns at least every 100 ms. Ticks and not time, so that a suspended machine does not look like a hang. */
const STALLED_TICKS = 4;
/** The same while it compiles rules: a minute, of which the largest rule sets need seconds. */
const COMPILING_TICKS = 120;
/** How often we look whether our firewall rules are still there, and whether the host has new addresses: by programs. */
const HOST_CHECK_INTERVAL_MS = 5_000;
/**
 * After new addresses, so many checks pass before the next look: each time the rules are compiled again, and a neighbour
 * can give an IPv6 host new addresses as often as it likes.
 */
const ADDRESS_PAUSE_CHECKS = 6;
/** Pauses before a worker that died is started again: the first at once, later ones ever longer. */
const RESTART_DELAYS_MS = [0, 1_000, 2_000, 5_000, 10_000, 30_000];
/** A worker that lived for a minute has recovered: the next restart is immediate again. */
const STABLE_TICKS = 120;
/** Longer than draining can take. */
const STOP_LIMIT_MS = 5_000;
const KILL_LIMIT_MS = 1_000;

export interface SupervisorOptions {
  readonly config: Config;
  readonly rules: RuleTexts;
  readonly firewall: Firewall;
  readonly interception: Interception;
  readonly counterBytes: number;
  readonly log: Logger;
  /** Event lines, whole ones. */
  onEvents(text: string): void;
  readonly startThread?: StartThread;
  /** Null: HOME_NET is what the configuration says. */
  readonly addresses?: HostAddresses | null;
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
}

interface Slot {
  readonly queue: number;
  readonly worker: number;
  readonly counters: SharedArrayBuffer;
  thread: Thread | null;
  /** The thread has bound its queue, and has to give signs of life. */
  isReady: boolean;
  heartbeat: number;
  /** Ticks since it was ready, and of these the last ones without a sign of life. */
  liveTicks: number;
  stalledTicks: number;
  /** In a row. */
  failures: number;
  /** Its rules are compiled with variables that have changed since. */
  isOutdated: boolean;
  /** It was told to compile them, and has not done so yet. */
  isCompiling: boolean;
}

/**
 * Keeps one worker alive for each queue, and the firewall rules in step with them: rules are there only while every
 * queue has a worker (fail open), or always once they were there (fail closed).
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #slots: Slot[];
  readonly #flowCells: Int32Array<SharedArrayBuffer>;
  readonly #timers: NodeJS.Timeout[] = [];
  #mode: Mode;
  /** With the variables of now. */
  #config: Config;
  #addressPause = 0;
  #hasRules = false;
  #isStopping = false;
  #restarts = 0;
  #lostRules = 0;
  /** Of threads that are gone. */
  #pastLostLines = 0;
  #pastFailedPackets = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#mode = options.config.mode;
    this.#config = options.config;
    const { firstQueue, queueCount } = options.interception;
    this.#flowCells = FlowCounts.sharedCells(queueCount);
    this.#slots = Array.from({ length: queueCount }, (_, i) => ({
      queue: firstQueue + i,
      worker: i,
      counters: new SharedArrayBuffer(options.counterBytes),
      thread: null,
      isReady: false,
      heartbeat: 0,
      liveTicks: 0,
      stalledTicks: 0,
      failures: 0,
      isOutdated: false,
      isCompiling: false,
    }));
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** Counter memory of each worker; stays the same when a worker is restarted. */
  get counters(): readonly Float64Array[] {
    return this.#slots.map(({ counters }) => new Float64Array(counters));
  }

  get incidents(): Incidents {
    let lostLines = this.#pastLostLines;
    let failedPackets = this.#pastFailedPackets;
    for (const { thread } of this.#slots) {
      lostLines += thread?.lostLines ?? 0;
      failedPackets += thread?.failedPackets ?? 0;
    }
    return { restarts: this.#restarts, lostRules: this.#lostRules, lostLines, failedPackets };
  }

  /** Binds all queues, checks them, then intercepts. Rejects with a message for the administrator. */
  async start(): Promise<void> {
    try {
      await Promise.all(this.#slots.map((slot) => this.#startThread(slot)));
      if (this.#isStopping) return;
      this.#hasRules = true;
      this.#options.firewall.install(this.#options.interception);
    } catch (error) {
      // Half of them may be in place.
      const hadRules = this.#hasRules;
      if (hadRules) this.#uninstall();
      await this.kill();
      if (hadRules) this.#dispose();
      throw error;
    }
    this.#timers.push(setInterval(() => this.#watchWorkers(), WATCH_INTERVAL_MS));
    this.#timers.push(setInterval(() => this.#watchHost(), HOST_CHECK_INTERVAL_MS));
  }

  setMode(mode: Mode): void {
    this.#mode = mode;
    for (const { thread } of this.#slots) thread?.command({ type: 'mode', mode });
  }

  /** Takes the rules away, answers what waits, and closes the queues: no connection notices. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#uninstall();
    await Promise.all(this.#slots.map((slot) => this.#stopThread(slot)));
    this.#dispose();
  }

  /** Without waiting: what waits in the queues is dropped. */
  async kill(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#slots.map(({ thread }) => thread?.kill()));
  }

  /** The process ends without `stop`: fail open takes the rules away, fail closed leaves them. Waits for the tool. */
  abandon(): void {
    if (this.#options.interception.failure === 'closed' || !this.#hasRules) return;
    this.#uninstall();
    this.#dispose();
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
    const { rules, firewall, interception, log, onEvents, startThread = startWorkerThread } = this.#options;
    const thread = startThread(
      {
        queue: slot.queue,
        worker: slot.worker,
        config: this.#config,
        mode: this.#mode,
        rules,
        rejectMark: firewall.canReject ? interception.rejectMark : 0,
        counters: slot.counters,
        flowCells: this.#flowCells,
        maxPendingCharacters: this.#config.outputs.eve.bufferBytes,
      },
      { onEvents, onLog: (level, message) => log[level]({ queue: slot.queue }, message) },
    );
    slot.thread = thread;
    slot.isReady = false;
    slot.liveTicks = 0;
    slot.stalledTicks = 0;
    slot.isOutdated = false;
    slot.isCompiling = false;
    thread.ended.then((end) => this.#onEnd(slot, thread, end));
    await thread.ready;
    slot.isReady = true;
  }

  #onEnd(slot: Slot, thread: Thread, end: ThreadEnd): void {
    this.#pastLostLines += thread.lostLines;
    this.#pastFailedPackets += thread.failedPackets;
    if (slot.thread === thread) {
      slot.thread = null;
      slot.isReady = false;
      slot.isCompiling = false;
    }
    // Its flows are gone with it, and must not count against the caps of the others.
    new FlowCounts(this.#flowCells).forget(slot.worker);
    if (this.#isStopping || this.#timers.length === 0) return;
    this.#restarts++;
    const reason = end.isOrderly ? 'it ended unasked' : end.reason;
    this.#options.log.error({ queue: slot.queue }, `the worker of queue ${slot.queue} is gone: ${reason}`);
    this.#uninstallIfOpen();

    if (slot.liveTicks >= STABLE_TICKS) slot.failures = 0;
    const delayMs = RESTART_DELAYS_MS[Math.min(slot.failures, RESTART_DELAYS_MS.length - 1)]!;
    slot.failures++;
    setTimeout(() => this.#restart(slot), delayMs).unref();
  }

  async #restart(slot: Slot): Promise<void> {
    if (this.#isStopping) return;
    try {
      await this.#startThread(slot);
    } catch {
      // Its end is told by `ended`, which also starts the next attempt.
      return;
    }
    this.#options.log.info({ queue: slot.queue }, `queue ${slot.queue} has a worker again`);
    if (!this.#isStopping && this.#slots.every(({ isReady, thread }) => isReady && thread !== null)) this.#install();
  }

  #watchWorkers(): void {
    for (const slot of this.#slots) {
      const { thread } = slot;
      if (thread === null || !slot.isReady) continue;
      const isAlive = thread.heartbeat !== slot.heartbeat;
      slot.heartbeat = thread.heartbeat;
      slot.liveTicks++;
      slot.stalledTicks = isAlive ? 0 : slot.stalledTicks + 1;
      slot.isCompiling &&= thread.isObeying;
      if (slot.stalledTicks < (slot.isCompiling ? COMPILING_TICKS : STALLED_TICKS)) continue;
      const stalledMs = slot.stalledTicks * WATCH_INTERVAL_MS;
      slot.isReady = false;
      this.#options.log.error({ queue: slot.queue }, `the worker of queue ${slot.queue} hangs since ${stalledMs} ms`);
      // Its queue would fill up: the bypass of the rules only helps when nobody holds the queue.
      this.#uninstallIfOpen();
      thread.kill();
    }
    this.#updateWorkers();
  }

  /** One after the other: while one compiles, its queue waits. */
  #updateWorkers(): void {
    if (this.#slots.some(({ isCompiling }) => isCompiling)) return;
    const outdated = this.#slots.find((slot) => slot.isOutdated && slot.isReady && slot.stalledTicks === 0);
    if (outdated === undefined) return;
    outdated.isOutdated = false;
    outdated.isCompiling = true;
    outdated.thread?.command({ type: 'variables', variables: this.#config.variables });
  }

  #watchHost(): void {
    this.#watchFirewall();
    const { addresses } = this.#options;
    if (addresses == null) return;
    if (this.#addressPause > 0) {
      this.#addressPause--;
      return;
    }
    const added = addresses.refresh();
    if (added.length === 0) return;
    this.#addressPause = ADDRESS_PAUSE_CHECKS;
    this.#config = mergeConfig(this.#config, { variables: { addresses: { HOME_NET: addresses.homeNet } } });
    for (const slot of this.#slots) slot.isOutdated = true;
    this.#options.log.info(
      `this host has new addresses, which rules for $HOME_NET now protect too: ${added.join(', ')}`,
    );
  }

  #watchFirewall(): void {
    if (!this.#hasRules || this.#options.firewall.isInPlace()) return;
    this.#lostRules++;
    this.#options.log.warn("somebody else removed or changed vpatch's firewall rules; putting them back");
    this.#install();
  }

  /** While the service runs, a firewall that refuses is asked again by the next check. */
  #install(): void {
    this.#hasRules = true;
    try {
      this.#options.firewall.install(this.#options.interception);
    } catch (error) {
      this.#options.log.error(`traffic is not inspected: ${(error as Error).message}`);
    }
  }

  #uninstallIfOpen(): void {
    if (this.#options.interception.failure === 'open' && this.#hasRules) this.#uninstall();
  }

  #dispose(): void {
    try {
      this.#options.firewall.dispose();
    } catch (error) {
      this.#options.log.error((error as Error).message);
    }
  }

  #uninstall(): void {
    this.#hasRules = false;
    try {
      this.#options.firewall.remove();
    } catch (error) {
      this.#options.log.error((error as Error).message);
    }
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
