import { u8 } from '../../base/bytes.ts';
import { HEADER_BYTES } from './message.ts';
import { isHeader, LENGTH_BYTES } from './probe.ts';

/** Takes the messages of one TCP direction apart: each has its length in two bytes in front (RFC 1035 §4.2.2). */
export class MessageStream {
  /** The message that `take` has completed, null where it needs more bytes. Its own bytes. */
  message: Uint8Array | null = null;
  /** Where the message began whose length `take` has seen, and that length; -1: it saw none. */
  beganAt = -1;
  beganBytes = 0;
  #lengthBytesSeen = 0;
  #messageBytes = 0;
  #kept: Uint8Array | null = null;
  #keptBytes = 0;
  /** Some of the message was not seen. */
  #hasHole = false;
  /** Where the next message begins is unknown. */
  #isLost = false;

  /** A message has begun. */
  get isWithin(): boolean {
    return this.#lengthBytesSeen > 0;
  }

  /** Memory that takes the message in hand. */
  get heldBytes(): number {
    return this.#kept?.length ?? 0;
  }

  /** Takes bytes up to the end of a message; returns where it stopped. */
  take(bytes: Uint8Array, start: number, end: number): number {
    this.message = null;
    this.beganAt = -1;
    if (this.#isLost) {
      // As in Suricata, a piece that looks like a beginning is one.
      const messageBytes = end - start < LENGTH_BYTES ? 0 : (u8(bytes, start) << 8) | u8(bytes, start + 1);
      const isBeginning = messageBytes >= HEADER_BYTES && isHeader(bytes, start + LENGTH_BYTES, end, messageBytes);
      if (!isBeginning) return end;
      this.#isLost = false;
    }
    let at = start;
    while (at < end && this.#lengthBytesSeen < LENGTH_BYTES) {
      this.#messageBytes = (this.#messageBytes << 8) | u8(bytes, at++);
      // Suricata and common servers skip an empty message.
      if (++this.#lengthBytesSeen < LENGTH_BYTES) continue;
      if (this.#messageBytes === 0) this.#lengthBytesSeen = 0;
      else this.#noteBeginning(at);
    }
    if (at === end) return end;
    const count = Math.min(this.#messageBytes - this.#keptBytes, end - at);
    if (count < this.#messageBytes) this.#keep(bytes, at, at + count);
    else this.message = bytes.slice(at, at + count);
    if (this.#keptBytes === this.#messageBytes) this.message = this.#kept;
    if (this.message !== null || this.#keptBytes === this.#messageBytes) this.#finish();
    return at + count;
  }

  gap(missingBytes: number): void {
    const isInBody = this.#lengthBytesSeen === LENGTH_BYTES;
    const left = isInBody ? this.#messageBytes - this.#keptBytes : 0;
    if (missingBytes > left || !isInBody) {
      this.#finish();
      this.#isLost = true;
      return;
    }
    this.#hasHole = true;
    this.#kept = null;
    this.#keptBytes += missingBytes;
    if (this.#keptBytes === this.#messageBytes) this.#finish();
  }

  #noteBeginning(at: number): void {
    this.beganAt = at;
    this.beganBytes = this.#messageBytes;
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    const needed = this.#keptBytes + end - start;
    if (!this.#hasHole) {
      if (this.#kept === null || this.#kept.length < needed) {
        const grown = new Uint8Array(Math.min(this.#messageBytes, 2 * needed));
        if (this.#kept !== null) grown.set(this.#kept.subarray(0, this.#keptBytes));
        this.#kept = grown;
      }
      this.#kept.set(bytes.subarray(start, end), this.#keptBytes);
    }
    this.#keptBytes = needed;
  }

  #finish(): void {
    this.#lengthBytesSeen = 0;
    this.#messageBytes = 0;
    this.#kept = null;
    this.#keptBytes = 0;
    this.#hasHole = false;
  }
}
