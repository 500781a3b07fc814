import { copyBytes } from '../../base/bytes.ts';
import type { SmbHeader } from './header.ts';
import type { OpenFile } from './open-file.ts';

/** Calls of one connection that wait for their other messages. Clients send one at a time; ours. */
const MAX_SPLIT_CALLS = 16;
/** What all of them say that they will have, for which there is room at once: two of the largest. Ours. */
const MAX_SPLIT_BYTES = 128 * 1024;

/** Those of a connection, by the number that all messages of a call have. */
export class SplitCalls {
  readonly #calls = new Map<number, SplitCall>();
  /** The room that they take. */
  reservedBytes = 0;

  /** Null: there are too many. One that is begun anew begins from nothing. */
  begin(header: SmbHeader, file: OpenFile, totalBytes: number): SplitCall | null {
    this.end(header);
    if (this.#calls.size >= MAX_SPLIT_CALLS || this.reservedBytes + totalBytes > MAX_SPLIT_BYTES) return null;
    const call = new SplitCall(file, totalBytes);
    this.#calls.set(keyOf(header), call);
    this.reservedBytes += call.reservedBytes;
    return call;
  }

  of(header: SmbHeader): SplitCall | null {
    return this.#calls.get(keyOf(header)) ?? null;
  }

  end(header: SmbHeader): void {
    this.reservedBytes -= this.of(header)?.reservedBytes ?? 0;
    this.#calls.delete(keyOf(header));
  }
}

/** Without the command, which the first message has another one of. */
const keyOf = ({ messageKey }: SmbHeader): number => Math.floor(messageKey / 256);

/** A call through a pipe that a client of SMB1 sends in several messages, in any order ([MS-CIFS] §3.2.4.1.5). */
export class SplitCall {
  readonly file: OpenFile;
  readonly #bytes: Uint8Array;
  #totalBytes: number;
  #receivedBytes = 0;

  /** `totalBytes`: what the first message says that it will have; 16 bits. */
  constructor(file: OpenFile, totalBytes: number) {
    this.file = file;
    this.#totalBytes = totalBytes;
    this.#bytes = new Uint8Array(totalBytes);
  }

  /** The room that it takes, whatever came of it. */
  get reservedBytes(): number {
    return this.#bytes.length;
  }

  /** All of it, when it is there. */
  get whole(): Uint8Array | null {
    return this.#receivedBytes < this.#totalBytes ? null : this.#bytes.subarray(0, this.#totalBytes);
  }

  /** A part for this place; `totalBytes` may have become less. False: it does not fit. */
  add(at: number, bytes: Uint8Array, start: number, end: number, totalBytes: number): boolean {
    const to = at + end - start;
    if (to > this.#totalBytes) return false;
    copyBytes(bytes, start, end, this.#bytes, at);
    this.#receivedBytes += end - start;
    this.#totalBytes = Math.min(this.#totalBytes, Math.max(totalBytes, this.#receivedBytes));
    return true;
  }
}
