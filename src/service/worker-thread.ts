import { setFlagsFromString } from 'node:v8';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { DatasetChanges } from '../rules/dataset.ts';
import type { CheckedPolicy } from './policy.ts';
import {
  CONTROL,
  CONTROL_BYTES,
  type WorkerCommand,
  type WorkerLink,
  type WorkerReport,
  type WorkerSettings,
} from './worker-messages.ts';

/**
 * Heap limits of a worker. Transactions and connections are what it allocates, a kilobyte or two each. Of this young
 * generation a third is filled before it is collected: every 1,000 to 2,000 requests. Each time, every page of the old
 * generation is gone through, however little there is to collect: at half of it, a new connection costs 6 to 9 % more
 * (with 14,000 rules), at twice of it as much. The old generation holds rules and the state of flows, and ends a worker
 * that leaks.
 */
const YOUNG_GENERATION_MIB = 6;
const OLD_GENERATION_MIB = 1024;

/**
 * Collecting the young generation takes 0.2 ms, during which packets wait. With helpers it takes 2.3 ms where other
 * processes keep two cores busy (median; Node 20.20): the helpers get their turn like anybody else.
 */
setFlagsFromString('--no-parallel-scavenge');

/**
 * How much bytecode the compiler draws together into one function; V8 has 920. A packet goes through some hundred small
 * functions: in a loop over the pipeline, less calling saves 5 to 8 % of a small page and 8 to 13 % of a new connection
 * (Node 20.20). Beyond 3,000 it gets no better.
 */
setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000');

export interface ThreadHooks {
  onEvents(text: string): void;
  onDataset(changes: DatasetChanges): void;
  onLog(level: 'info' | 'warn' | 'error', message: string): void;
}

/** Why a thread is gone: it was told to stop, or `reason` says what happened. */
export type ThreadEnd = { readonly isOrderly: true } | { readonly isOrderly: false; readonly reason: string };

interface Settle<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

/** One queue's thread, from its start to its end; a restart makes a new one. */
export interface Thread {
  /** Resolves when the queue is bound and tested; rejects when the thread ends before. */
  readonly ready: Promise<void>;
  readonly ended: Promise<ThreadEnd>;
  /** Changes at least ten times a second, unless the thread hangs. */
  readonly heartbeat: number;
  /** Events dropped because the main thread did not take them in time. */
  readonly lostLines: number;
  /** Packets whose inspection threw. */
  readonly failedPackets: number;
  /** How often its queue may have been full and let packets pass. */
  readonly overflows: number;
  /** Changes with every packet that the kernel was answered. */
  readonly answeredPackets: number;
  /** It judges as the last command wants it. */
  readonly hasObeyed: boolean;
  command(command: WorkerCommand): void;
  /** Packets may have passed uninspected: counts before the next batch is judged. */
  noteLapse(): void;
  /** Has a policy loaded beside the one in use. Resolves when it can be adopted; rejects when it cannot. */
  prepare(checked: CheckedPolicy): Promise<void>;
  /** Without answering what waits. Resolves when the thread is gone and its queue with it. */
  kill(): Promise<void>;
}

export type StartThread = (settings: WorkerSettings, hooks: ThreadHooks) => Thread;

/** Threads whose program is this. */
export const threadsOf =
  (program: URL): StartThread =>
  (settings, hooks) => {
    const thread = new WorkerThread(program, settings.queue);
    thread.begin(settings, hooks);
    return thread;
  };

/**
 * Workers of these queues whose code is loaded meanwhile, which takes a tenth of a second: the first start of each uses
 * that. What is not used does not keep the process alive.
 */
export function threadsAhead(queues: readonly number[]): StartThread {
  const loading = new Map(queues.map((queue) => [queue, new WorkerThread(WORKER_PROGRAM, queue)]));
  return (settings, hooks) => {
    const thread = loading.get(settings.queue);
    if (thread === undefined) return startWorkerThread(settings, hooks);
    loading.delete(settings.queue);
    thread.begin(settings, hooks);
    return thread;
  };
}

const WORKER_PROGRAM = new URL('./worker.js', import.meta.url);
export const startWorkerThread: StartThread = threadsOf(WORKER_PROGRAM);

