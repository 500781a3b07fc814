import type { MessagePort } from 'node:worker_threads';
import type { Mode } from '../config/config.ts';
import type { Exception } from '../detect/exceptions.ts';
import type { TrackMemory } from '../detect/tracks.ts';
import type { DatasetChanges } from '../rules/dataset.ts';
import type { CheckedPolicy } from './policy.ts';

/** What a worker is started with: how it is talked to. What it is to do follows as its first message. */
export interface WorkerLink {
  /** See CONTROL. */
  readonly control: SharedArrayBuffer;
  /** Commands and reports. */
  readonly port: MessagePort;
}

/** What a worker is to do. */
export interface WorkerSettings {
  readonly queue: number;
  /** 0, 1, 2 ... */
  readonly worker: number;
  readonly checked: CheckedPolicy;
  readonly exceptions: readonly Exception[];
  /** The mode of now, which may differ from the configuration's. */
  readonly mode: Mode;
  /** With this bit in its mark, the firewall rejects a packet that is accepted. 0: there is no such firewall rule. */
  readonly rejectMark: number;
  /** With this bit in its mark, the kernel goes on with an accepted packet's flow by itself. 0: it cannot. */
  readonly bypassMark: number;
  /** Memory of the pipeline's counters. The worker counts, the main thread reads. */
  readonly counters: SharedArrayBuffer;
  /** Memory of a LatencyHistogram: the same. */
  readonly latency: SharedArrayBuffer;
  /** Memory of a PauseMeter: the same. */
  readonly pauses: SharedArrayBuffer;
  /** The caps on concurrent flows hold for all workers together. */
  readonly flowCells: Int32Array<SharedArrayBuffer>;
  /** The same for the caps by source. Null: there is one worker, or no such cap. */
  readonly sourceMemory: SharedArrayBuffer | null;
  /** What rules remember of hosts holds for all workers. Null: there is one. */
  readonly tracks: TrackMemory | null;
  /** Event text that may be on its way to the main thread; what comes on top is dropped and counted. */
  readonly maxPendingCharacters: number;
}

/** Int32 columns of `WorkerLink.control`. All but COMMANDS, PENDING_CHARACTERS and LAPSES belong to the worker. */
export const CONTROL = {
  /** Changes while the worker lives: at least ten times a second. */
  HEARTBEAT: 0,
  /** Commands that the main thread has sent. Looking here costs less than looking for a message. */
  COMMANDS: 1,
  /** Characters of event text that the main thread has not taken yet. Both sides change it. */
  PENDING_CHARACTERS: 2,
  /** Events dropped because too much was pending. */
  LOST_LINES: 3,
  /** Packets whose inspection threw. */
  FAILED_PACKETS: 4,
  /** Packets that the kernel was given a verdict on; wraps. */
  ANSWERED: 5,
  /** How often packets may have passed that were not handed to any queue. The main thread's. */
  LAPSES: 6,
  /** Commands that the worker has worked through. */
  OBEYED: 7,
  /** How often its queue may have been full and let packets pass. */
  OVERFLOWS: 8,
} as const;
export const CONTROL_BYTES = Object.keys(CONTROL).length * Int32Array.BYTES_PER_ELEMENT;

export type WorkerCommand =
  /** The firewall rules are gone: answer what waits, then end. */
  | { readonly type: 'stop' }
  | { readonly type: 'mode'; readonly mode: Mode }
  /** Instead of all that were there before. */
  | { readonly type: 'exceptions'; readonly exceptions: readonly Exception[] }
  /** The same set of values is to become so here. */
  | { readonly type: 'dataset'; readonly changes: DatasetChanges }
  /** Load this policy beside the one in use, between batches, and say when it is there. */
  | { readonly type: 'prepare'; readonly checked: CheckedPolicy }
  /** From now on, judge by what was prepared. */
  | { readonly type: 'adopt' }
  /** Forget what was prepared, or is being prepared. */
  | { readonly type: 'discard' };

export type WorkerReport =
  /** The queue is bound, configured and tested. */
  | { readonly type: 'ready' }
  /** The policy of the last `prepare` waits to be adopted; or it cannot be loaded, and `problem` says why. */
  | { readonly type: 'prepared'; readonly problem: string | null }
  /** What rules did to a set of values. */
  | { readonly type: 'dataset'; readonly changes: DatasetChanges }
  /** Event lines, each with its line feed. */
  | { readonly type: 'events'; readonly text: string }
  | { readonly type: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly message: string }
  /** It could not start. `message` is for the administrator. */
  | { readonly type: 'refused'; readonly message: string }
  | { readonly type: 'stopped' };
