import { ByteBuffer } from '../byte-buffer.ts';
import { isBomb } from '../http/content-decoder.ts';
import { Inflater } from '../http/inflate.ts';
import type { WebsocketEvent } from './events.ts';

/** Suricata 8's `max-payload-size`: so much of a message is looked into. */
export const MAX_PAYLOAD_BYTES = 0xffff;
/** RFC 7692 §7.1.2: as far back as a packed message can refer to those before it. */
const WINDOW_BYTES = 32_768;
/** RFC 7692 §7.2.2: what a sender leaves out at the end of a message. */
const MESSAGE_TAIL = Uint8Array.of(0x00, 0x00, 0xff, 0xff);

/** What a message says, as far as it is kept. */
export interface MessageContent {
  readonly length: number;
  readonly isFull: boolean;
  /** Memory of its own. */
  readonly heldBytes: number;
  /** Borrowed. */
  view(start: number): Uint8Array;
  append(bytes: Uint8Array, start: number, end: number): WebsocketEvent | null;
  /** All of the message is there. */
  finish(): WebsocketEvent | null;
}

/** A message as it was sent. */
export class PlainContent implements MessageContent {
  readonly #kept = new ByteBuffer(MAX_PAYLOAD_BYTES);

  get length(): number {
    return this.#kept.length;
  }

  get isFull(): boolean {
    return this.#kept.isFull;
  }

  get heldBytes(): number {
    return this.#kept.heldBytes;
  }

  view(start: number): Uint8Array {
    return this.#kept.bytes.subarray(start, this.#kept.length);
  }

  append(bytes: Uint8Array, start: number, end: number): WebsocketEvent | null {
    this.#kept.append(bytes, start, end);
    return this.#kept.isCut ? 'websocket.reassembly_limit_reached' : null;
  }

  finish(): WebsocketEvent | null {
    return null;
  }
}

/** The packed messages of one direction (RFC 7692): each may refer to those before it. */
export class DeflateStream {
  /** Packed messages can no longer be read. */
  isBroken = false;
  readonly output = new ByteBuffer(WINDOW_BYTES + MAX_PAYLOAD_BYTES);
  #inflater = new Inflater(this.output, true);

  /** One at a time: what the one before holds is not valid any more. */
  begin(): DeflatedContent {
    this.slide();
    // A sender may end each message with a final block (RFC 7692 §7.2.3.4).
    if (this.#inflater.isDone) this.#inflater = new Inflater(this.output, true);
    return new DeflatedContent(this);
  }

  /** Forgets all that cannot be referred to. */
  slide(): void {
    const { output } = this;
    if (output.length <= WINDOW_BYTES) return;
    output.bytes.copyWithin(0, output.length - WINDOW_BYTES, output.length);
    output.length = WINDOW_BYTES;
  }

  /** Returns where it stopped: before `end` where the output is full. */
  write(bytes: Uint8Array, start: number, end: number): number {
    if (this.isBroken) return end;
    const at = this.#inflater.write(bytes, start, end);
    if (this.#inflater.isCorrupt) this.isBroken = true;
    return this.isBroken || this.#inflater.isDone ? end : at;
  }
}

/** A packed message. What is over the limit is unpacked all the same, since later messages may refer to it. */
class DeflatedContent implements MessageContent {
  readonly #stream: DeflateStream;
  readonly #start: number;
  /** When the limit is reached: what was kept by then. */
  #kept: Uint8Array | null = null;
  #packedBytes = 0;
  #unpackedBytes = 0;

  constructor(stream: DeflateStream) {
    this.#stream = stream;
    this.#start = stream.output.length;
  }

  get length(): number {
    return this.#kept === null ? this.#stream.output.length - this.#start : this.#kept.length;
  }

  get isFull(): boolean {
    return this.#kept !== null;
  }

  get heldBytes(): number {
    return this.#kept?.length ?? 0;
  }

  view(start: number): Uint8Array {
    const { output } = this.#stream;
    return this.#kept === null ? output.bytes.subarray(this.#start + start, output.length) : this.#kept.subarray(start);
  }

  append(bytes: Uint8Array, start: number, end: number): WebsocketEvent | null {
    const stream = this.#stream;
    const { output } = stream;
    const wasBroken = stream.isBroken;
    this.#packedBytes += end - start;
    let event: WebsocketEvent | null = null;
    let at = start;
    do {
      const before = output.length;
      at = stream.write(bytes, at, end);
      this.#unpackedBytes += output.length - before;
      if (!output.isFull) break;
      event ??= 'websocket.reassembly_limit_reached';
      this.#kept ??= output.bytes.slice(this.#start, this.#start + MAX_PAYLOAD_BYTES);
      stream.slide();
      if (isBomb(this.#packedBytes, this.#unpackedBytes)) {
        stream.isBroken = true;
        return 'websocket.compression_bomb';
      }
    } while (at <= end);
    return stream.isBroken && !wasBroken ? 'websocket.failed_decompression' : event;
  }

  finish(): WebsocketEvent | null {
    return this.append(MESSAGE_TAIL, 0, MESSAGE_TAIL.length);
  }
}
