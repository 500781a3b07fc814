import { u16 } from '../../base/bytes.ts';
import { type Direction, TO_SERVER } from '../../base/direction.ts';
import { STAGE, type Stage } from '../protocol.ts';
import type { WebsocketEvent } from './events.ts';
import { FrameReader, READ } from './frame-reader.ts';
import { DeflateStream, type MessageContent, PlainContent } from './message-content.ts';
import { FLAG, OPCODE, OPCODE_NAMES, WebsocketTransaction } from './transaction.ts';

/** What was agreed on when the connection became one of WebSocket. */
export interface Extensions {
  readonly hasDeflate: boolean;
  /** There is one that is not known, so that any bit may mean something. */
  readonly hasOther: boolean;
}

/** What one direction tells the connection of. */
export interface SideListener {
  nextId(): number;
  onProgress(tx: WebsocketTransaction, stage: Stage): void;
  raise(tx: WebsocketTransaction | null, direction: Direction, event: WebsocketEvent): void;
}

/** RFC 6455 §5.5. */
const MAX_CONTROL_BYTES = 125;

/** Follows the frames of one direction, puts messages together and unpacks them. */
export class SideReader {
  /** Frames cannot be followed any more. */
  isLost = false;
  readonly #listener: SideListener;
  readonly #direction: Direction;
  readonly #extensions: Extensions;
  readonly #frames = new FrameReader();
  readonly #deflate: DeflateStream | null;
  #tx: WebsocketTransaction | null = null;
  #hasGrown = false;
  /** Of a message whose last fragment has not come; control frames may come in between. */
  #message: MessageContent | null = null;
  #isPacked = false;

  constructor(listener: SideListener, direction: Direction, extensions: Extensions) {
    this.#listener = listener;
    this.#direction = direction;
    this.#extensions = extensions;
    this.#deflate = extensions.hasDeflate ? new DeflateStream() : null;
  }

