import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import type { AppParser, AppSink } from '../protocol.ts';
import type { DcerpcCall } from './call.ts';
import { type ConversationHost, DcerpcConversation } from './conversation.ts';
import type { DcerpcEvent } from './events.ts';
import { DcerpcTransaction } from './transaction.ts';

/** A TCP connection of its own. */
export class DcerpcParser implements AppParser, ConversationHost {
  readonly sink: AppSink;
  readonly stubMemory = { bytes: 0 };
  readonly #conversation = new DcerpcConversation(this);
  #transaction: DcerpcTransaction | null = null;
  #count = 0;

  constructor(sink: AppSink) {
    this.sink = sink;
  }

  get isDone(): boolean {
    return this.#conversation.isBroken(TO_SERVER) && this.#conversation.isBroken(TO_CLIENT);
  }

  get heldBytes(): number {
    return this.stubMemory.bytes;
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    this.#conversation.consume(direction, bytes, start, end);
  }

  gap(direction: Direction, missingBytes: number): void {
    this.#conversation.gap(direction, missingBytes);
  }

  /** What the other side still sends answers to calls that are there. */
  end(direction: Direction): void {
    if (direction === TO_CLIENT) this.#conversation.end();
  }

  transactionOf(call: DcerpcCall): DcerpcTransaction {
    this.#transaction = new DcerpcTransaction(this.#count++, call);
    return this.#transaction;
  }

  onMalformed(direction: Direction): void {
    this.#raise(direction, 'dcerpc.malformed_data');
  }

  onTooManyCalls(direction: Direction): void {
    this.#raise(direction, 'dcerpc.too_many_calls');
  }

  onLongStub(direction: Direction): void {
    this.#raise(direction, 'dcerpc.stub_too_long');
  }

  onLongStubs(direction: Direction): void {
    this.#raise(direction, 'dcerpc.open_stubs_too_long');
  }

  #raise(direction: Direction, event: DcerpcEvent): void {
    this.sink.onEvent(this.#transaction, direction, event);
  }
}
