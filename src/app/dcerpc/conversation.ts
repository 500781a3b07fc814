import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { type AppSink, STAGE, type Transaction } from '../protocol.ts';
import { type BoundInterface, DcerpcCall } from './call.ts';
import {
  FIRST_FRAGMENT,
  LAST_FRAGMENT,
  PDU,
  type PduHeader,
  readBind,
  readBindAck,
  readRequest,
  responseStubStart,
} from './pdu.ts';
import { PduReader } from './pdu-reader.ts';

/**
 * Calls of one conversation that wait for more; beyond it the oldest one is given up. Clients rarely have two; ours.
 */
export const MAX_OPEN_CALLS = 8;
/** Interfaces of one conversation, as many as one bind can offer; beyond it the oldest is forgotten. */
const MAX_INTERFACES = 255;

/**
 * Of the stubs of all open calls of a connection, what is kept; ordinary ones have one call of some kilobytes. Ours.
 */
const MAX_OPEN_STUB_BYTES = 512 * 1024;

/** What is kept of stubs, by all conversations of a connection. */
export interface StubMemory {
  bytes: number;
}

/** Who has the conversation: a connection of its own, or a named pipe. */
export interface ConversationHost {
  readonly sink: AppSink;
  readonly stubMemory: StubMemory;
  transactionOf(call: DcerpcCall): Transaction;
  /** Something cannot be read. */
  onMalformed(direction: Direction): void;
  onTooManyCalls(direction: Direction): void;
  /** A stub is longer than what is kept of one. */
  onLongStub(direction: Direction): void;
  /** Those of open calls are together longer than what is kept: this fragment is not looked into. */
  onLongStubs(direction: Direction): void;
}

interface OpenCall {
  readonly call: DcerpcCall;
  readonly transaction: Transaction;
  readonly isComplete: [boolean, boolean];
}

/**
 * What two sides say to each other in DCERPC 5: pairs responses with requests, and keeps which interfaces are bound.
 */
export class DcerpcConversation {
  readonly #host: ConversationHost;
  readonly #readers: readonly [PduReader, PduReader];
  readonly #open: OpenCall[] = [];
  #interfaces: BoundInterface[] = [];
  /** Those of the last bind or alter_context, which its answer is about. */
  #offered: BoundInterface[] = [];

  constructor(host: ConversationHost) {
    this.#host = host;
    this.#readers = [this.#reader(TO_SERVER), this.#reader(TO_CLIENT)];
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    this.#readers[direction].consume(bytes, start, end);
  }

  gap(direction: Direction, missingBytes: number): void {
    this.#readers[direction].gap(missingBytes);
  }

  /** A new message begins, if the last one could not be read. */
  beginMessage(direction: Direction): void {
    if (this.#readers[direction].isBroken) this.#readers[direction].reset();
  }

  isBroken(direction: Direction): boolean {
    return this.#readers[direction].isBroken;
  }

  /** Nothing more comes. */
  end(): void {
    while (this.#open.length > 0) this.#giveUp(this.#open[0]!);
  }

  #reader(direction: Direction): PduReader {
    return new PduReader({
      onPdu: (header, bytes, start, end) => {
        if (direction === TO_SERVER) this.#onRequest(header, bytes, start, end);
        else this.#onResponse(header, bytes, start, end);
      },
      onBroken: () => this.#host.onMalformed(direction),
    });
  }

  #onRequest(header: PduHeader, bytes: Uint8Array, start: number, end: number): void {
    if (header.type === PDU.request) {
      this.#onCall(header, bytes, start, end);
      return;
    }
    const isBind = header.type === PDU.bind;
    if (isBind || header.type === PDU.alterContext) {
      const offered = readBind(bytes, start, end, header);
      const isInFirstFragment = (header.flags & FIRST_FRAGMENT) !== 0;
      this.#offered = (offered ?? []).map((each) => ({ ...each, result: null, isInFirstFragment }));
      this.#interfaces = [...(isBind ? [] : this.#interfaces), ...this.#offered].slice(-MAX_INTERFACES);
      if (offered === null) this.#host.onMalformed(TO_SERVER);
    }
    const open = this.#begin(header, header.type);
    open.call.fragments[TO_SERVER]++;
    this.#reach(open, TO_SERVER, true);
  }