  /** Memory that takes the message in hand, and what packed ones may refer to. */
  get heldBytes(): number {
    return (this.#message?.heldBytes ?? 0) + (this.#deflate?.output.heldBytes ?? 0);
  }

  consume(bytes: Uint8Array, start: number, end: number): void {
    const frames = this.#frames;
    let at = start;
    let read: number = READ.nothing;
    while (!this.isLost && (at < end || read === READ.head)) {
      read = frames.read(bytes, at, end);
      at = frames.at;
      if (read === READ.head) this.#begin();
      else if (read === READ.payload) this.#take();
    }
    if (this.#hasGrown && this.#tx !== null) this.#listener.onProgress(this.#tx, STAGE.body);
    this.#hasGrown = false;
  }

  gap(missingBytes: number): void {
    if (this.isLost) return;
    this.#raise('websocket.gap');
    if (this.#frames.skip(missingBytes)) {
      if (this.#isPacked && this.#deflate !== null) this.#deflate.isBroken = true;
      return;
    }
    this.#listener.raise(null, this.#direction, 'websocket.not_followed');
    this.end();
    this.isLost = true;
  }

  /** No more bytes: what was begun is shown as far as it came. */
  end(): void {
    const tx = this.#tx;
    this.#tx = null;
    if (tx !== null) this.#listener.onProgress(tx, STAGE.complete);
  }

  #raise(event: WebsocketEvent): void {
    this.#listener.raise(this.#tx, this.#direction, event);
  }

  #begin(): void {
    const frames = this.#frames;
    const tx = new WebsocketTransaction(this.#listener.nextId(), this.#direction, frames.firstByte);
    this.#tx = tx;
    tx.mask = frames.mask;
    this.#checkHead(tx);
    if (frames.isLengthInvalid) {
      this.#listener.raise(null, this.#direction, 'websocket.not_followed');
      this.isLost = true;
    }
    if (tx.opcode >= OPCODE.connectionClose) tx.content = new PlainContent();
    else {
      // Bit 1 of the first fragment is about the whole message (RFC 7692 §6).
      if (this.#message === null || tx.opcode !== OPCODE.continuation) {
        this.#isPacked = this.#deflate !== null && (tx.flags & FLAG.compressed) !== 0;
        this.#message = this.#isPacked ? this.#deflate!.begin() : new PlainContent();
      }
      tx.content = this.#message;
      tx.contentStart = tx.content.length;
    }
    this.#listener.onProgress(tx, STAGE.head);
    if (this.isLost) this.end();
  }

  #checkHead({ flags, opcode, mask }: WebsocketTransaction): void {
    const { lengthBytes, isLengthInvalid, isLengthMinimal } = this.#frames;
    const isControl = opcode >= OPCODE.connectionClose;
    const isFinal = (flags & FLAG.fin) !== 0;
    if (this.#direction === TO_SERVER && mask === null) this.#raise('websocket.client_frame_unmasked');
    if (this.#direction !== TO_SERVER && mask !== null) this.#raise('websocket.server_frame_masked');
    const { hasDeflate, hasOther } = this.#extensions;
    const mayBePacked = hasDeflate && !isControl && opcode !== OPCODE.continuation;
    const unknownFlags = flags & (FLAG.reserved | (mayBePacked ? 0 : FLAG.compressed));
    if (unknownFlags !== 0 && !hasOther) this.#raise('websocket.reserved_bits');
    if (!OPCODE_NAMES.has(opcode)) this.#raise('websocket.invalid_opcode');
    if (isControl && (!isFinal || lengthBytes > MAX_CONTROL_BYTES)) this.#raise('websocket.invalid_control_frame');
    if (!isControl && (opcode === OPCODE.continuation) !== (this.#message !== null)) {
      this.#raise('websocket.invalid_fragmentation');
    }
    if (isLengthInvalid) this.#raise('websocket.invalid_length');
    else if (!isLengthMinimal) this.#raise('websocket.length_not_minimal');
  }

  #take(): void {
    const { payload, start, end, isLast } = this.#frames;
    const tx = this.#tx!;
    const content = tx.content!;
    if (end > start) {
      this.#raiseOf(tx, content.append(payload, start, end));
      this.#hasGrown = true;
    }
    if (isLast) this.#finish(tx, content);
  }

  #finish(tx: WebsocketTransaction, content: MessageContent): void {
    const isControl = tx.opcode >= OPCODE.connectionClose;
    const isFinal = (tx.flags & FLAG.fin) !== 0;
    if (!isControl && isFinal) {
      this.#raiseOf(tx, content.finish());
      tx.contentStart = 0;
      this.#message = null;
      this.#isPacked = false;
    }
    if (tx.opcode === OPCODE.connectionClose && !isCloseValid(content.view(0))) this.#raise('websocket.invalid_close');
    this.#hasGrown = false;
    this.end();
  }

  #raiseOf(tx: WebsocketTransaction, event: WebsocketEvent | null): void {
    if (event === null) return;
    const isOneFrame = (tx.flags & FLAG.fin) !== 0 && tx.opcode !== OPCODE.continuation && !this.#isPacked;
    const isTooLong = event === 'websocket.reassembly_limit_reached';
    this.#raise(isTooLong && isOneFrame ? 'websocket.skip_end_of_payload' : event);
  }
}

/** RFC 6455 §5.5.1, §7.4: nothing, or a code that may be sent, with a text. */
function isCloseValid(payload: Uint8Array): boolean {
  if (payload.length === 0) return true;
  if (payload.length === 1) return false;
  const code = u16(payload, 0);
  return (code >= 1000 && code <= 1014 && !UNSENT_CODES.has(code)) || (code >= 3000 && code < 5000);
}

/** Reserved, or only for saying locally that there was none. */
const UNSENT_CODES: ReadonlySet<number> = new Set([1004, 1005, 1006]);
