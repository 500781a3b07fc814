import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { type AppParser, type AppSink, type FrameSink, STAGE, type Transport } from '../protocol.ts';
import type { DnsEvent } from './events.ts';
import { DnsMessage, FLAG, HEADER_BYTES } from './message.ts';
import { MessageStream } from './message-stream.ts';
import { OpenQueries } from './open-queries.ts';
import { DnsTransaction } from './transaction.ts';

/** Queries of one flow that wait for their answer. Resolvers keep far fewer on one port; ours. */
export const MAX_OPEN_QUERIES = 64;
/**
 * Places for messages of one packet that are kept for the next one. A datagram has one; over TCP it can be thousands.
 */
const MAX_KEPT_PLACES = 16;
/** RFC 6895 §2.2: 7 and above are not assigned. */
const FIRST_UNASSIGNED_OPCODE = 7;

/** Messages of one flow: a datagram each, or with their length in front. Pairs answers with queries by their id. */
export class DnsParser implements AppParser {
  readonly #sink: AppSink;
  readonly #frames: FrameSink | undefined;
  readonly #streams: readonly [MessageStream, MessageStream] | null;
  readonly #open = new OpenQueries();
  /**
   * What rules may look into until their packet is over: the first `#shownCount`. To push the first takes room for 17.
   */
  readonly #shown: (DnsTransaction | null)[] = [null];
  #shownCount = 0;
  #nextId: number;
  #wasFull = false;

  /** `nextId`: of the flow's next query. */
  constructor(sink: AppSink, transport: Transport, frames?: FrameSink, nextId = 0) {
    this.#nextId = nextId;
    this.#sink = sink;
    this.#frames = frames;
    this.#streams = transport === 'udp' ? null : [new MessageStream(), new MessageStream()];
  }

  get heldBytes(): number {
    return this.#streams === null ? 0 : this.#streams[TO_SERVER].heldBytes + this.#streams[TO_CLIENT].heldBytes;
  }

  /** Between queries, all that matters of those before is how many they were. Resolvers seldom use TCP. */
  get restingAt(): number {
    return this.#streams === null && this.#open.size === 0 && !this.#wasFull ? this.#nextId : -1;
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    this.#releaseShown();
    if (this.#streams === null) {
      this.#frame(direction, start, end - start);
      // Nobody looks at the message when the packet is over.
      this.#read(direction, bytes.subarray(start, end));
      return;
    }
    const stream = this.#streams[direction];
    for (let at = start; at < end; ) {
      at = stream.take(bytes, at, end);
      if (stream.beganAt >= 0) this.#frame(direction, stream.beganAt, stream.beganBytes);
      if (stream.message !== null) this.#read(direction, stream.message);
    }
  }

  gap(direction: Direction, missingBytes: number): void {
    this.#raise(null, direction, 'dns.gap');
    this.#streams?.[direction].gap(missingBytes);
  }

