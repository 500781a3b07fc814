import { u8 } from '../../base/bytes.ts';
import { ByteBuffer } from '../byte-buffer.ts';

/** RFC 8446 §4, RFC 5246 §7.4: types that come in the clear. */
export const HANDSHAKE = {
  helloRequest: 0,
  clientHello: 1,
  serverHello: 2,
  newSessionTicket: 4,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
  certificateUrl: 21,
  certificateStatus: 22,
  supplementalData: 23,
} as const;

const KNOWN: ReadonlySet<number> = new Set(Object.values(HANDSHAKE));
/** Those whose content is looked into. */
const READ: ReadonlySet<number> = new Set([HANDSHAKE.clientHello, HANDSHAKE.serverHello, HANDSHAKE.certificate]);
const HEADER_BYTES = 4;

/**
 * A message that is kept while it arrives. OpenSSL takes hellos of 128 KiB and certificate lists of 100 KiB. Over it:
 * `tls.handshake_message_too_long`, and the message is skipped.
 */
export const MAX_MESSAGE_BYTES = 128 * 1024;

export interface MessageHandler {
  /** `message`: without its header, given away; null for a type that is not read, or one that is too long. */
  onMessage(type: number, message: Uint8Array | null): void;
  /** The header of a message of no known type, which is skipped: its length may never come. */
  onUnknown(): void;
  onTooLong(): void;
  /** While true, what is left is not read any more. */
  readonly isOver: boolean;
}

/** Finds the handshake messages in the content of one direction's records: they need not begin or end with one. */
export class HandshakeReader {
  readonly #handler: MessageHandler;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #type = 0;
  #remainingBytes = 0;
  #message: ByteBuffer | null = null;

  /** Memory that the message in hand takes. */
  get heldBytes(): number {
    return this.#message?.heldBytes ?? 0;
  }

  constructor(handler: MessageHandler) {
    this.#handler = handler;
  }

  /** The header of a message has begun, and not all of it is there. */
  get isInHeader(): boolean {
    return this.#headerBytes > 0;
  }

  consume(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end && !this.#handler.isOver) {
      if (this.#remainingBytes > 0) {
        const pieceEnd = Math.min(end, at + this.#remainingBytes);
        this.#message?.append(bytes, at, pieceEnd);
        this.#remainingBytes -= pieceEnd - at;
        at = pieceEnd;
        if (this.#remainingBytes === 0) this.#finish();
        continue;
      }
      this.#header[this.#headerBytes++] = u8(bytes, at++);
      if (this.#headerBytes === HEADER_BYTES) this.#begin();
    }
  }

  #begin(): void {
    const header = this.#header;
    this.#headerBytes = 0;
    this.#type = u8(header, 0);
    this.#remainingBytes = (u8(header, 1) << 16) | (u8(header, 2) << 8) | u8(header, 3);
    if (READ.has(this.#type)) {
      if (this.#remainingBytes > MAX_MESSAGE_BYTES) this.#handler.onTooLong();
      else this.#message = new ByteBuffer(this.#remainingBytes);
    } else if (!KNOWN.has(this.#type)) this.#handler.onUnknown();
    if (this.#remainingBytes === 0) this.#finish();
  }

  #finish(): void {
    const message = this.#message?.view() ?? null;
    this.#message = null;
    this.#handler.onMessage(this.#type, message);
  }
}