/** Loads its program, and waits for `begin`. */
class WorkerThread implements Thread {
  readonly ready: Promise<void>;
  readonly ended: Promise<ThreadEnd>;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #control: Int32Array;
  #hooks: ThreadHooks | null = null;
  /** Waits for what was told to prepare. */
  #preparing: Settle<void> | null = null;
  #isOrderly = false;
  #failure = 'ended without a word';

  constructor(program: URL, queue: number) {
    const control = new SharedArrayBuffer(CONTROL_BYTES);
    const { port1, port2 } = new MessageChannel();
    this.#control = new Int32Array(control);
    this.#port = port1;
    const workerData: WorkerLink = { control, port: port2 };
    this.#worker = new Worker(program, {
      name: `vpatch-queue-${queue}`,
      workerData,
      transferList: [port2],
      // Not the options that Node itself was started with: some are only for the main thread. It would warn of a call
      // that is not yet promised to stay (GradualRelease).
      execArgv: ['--no-warnings'],
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB, maxOldGenerationSizeMb: OLD_GENERATION_MIB },
    });

    let settle: Settle<void> | null = null;
    this.ready = new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
    // Nobody has to wait for it: whoever watches `ended` learns the same.
    this.ready.catch(() => {});
    const ready = settle as unknown as Settle<void>;
    port1.on('message', (report: WorkerReport) => this.#onReport(report, ready));
    this.#worker.on('error', (error) => {
      this.#failure = error.message;
    });
    this.ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        // What it said last, which may be why it ended, is still under way.
        for (let last = receiveMessageOnPort(port1); last !== undefined; last = receiveMessageOnPort(port1)) {
          this.#onReport(last.message as WorkerReport, ready);
        }
        port1.close();
        ready.reject(new Error(this.#failure));
        this.#preparing?.reject(new Error(`a worker ended: ${this.#failure}`));
        resolve(this.#isOrderly ? { isOrderly: true } : { isOrderly: false, reason: this.#failure });
      });
    });
    this.#worker.unref();
    port1.unref();
  }

  /** Once. */
  begin(settings: WorkerSettings, hooks: ThreadHooks): void {
    this.#hooks = hooks;
    this.#worker.ref();
    this.#port.ref();
    this.#worker.postMessage(settings);
  }

  get heartbeat(): number {
    return Atomics.load(this.#control, CONTROL.HEARTBEAT);
  }

  get lostLines(): number {
    return Atomics.load(this.#control, CONTROL.LOST_LINES);
  }

  get failedPackets(): number {
    return Atomics.load(this.#control, CONTROL.FAILED_PACKETS);
  }

  get overflows(): number {
    return Atomics.load(this.#control, CONTROL.OVERFLOWS);
  }

  get answeredPackets(): number {
    return Atomics.load(this.#control, CONTROL.ANSWERED);
  }

  get hasObeyed(): boolean {
    return Atomics.load(this.#control, CONTROL.OBEYED) === Atomics.load(this.#control, CONTROL.COMMANDS);
  }

  command(command: WorkerCommand): void {
    this.#port.postMessage(command);
    Atomics.add(this.#control, CONTROL.COMMANDS, 1);
  }

  noteLapse(): void {
    Atomics.add(this.#control, CONTROL.LAPSES, 1);
  }

  async prepare(checked: CheckedPolicy): Promise<void> {
    const prepared = new Promise<void>((resolve, reject) => {
      this.#preparing = { resolve, reject };
    });
    this.command({ type: 'prepare', checked });
    await prepared;
  }

  async kill(): Promise<void> {
    await this.#worker.terminate();
  }

  #onReport(report: WorkerReport, ready: Settle<void>): void {
    switch (report.type) {
      case 'ready':
        ready.resolve();
        return;
      case 'prepared':
        if (report.problem === null) this.#preparing?.resolve();
        else this.#preparing?.reject(new Error(report.problem));
        return;
      case 'events':
        Atomics.sub(this.#control, CONTROL.PENDING_CHARACTERS, report.text.length);
        this.#hooks?.onEvents(report.text);
        return;
      case 'dataset':
        this.#hooks?.onDataset(report.changes);
        return;
      case 'log':
        this.#hooks?.onLog(report.level, report.message);
        return;
      case 'refused':
        this.#failure = report.message;
        return;
      case 'stopped':
        this.#isOrderly = true;
        return;
      default:
        report satisfies never;
    }
  }
}
