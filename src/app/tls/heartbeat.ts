import type { Direction } from '../../base/direction.ts';
import type { TlsEvent } from './events.ts';

/** RFC 6520 §4. */
const REQUEST = 1;
const RESPONSE = 2;
const MIN_PADDING_BYTES = 16;
/** Type and length. */
export const HEARTBEAT_HEADER_BYTES = 3;

/** Heartbeats of one connection: a question, then its answer. */
export class Heartbeats {
  /** Who has asked and got no answer yet. */
  #asking: Direction | null = null;
  /** Of an encrypted question; 0: it was in the clear. */
  #questionBytes = 0;

  /** One in the clear: its type, the length that it claims, and the length of its record. Null: nothing is wrong. */
  plain(direction: Direction, type: number, payloadBytes: number, recordBytes: number): TlsEvent | null {
    if (type !== REQUEST && type !== RESPONSE) return 'tls.invalid_heartbeat_message';
    // The lie is the same in a question and in an answer, and whether or not another one is on its way.
    if (payloadBytes + HEARTBEAT_HEADER_BYTES > recordBytes) return 'tls.overflow_heartbeat_message';
    if (recordBytes - payloadBytes - HEARTBEAT_HEADER_BYTES < MIN_PADDING_BYTES) return 'tls.invalid_heartbeat_message';
    return this.#turn(direction) === 'repeated' ? 'tls.invalid_heartbeat_message' : null;
  }

  /** One that is encrypted: an answer is as long as its question. */
  encrypted(direction: Direction, recordBytes: number): TlsEvent | null {
    const questionBytes = this.#questionBytes;
    const turn = this.#turn(direction);
    if (turn === 'question') this.#questionBytes = recordBytes;
    if (turn === 'answer') {
      this.#questionBytes = 0;
      if (questionBytes > 0 && recordBytes > questionBytes) return 'tls.dataleak_heartbeat_mismatch';
    }
    return turn === 'repeated' ? 'tls.invalid_heartbeat_message' : null;
  }

  #turn(direction: Direction): 'question' | 'answer' | 'repeated' {
    if (this.#asking === null) {
      this.#asking = direction;
      return 'question';
    }
    if (this.#asking === direction) return 'repeated';
    this.#asking = null;
    return 'answer';
  }
}
