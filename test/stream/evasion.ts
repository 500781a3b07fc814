import type { TcpTrackerOptions } from '../../src/stream/options.ts';
import type { Segment } from './conversation.ts';

/**
 * Ways to make an inspecting host and a receiving host see different bytes, by kinds. Each is played against a server
 * that could take it either way: what is inspected is `toServer` (and `toClient`), and a packet that could mean
 * something else does not arrive, in prevent mode with limits closed.
 */
export interface Evasion {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly toServer?: string;
  readonly toClient?: string;
  /** False: without the handshake that goes before the steps. Else its options. */
  readonly handshake?: false | readonly number[];
  readonly tracker?: Partial<TcpTrackerOptions>;
  readonly isn?: number;
}

/** Who sends what, whether it arrives, and which events tell of it. */
export type Step = readonly [from: 'client' | 'server', Segment, 'pass' | 'drop', ...events: string[]];

export const SYN: Segment = { flags: 'S' };
export const SYN_ACK: Segment = { flags: 'SA', ack: 1 };
export const ACK: Segment = { seq: 1, ack: 1 };
export const data = (seq: number, text: string | Uint8Array, more: Segment = {}): Segment => ({
  flags: 'PA',
  seq,
  ack: 1,
  data: text,
  ...more,
});
