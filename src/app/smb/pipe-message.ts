import type { Direction } from '../../base/direction.ts';
import type { DcerpcConversation } from '../dcerpc/conversation.ts';
import { HEADER_BYTES, looksLikeHeader } from '../dcerpc/pdu.ts';
import type { DataSink } from './data-sink.ts';

/** One read from a named pipe, or one write to it. */
export class PipeMessage implements DataSink {
  bytesLeft: number;
  /** Null: nobody knows what is spoken there. */
  readonly #conversation: DcerpcConversation | null;
  readonly #direction: Direction;

  constructor(conversation: DcerpcConversation | null, direction: Direction, bytes: number) {
    this.#conversation = conversation;
    this.#direction = direction;
    this.bytesLeft = bytes;
    conversation?.beginMessage(direction);
  }

  consume(bytes: Uint8Array, start: number, end: number): void {
    this.bytesLeft -= end - start;
    this.#conversation?.consume(this.#direction, bytes, start, end);
  }

  gap(missingBytes: number): void {
    this.bytesLeft -= missingBytes;
    this.#conversation?.gap(this.#direction, missingBytes);
  }

  end(): void {
    if (this.bytesLeft > 0) this.#conversation?.gap(this.#direction, this.bytesLeft);
  }
}

/** Does this begin a fragment of DCERPC? */
export const looksLikeDcerpc = (bytes: Uint8Array): boolean =>
  bytes.length >= HEADER_BYTES && looksLikeHeader(bytes, 0);