  end(direction: Direction): void {
    this.#releaseShown();
    if (this.#streams?.[direction].isWithin) this.#raise(null, direction, 'dns.malformed_data');
    if (direction === TO_SERVER) return;
    for (const tx of this.#open) this.#sink.onProgress(tx, TO_CLIENT, STAGE.complete);
    this.#open.clear();
  }

  rest(): void {
    this.#releaseShown();
  }

  close(): void {
    this.#releaseShown();
    this.#open.clear();
  }

  #frame(direction: Direction, at: number, bytes: number): void {
    if (this.#frames?.isWanted === true) this.#frames.beginFrame(direction, 'pdu', at, bytes);
  }

  #read(direction: Direction, bytes: Uint8Array): void {
    if (bytes.length < HEADER_BYTES) {
      this.#raise(null, direction, 'dns.malformed_data');
      return;
    }
    const message = new DnsMessage(bytes);
    if (direction === TO_CLIENT) this.#readResponse(message);
    else if (message.isResponse) this.#raise(null, TO_SERVER, 'dns.not_request');
    else this.#readRequest(message);
  }

  #readRequest(message: DnsMessage): void {
    const tx = this.#begin();
    tx.request = message;
    this.#check(tx, TO_SERVER, message);
    if (message.hasNameLoop || message.hasLongName) this.#raise(tx, TO_SERVER, 'dns.request_name_invalid');
    if (message.questionCount > 1 && message.opcode === 0) this.#raise(tx, TO_SERVER, 'dns.too_many_questions');
    this.#show(tx, TO_SERVER);
    this.#abandon(this.#open.find(message.id));
    if (this.#open.size >= MAX_OPEN_QUERIES) {
      if (!this.#wasFull) this.#raise(tx, TO_SERVER, 'dns.too_many_open_queries');
      this.#wasFull = true;
      this.#abandon(this.#open.oldest);
    }
    tx.messageId = message.id;
    this.#open.add(tx);
  }

  #readResponse(message: DnsMessage): void {
    const asked = this.#open.find(message.id);
    const tx = asked ?? this.#begin();
    tx.response = message;
    if (asked === null) {
      this.#raise(tx, TO_CLIENT, 'dns.unsolicited_response');
      this.#sink.onProgress(tx, TO_SERVER, STAGE.complete);
    } else {
      this.#open.delete(asked);
      if (!this.#isShown(tx)) this.#keepShown(tx);
    }
    if (!message.isResponse) this.#raise(tx, TO_CLIENT, 'dns.not_response');
    this.#check(tx, TO_CLIENT, message);
    this.#show(tx, TO_CLIENT);
  }

  #begin(): DnsTransaction {
    const tx = new DnsTransaction(this.#nextId++);
    this.#keepShown(tx);
    return tx;
  }

  /** Nobody will look at an answer of it any more. */
  #abandon(tx: DnsTransaction | null): void {
    if (tx === null) return;
    this.#open.delete(tx);
    this.#sink.onProgress(tx, TO_CLIENT, STAGE.complete);
  }

  #show(tx: DnsTransaction, direction: Direction): void {
    this.#sink.onProgress(tx, direction, STAGE.head);
    this.#sink.onProgress(tx, direction, STAGE.complete);
  }

  #check(tx: DnsTransaction, direction: Direction, message: DnsMessage): void {
    if (message.isMalformed) this.#raise(tx, direction, 'dns.malformed_data');
    if (message.hasInvalidAdditionals) this.#raise(tx, direction, 'dns.invalid_additionals');
    if (message.hasSelfPointer) this.#raise(tx, direction, 'dns.infinite_loop');
    if (message.hasTooManyLabels) this.#raise(tx, direction, 'dns.too_many_labels');
    if (message.hasCutName) this.#raise(tx, direction, 'dns.name_too_long');
    if ((message.flags & FLAG.z) !== 0) this.#raise(tx, direction, 'dns.z_flag_set');
    if (message.opcode >= FIRST_UNASSIGNED_OPCODE) this.#raise(tx, direction, 'dns.invalid_opcode');
  }

  #raise(tx: DnsTransaction | null, direction: Direction, event: DnsEvent): void {
    this.#sink.onEvent(tx, direction, event);
  }

  #isShown(tx: DnsTransaction): boolean {
    for (let i = 0; i < this.#shownCount; i++) if (this.#shown[i] === tx) return true;
    return false;
  }

  /** In place of those of the last packet: to empty an array and fill it again takes its memory anew each time. */
  #keepShown(tx: DnsTransaction): void {
    if (this.#shownCount < this.#shown.length) this.#shown[this.#shownCount] = tx;
    else this.#shown.push(tx);
    this.#shownCount++;
  }

  #releaseShown(): void {
    for (let i = 0; i < this.#shownCount; i++) {
      this.#shown[i]!.release();
      this.#shown[i] = null;
    }
    this.#shownCount = 0;
    if (this.#shown.length > MAX_KEPT_PLACES) this.#shown.length = 0;
  }
}