  #onCall(header: PduHeader, bytes: Uint8Array, start: number, end: number): void {
    const request = readRequest(bytes, start, end, header);
    if (request === null) {
      this.#host.onMalformed(TO_SERVER);
      return;
    }
    const isFirst = (header.flags & FIRST_FRAGMENT) !== 0;
    const known = isFirst ? undefined : this.#find(header.callId, PDU.request);
    const open = known ?? this.#begin(header, PDU.request);
    if (known === undefined) {
      open.call.contextId = request.contextId;
      open.call.opnum = request.opnum;
    }
    this.#addStub(open, TO_SERVER, bytes, request.stubStart, end);
    this.#reach(open, TO_SERVER, (header.flags & LAST_FRAGMENT) !== 0);
  }

  #onResponse(header: PduHeader, bytes: Uint8Array, start: number, end: number): void {
    const { type, flags, callId } = header;
    if (type === PDU.bindAck || type === PDU.alterContextResponse) {
      const results = readBindAck(bytes, start, end, header);
      if (results === null) this.#host.onMalformed(TO_CLIENT);
      for (const [index, result] of (results ?? []).entries()) {
        const offered = this.#offered[index];
        if (offered !== undefined) offered.result = result;
      }
    }
    const open = this.#find(callId, REQUEST_OF.get(type) ?? null) ?? this.#begin(header, null);
    open.call.responseType = type;
    if (type !== PDU.response) {
      open.call.fragments[TO_CLIENT]++;
      this.#reach(open, TO_CLIENT, true);
      return;
    }
    const stubStart = responseStubStart(start, end);
    if (stubStart === null) this.#host.onMalformed(TO_CLIENT);
    else this.#addStub(open, TO_CLIENT, bytes, stubStart, end);
    this.#reach(open, TO_CLIENT, (flags & LAST_FRAGMENT) !== 0);
  }

  /** `requestType` null: any. */
  #find(callId: number, requestType: number | null): OpenCall | undefined {
    return this.#open.findLast(
      ({ call }) =>
        call.callId === callId &&
        (requestType === null || call.requestType === null || call.requestType === requestType),
    );
  }

  #begin(header: PduHeader, requestType: number | null): OpenCall {
    const call = new DcerpcCall(header.callId, requestType, header.isLittleEndian, this.#interfaces);
    const open: OpenCall = { call, transaction: this.#host.transactionOf(call), isComplete: [false, false] };
    if (this.#open.length >= MAX_OPEN_CALLS) {
      this.#host.onTooManyCalls(TO_SERVER);
      this.#giveUp(this.#open[0]!);
    }
    this.#open.push(open);
    return open;
  }

  #addStub({ call }: OpenCall, direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    const { stubMemory } = this.#host;
    const stub = call.stubs[direction];
    const wasCut = stub.isCut;
    const isOver = stubMemory.bytes + end - start > MAX_OPEN_STUB_BYTES;
    if (isOver) this.#host.onLongStubs(direction);
    const before = stub.length;
    call.addStub(direction, bytes, start, isOver ? start : end);
    stubMemory.bytes += stub.length - before;
    if (stub.isCut && !wasCut) this.#host.onLongStub(direction);
  }

  /** Another fragment of this direction is there. */
  #reach(open: OpenCall, direction: Direction, isLast: boolean): void {
    const { transaction, call, isComplete } = open;
    if (isComplete[direction]) return;
    const { sink } = this.#host;
    if (call.fragments[direction] <= 1) sink.onProgress(transaction, direction, STAGE.head);
    sink.onProgress(transaction, direction, STAGE.body);
    if (isLast) this.#complete(open, direction);
  }

  #complete(open: OpenCall, direction: Direction): void {
    if (open.isComplete[direction]) return;
    open.isComplete[direction] = true;
    this.#host.sink.onProgress(open.transaction, direction, STAGE.complete);
    // A response may come without its request, and then nothing else does.
    const isOver = open.isComplete[TO_CLIENT] && (open.isComplete[TO_SERVER] || open.call.requestType === null);
    const at = this.#open.indexOf(open);
    if (!isOver || at < 0) return;
    this.#open.splice(at, 1);
    this.#host.stubMemory.bytes -= open.call.keptBytes;
  }

  #giveUp(open: OpenCall): void {
    this.#complete(open, TO_SERVER);
    this.#complete(open, TO_CLIENT);
  }
}

const REQUEST_OF: ReadonlyMap<number, number> = new Map([
  [PDU.response, PDU.request],
  [PDU.fault, PDU.request],
  [PDU.bindAck, PDU.bind],
  [PDU.bindNak, PDU.bind],
  [PDU.alterContextResponse, PDU.alterContext],
]);
