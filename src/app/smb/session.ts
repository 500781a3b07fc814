import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import type { DcerpcCall } from '../dcerpc/call.ts';
import { type ConversationHost, DcerpcConversation } from '../dcerpc/conversation.ts';
import { mayBeginPdu } from '../dcerpc/pdu.ts';
import { type AppSink, STAGE } from '../protocol.ts';
import { RateLimit } from '../rate-limit.ts';
import type { DataSink } from './data-sink.ts';
import type { SmbEvent } from './events.ts';
import { ActiveTransfer, FileTransfer } from './file-transfer.ts';
import { type SmbHeader, STATUS } from './header.ts';
import { type CommandBytes, partOf } from './message-reader.ts';
import { OpenFile } from './open-file.ts';
import { looksLikeDcerpc, PipeMessage } from './pipe-message.ts';
import { type Agreement, type SmbDetail, SmbTransaction } from './transaction.ts';
import type { Tree } from './tree.ts';

/** Requests of one connection that wait for their answer. Servers grant up to 8192 credits, clients use few; ours. */
export const MAX_OPEN_REQUESTS = 512;
/** Shares of one connection; beyond it the oldest is forgotten. Ours. */
const MAX_TREES = 256;
/** Files that a connection has open; beyond it the oldest is forgotten, and its name with it. Ours. */
const MAX_OPEN_FILES = 1024;
/** What an open file takes beside its name, and a request that waits, about. */
const FILE_BYTES = 256;
const REQUEST_BYTES = 512;
/** Files that are read or written at once, or pipes with calls; each may take 200 KiB. Ours. */
export const MAX_ACTIVE_FILES = 32;
/** As in Suricata, where it is not set otherwise: what a read or a write may have. */
export const MAX_DATA_BYTES = 16 * 1024 * 1024;

/**
 * Files that are written over are looked at once more with each write, but not for any price: a database that changes a
 * hundred records a second stays below it. Ours.
 */
const MAX_LOOK_BYTES = 64 * 1024 * 1024;
const MAX_LOOK_BYTES_PER_SECOND = 16 * 1024 * 1024;

/** What a request is remembered for until its answer comes. */
export interface PendingRequest {
  readonly command: number;
  /** Null: nothing is told of it. */
  readonly transaction: SmbTransaction | null;
  /** The file that it is about; null: none. */
  readonly file: OpenFile | null;
  /** Of a read: where in the file. */
  readonly offset: number;
}

/** What a read or a write carries. */
export interface FileData {
  readonly file: OpenFile;
  readonly direction: Direction;
  /** Where in the file. */
  readonly offset: number;
  /** As its command says; also what is not here yet. */
  readonly dataBytes: number;
}

/** What is known of a connection, whichever version it speaks. */
export class SmbSession {
  readonly sink: AppSink;
  readonly agreement: Agreement = { dialect: 'unknown', maxReadBytes: 0, maxWriteBytes: 0 };
  readonly #pending = new Map<number, PendingRequest>();
  readonly #trees = new Map<string, Tree>();
  readonly #files = new Map<string, OpenFile>();
  /** Of the files, with what else each of them takes. */
  #nameBytes = 0;
  /** Those with a transfer or a conversation, oldest first. */
  readonly #active = new Set<OpenFile>();
  #transactions = 0;
  #lastTransaction: SmbTransaction | null = null;
  /** A request for a share of which nobody knows yet of what kind it is. */
  #undecided: SmbTransaction | null = null;
  /** Of the command that carries what a pipe is told. */
  #pipeHeader: SmbHeader | null = null;

  readonly #stubMemory = { bytes: 0 };
  readonly #nowMs: () => number;
  /** At files that were written over. */
  readonly #looks = new RateLimit(MAX_LOOK_BYTES, MAX_LOOK_BYTES_PER_SECOND);

  /** `nowMs`: milliseconds since 1970 UTC. */
  constructor(sink: AppSink, nowMs: () => number) {
    this.sink = sink;
    this.#nowMs = nowMs;
  }

  /** Memory that files, calls and names take, about. */
  get heldBytes(): number {
    let bytes = this.#stubMemory.bytes + this.#nameBytes + this.#pending.size * REQUEST_BYTES;
    for (const { transfers } of this.#active) {
      bytes += (transfers[TO_SERVER]?.content.heldBytes ?? 0) + (transfers[TO_CLIENT]?.content.heldBytes ?? 0);
    }
    return bytes;
  }

  /** On the transaction in hand, as in Suricata. */
  raise(direction: Direction, event: SmbEvent): void {
    this.sink.onEvent(this.#lastTransaction, direction, event);
  }

  newTransaction(header: SmbHeader, detail: SmbDetail | null): SmbTransaction {
    this.#lastTransaction = new SmbTransaction(this.#transactions++, header, detail, this.agreement);
    return this.#lastTransaction;
  }

  /** A request of which something is told: itself now, its answer when that comes. */
  request(header: SmbHeader, detail: SmbDetail | null, file: OpenFile | null = null): SmbTransaction {
    const transaction = this.newTransaction(header, detail);
    this.sink.onProgress(transaction, TO_SERVER, STAGE.head);
    if (detail?.kind !== 'tree' || detail.shownAs !== null) {
      this.sink.onProgress(transaction, TO_SERVER, STAGE.complete);
    }
    this.await(header, { command: header.command, transaction, file, offset: 0 });
    return transaction;
  }

  /** A request for a share. Which kind it is the server says, so that one that may be of pipes is told of later. */
  requestTree(header: SmbHeader, tree: Tree, requestService: string | null): void {
    const shownAs = tree.isPipe ? null : 'share';
    const detail = { kind: 'tree', tree, shownAs, requestService, responseService: null, shareType: 0 } as const;
    const transaction = this.request(header, { ...detail });
    if (shownAs === null) this.#undecided = transaction;
  }

  /**
   * The client goes on. As in Suricata, a share of which the server has not said what it is then counts as any other.
   */
  goOn(): void {
    if (this.#undecided !== null) this.#decide(this.#undecided, 'share');
  }

  #decide(transaction: SmbTransaction, kind: 'share' | 'pipe'): void {
    const { detail } = transaction;
    if (this.#undecided === transaction) this.#undecided = null;
    if (detail?.kind !== 'tree' || detail.shownAs !== null) return;
    detail.shownAs = kind;
    this.sink.onProgress(transaction, TO_SERVER, STAGE.complete);
  }

  await(header: SmbHeader, pending: PendingRequest): void {
    const before = this.#pending.get(header.messageKey);
    if (before !== undefined) this.#abandon(header.messageKey, before);
    if (this.#pending.size >= MAX_OPEN_REQUESTS) {
      const [[key, oldest]] = this.#pending as unknown as [[number, PendingRequest]];
      this.raise(TO_SERVER, 'smb.too_many_transactions');
      this.#abandon(key, oldest);
    }
    this.#pending.set(header.messageKey, pending);
  }

  /** The request that a response answers; null: it was not seen. */
  answered({ messageKey, command, status }: SmbHeader): PendingRequest | null {
    const pending = this.#pending.get(messageKey);
    if (pending === undefined || pending.command !== command) return null;
    // The answer itself comes later.
    if (status !== STATUS.pending) this.#pending.delete(messageKey);
    return pending;
  }

  /** A client of SMB1 waits for the dialect. */
  get isNegotiating(): boolean {
    return this.#negotiation() !== null;
  }

  /** The request of a client of SMB1 that the server answers in SMB2; null: there is none. */
  takeNegotiation(): PendingRequest | null {
    const found = this.#negotiation();
    if (found === null) return null;
    this.#pending.delete(found.key);
    return found.pending;
  }

  #negotiation(): { readonly key: number; readonly pending: PendingRequest } | null {
    for (const [key, pending] of this.#pending) {
      const { transaction } = pending;
      if (transaction?.version === 1 && transaction.detail?.kind === 'negotiate') return { key, pending };
    }
    return null;
  }

  /** Tells of an answer; all of the transaction is there. */
  respond(transaction: SmbTransaction, { status, hasDosError }: SmbHeader): void {
    transaction.status = status;
    transaction.hasDosError = hasDosError;
    if (status === STATUS.pending) return;
    const { detail } = transaction;
    if (detail?.kind === 'tree') this.#decide(transaction, detail.tree.isPipe ? 'pipe' : 'share');
    this.sink.onProgress(transaction, TO_CLIENT, STAGE.head);
    this.sink.onProgress(transaction, TO_CLIENT, STAGE.complete);
  }

  connectTree({ sessionId, treeId }: SmbHeader, tree: Tree): void {
    setBounded(this.#trees, `${sessionId} ${treeId}`, tree, MAX_TREES);
  }

  disconnectTree({ sessionId, treeId }: SmbHeader): void {
    this.#trees.delete(`${sessionId} ${treeId}`);
  }

  tree({ sessionId, treeId }: SmbHeader): Tree | null {
    return this.#trees.get(`${sessionId} ${treeId}`) ?? null;
  }

  /** The server has given an open file this number. */
  open(id: string, file: OpenFile): void {
    file.id = id;
    this.#forgetFile(id);
    this.#files.set(id, file);
    this.#nameBytes += FILE_BYTES + file.name.length;
    if (this.#files.size <= MAX_OPEN_FILES) return;
    const [oldest] = this.#files.keys();
    this.#forgetFile(oldest!);
  }

  #forgetFile(id: string): void {
    const file = this.#files.get(id);
    if (file === undefined) return;
    this.#nameBytes -= FILE_BYTES + file.name.length;
    this.#files.delete(id);
  }

  /** One that was opened before anybody looked has no name. */
  file(id: string, header: SmbHeader): OpenFile {
    const known = this.#files.get(id);
    if (known !== undefined) return known;
    const file = new OpenFile(new Uint8Array(0), this.tree(header));
    this.open(id, file);
    return file;
  }

  /** Nothing more is written to it, or (`TO_CLIENT`) read from it either. */
  close(file: OpenFile, direction: Direction): void {
    file.transfers[direction]?.complete();
    file.transfers[direction] = null;
    if (direction === TO_SERVER) return;
    file.conversation?.end();
    file.conversation = null;
    this.#active.delete(file);
    if (file.id !== null && this.#files.get(file.id) === file) this.#forgetFile(file.id);
  }

  /** All was read; what is read from then on is the file once more. */
  endOfFile(file: OpenFile): void {
    file.transfers[TO_CLIENT]?.complete();
    file.transfers[TO_CLIENT] = null;
  }

  /**
   * Hands on what is here of the data of a read or a write, which begin at `start` of the command's bytes, and returns
   * who wants the rest.
   */
  data(header: SmbHeader, command: CommandBytes, announced: FileData, start: number): DataSink | null {
    const dataBytes = Math.max(0, Math.min(announced.dataBytes, command.wholeEnd - start));
    if (dataBytes < announced.dataBytes) this.raise(announced.direction, 'smb.malformed_data');
    if (dataBytes === 0) return null;
    const here = partOf(command, start, start + dataBytes);
    const sink = this.#sinkFor(header, { ...announced, dataBytes }, here);
    if (here.length > 0) sink.consume(here, 0, here.length);
    return sink;
  }

  /** A message through a pipe. */
  pipeData(header: SmbHeader, file: OpenFile, direction: Direction, message: Uint8Array): void {
    if (message.length === 0) return;
    const conversation = this.#conversationFor(header, file, direction, message);
    if (conversation === null) return;
    conversation.beginMessage(direction);
    conversation.consume(direction, message, 0, message.length);
  }

  /** The connection is over. */
  end(): void {
    for (const [key, pending] of this.#pending) this.#abandon(key, pending);
    for (const file of this.#active) this.#giveUp(file);
  }

  #sinkFor(header: SmbHeader, { file, direction, offset, dataBytes }: FileData, here: Uint8Array): DataSink {
    const isPipe = file.conversation !== null || (file.tree?.isPipe ?? looksLikeDcerpc(here));
    if (isPipe) {
      const conversation = this.#conversationFor(header, file, direction, here);
      return new PipeMessage(conversation, direction, dataBytes);
    }
    let active = file.transfers[direction];
    if (active === null) {
      this.#activate(file);
      active = new ActiveTransfer(new FileTransfer(file, direction), {
        sink: this.sink,
        newTransaction: (transfer) => this.newTransaction(header, transfer),
        raise: (way, event) => this.raise(way, event),
        mayLookAgain: (lookedBytes) => this.#looks.take(this.#nowMs(), lookedBytes),
      });
      file.transfers[direction] = active;
    }
    return active.begin(offset, dataBytes);
  }

  /** Null: nothing was said so far that is DCERPC. A client may send the first header in pieces. */
  #conversationFor(
    header: SmbHeader,
    file: OpenFile,
    direction: Direction,
    here: Uint8Array,
  ): DcerpcConversation | null {
    const { firstBytes } = file;
    const earlierBytes = firstBytes.length;
    if (file.conversation !== null || (earlierBytes === 0 && looksLikeDcerpc(here))) {
      return this.#conversation(header, file);
    }
    if (direction === TO_CLIENT) return null;
    firstBytes.append(here, 0, here.length);
    if (!mayBeginPdu(firstBytes.view())) firstBytes.length = 0;
    if (!firstBytes.isFull) return null;
    firstBytes.length = 0;
    const conversation = this.#conversation(header, file);
    conversation.consume(direction, firstBytes.bytes, 0, earlierBytes);
    return conversation;
  }

  #conversation(header: SmbHeader, file: OpenFile): DcerpcConversation {
    this.#pipeHeader = header;
    if (file.conversation === null) {
      this.#activate(file);
      const host: ConversationHost = {
        sink: this.sink,
        stubMemory: this.#stubMemory,
        transactionOf: (call: DcerpcCall) => this.newTransaction(this.#pipeHeader!, call),
        onMalformed: (direction) => this.raise(direction, 'smb.malformed_data'),
        onTooManyCalls: (direction) => this.raise(direction, 'smb.too_many_transactions'),
        onLongStub: (direction) => this.sink.onEvent(this.#lastTransaction, direction, 'dcerpc.stub_too_long'),
        onLongStubs: (direction) => this.sink.onEvent(this.#lastTransaction, direction, 'dcerpc.open_stubs_too_long'),
      };
      file.conversation = new DcerpcConversation(host);
    }
    return file.conversation;
  }

  #activate(file: OpenFile): void {
    if (this.#active.has(file)) return;
    if (this.#active.size >= MAX_ACTIVE_FILES) {
      this.raise(TO_SERVER, 'smb.too_many_files');
      const [oldest] = this.#active;
      this.#giveUp(oldest!);
    }
    this.#active.add(file);
  }

  #giveUp(file: OpenFile): void {
    for (const direction of [TO_SERVER, TO_CLIENT] as const) {
      const active = file.transfers[direction];
      if (active !== null) active.content.isCut = true;
      active?.complete();
      file.transfers[direction] = null;
    }
    file.conversation?.end();
    file.conversation = null;
    this.#active.delete(file);
  }

  /** No answer will be seen. */
  #abandon(key: number, { transaction }: PendingRequest): void {
    this.#pending.delete(key);
    if (transaction === null) return;
    this.#decide(transaction, 'share');
    this.sink.onProgress(transaction, TO_CLIENT, STAGE.complete);
  }
}

/** The oldest makes room. */
function setBounded<V>(map: Map<string, V>, key: string, value: V, max: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= max) return;
  const [oldest] = map.keys();
  map.delete(oldest!);
}
