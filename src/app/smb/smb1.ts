import { EMPTY_BYTES, latin1 } from '../../base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import type { DataSink } from './data-sink.ts';
import { readSmb1Header, SMB1_HEADER_BYTES, type SmbHeader, STATUS } from './header.ts';
import { type CommandBytes, partOf } from './message-reader.ts';
import { MAX_DIALECTS, MAX_NAME_BYTES } from './name.ts';
import { readNtlmAccount } from './ntlmssp.ts';
import { OpenFile } from './open-file.ts';
import type { FileData, PendingRequest, SmbSession } from './session.ts';
import { Smb1Block } from './smb1-block.ts';
import { SplitCalls } from './split-call.ts';
import { hasPipeName } from './tree.ts';

/** [MS-CIFS] §2.2.2.1, as far as something is made of them. */
export const SMB1 = {
  open: 0x02,
  create: 0x03,
  close: 0x04,
  read: 0x0a,
  write: 0x0b,
  createNew: 0x0f,
  lockingAndx: 0x24,
  trans: 0x25,
  transSecondary: 0x26,
  writeAndClose: 0x2c,
  openAndx: 0x2d,
  readAndx: 0x2e,
  writeAndx: 0x2f,
  trans2: 0x32,
  trans2Secondary: 0x33,
  treeDisconnect: 0x71,
  negotiate: 0x72,
  sessionSetupAndx: 0x73,
  logoffAndx: 0x74,
  treeConnectAndx: 0x75,
  ntTransSecondary: 0xa1,
  ntCreateAndx: 0xa2,
  ntCancel: 0xa4,
} as const;

/** Another command follows in the same message, where the words of one of these say. */
const CHAINING: ReadonlySet<number> = new Set([
  ...[SMB1.lockingAndx, SMB1.openAndx, SMB1.readAndx, SMB1.writeAndx, SMB1.sessionSetupAndx, SMB1.logoffAndx],
  ...[SMB1.treeConnectAndx, SMB1.ntCreateAndx],
]);
const NO_FURTHER_COMMAND = 0xff;
/** Of one message; clients chain two or three. They may lie upon one another, so that many would cost much; ours. */
export const MAX_CHAINED_COMMANDS = 16;
/** As in Suricata, of these nothing is told by themselves: there are many, and what they carry is told of. */
const UNTOLD: ReadonlySet<number> = new Set([SMB1.readAndx, SMB1.writeAndx, SMB1.trans, SMB1.trans2]);
/** Servers do not answer these. */
const UNANSWERED: ReadonlySet<number> = new Set([
  ...[SMB1.ntCancel, SMB1.transSecondary, SMB1.trans2Secondary, SMB1.ntTransSecondary],
]);
/** [MS-CIFS] §2.2.5.6: a call through a pipe, with its answer. */
const TRANSACT_NAMED_PIPE = 0x26;
const PIPE_SERVICE = 'IPC';

/** The commands of SMB1 ([MS-CIFS] §2.2.4), chained ones one after the other. */
export class Smb1Commands {
  readonly #session: SmbSession;
  /** The dialects that the client has offered last. */
  #offered: readonly string[] = [];
  /** Opened within the message in hand: commands that are chained to it mean this one. */
  #chainedFile: OpenFile | null = null;
  readonly #splitCalls = new SplitCalls();

  constructor(session: SmbSession) {
    this.#session = session;
  }

  get heldBytes(): number {
    return this.#splitCalls.reservedBytes;
  }

  onRequest(message: CommandBytes): DataSink | null {
    this.#chainedFile = null;
    return this.#eachCommand(TO_SERVER, message, (header, block) => this.#request(header, block));
  }

  onResponse(message: CommandBytes): DataSink | null {
    return this.#eachCommand(TO_CLIENT, message, (header, block) => {
      const pending = this.#session.answered(header);
      if (pending === null) return null;
      const sink = this.#respond(header, pending, block);
      if (pending.transaction !== null) this.#session.respond(pending.transaction, header);
      return sink;
    });
  }

  /** The sink of the last command that has data behind `end`. */
  #eachCommand(
    direction: Direction,
    message: CommandBytes,
    handle: (header: SmbHeader, block: Smb1Block) => DataSink | null,
  ): DataSink | null {
    const { bytes, start, end } = message;
    const first = readSmb1Header(bytes, start);
    let rest: DataSink | null = null;
    let { command } = first;
    let at = SMB1_HEADER_BYTES;
    for (let count = 1; ; count++) {
      const block = new Smb1Block(message, at);
      // Chained commands have one number for all; their answers come in the same chain.
      const messageKey = first.messageKey * 256 + command;
      const sink = handle({ ...first, command, messageKey }, block);
      if (sink !== null && sink.bytesLeft > 0) rest = sink;
      else sink?.end();
      if (!CHAINING.has(command) || block.wordCount < 2) return rest;
      const next = block.u8(0);
      const nextAt = block.u16(2);
      if (next === NO_FURTHER_COMMAND || nextAt <= at || start + nextAt >= end) return rest;
      if (count === MAX_CHAINED_COMMANDS) {
        this.#session.raise(direction, 'smb.chain_too_long');
        return rest;
      }
      command = next;
      at = nextAt;
    }
  }

  #request(header: SmbHeader, block: Smb1Block): DataSink | null {
    switch (header.command) {
      case SMB1.negotiate:
        this.#negotiate(header, block);
        return null;
      case SMB1.sessionSetupAndx:
        this.#setUpSession(header, block);
        return null;
      case SMB1.treeConnectAndx:
        this.#connectTree(header, block);
        return null;
      case SMB1.treeDisconnect:
        this.#session.disconnectTree(header);
        this.#session.request(header, null);
        return null;
      case SMB1.ntCreateAndx:
      case SMB1.openAndx:
      case SMB1.open:
      case SMB1.create:
      case SMB1.createNew:
        this.#open(header, block);
        return null;
      case SMB1.readAndx:
      case SMB1.read:
        this.#read(header, block);
        return null;
      case SMB1.writeAndx:
      case SMB1.write:
      case SMB1.writeAndClose:
        return this.#write(header, block);
      case SMB1.close:
        this.#close(header, block);
        return null;
      case SMB1.trans:
        this.#transact(header, block);
        return null;
      case SMB1.transSecondary:
        this.#transactFurther(header, block);
        return null;
      default:
        if (UNTOLD.has(header.command) || UNANSWERED.has(header.command)) return null;
        this.#session.request(header, null);
        return null;
    }
  }

  #respond(header: SmbHeader, pending: PendingRequest, block: Smb1Block): DataSink | null {
    const { file } = pending;
    if (header.command === SMB1.negotiate) this.#onNegotiated(pending, block);
    // Before the last message of a call, the server says that it may go on.
    if (this.#splitCalls.of(header) !== null) this.#session.await(header, pending);
    else if (header.command === SMB1.trans && file !== null) this.#onTransacted(header, file, block);
    if (header.command === SMB1.close && file !== null) this.#session.close(file, TO_CLIENT);
    if (header.status !== STATUS.success && header.status !== STATUS.bufferOverflow) return null;
    switch (header.command) {
      case SMB1.treeConnectAndx:
        this.#onTreeConnected(header, pending, block);
        return null;
      case SMB1.ntCreateAndx:
      case SMB1.openAndx:
      case SMB1.open:
      case SMB1.create:
      case SMB1.createNew:
        this.#onOpened(header, pending, block);
        return null;
      case SMB1.readAndx:
      case SMB1.read:
        return this.#onRead(header, pending, block);
      default:
        return null;
    }
  }

  #negotiate(header: SmbHeader, block: Smb1Block): void {
    const names = latin1(block.bytes, block.dataStart, Math.min(block.dataEnd, block.dataStart + MAX_NAME_BYTES))
      .split('\0', MAX_DIALECTS + 1)
      .slice(0, -1);
    const isMalformed = names.some((name) => name.length < 2);
    this.#offered = names.map((name) => name.slice(1));
    const isDuplicate = this.#session.isNegotiating;
    const detail = { kind: 'negotiate', dialects: this.#offered, clientGuid: null, serverGuid: null } as const;
    this.#session.request(header, detail);
    if (isDuplicate) this.#session.raise(TO_SERVER, 'smb.duplicate_negotiate');
    if (isMalformed) this.#session.raise(TO_SERVER, 'smb.negotiate_malformed_dialects');
    if (names.length === 0) this.#malformed(TO_SERVER);
  }

  #onNegotiated({ transaction }: PendingRequest, block: Smb1Block): void {
    const dialect = block.wordCount === 0 ? undefined : this.#offered[block.u16(0)];
    if (dialect === undefined) this.#session.raise(TO_CLIENT, 'smb.negotiate_malformed_dialects');
    else this.#session.agreement.dialect = dialect;
    const { dataStart, dataEnd } = block;
    if (transaction?.detail?.kind === 'negotiate' && dataEnd - dataStart >= GUID_BYTES) {
      transaction.detail.serverGuid = block.bytes.slice(dataStart, dataStart + GUID_BYTES);
    }
  }

  #setUpSession(header: SmbHeader, block: Smb1Block): void {
    const { bytes, dataStart, dataEnd } = block;
    // Only in this form is there a security blob.
    const blobBytes = block.wordCount === 12 ? block.u16(14) : 0;
    const account = readNtlmAccount(bytes, dataStart, Math.min(dataEnd, dataStart + blobBytes));
    this.#session.request(header, { kind: 'session', account: account === 'malformed' ? null : account });
    if (account === 'malformed') this.#session.raise(TO_SERVER, 'smb.malformed_ntlmssp_request');
  }

  #connectTree(header: SmbHeader, block: Smb1Block): void {
    const pathStart = block.dataStart + block.u16(6);
    const path = block.string(pathStart, header.isUnicode);
    if (path === null) this.#malformed(TO_SERVER);
    const service = path === null ? null : block.string(path.end, false);
    // As in Suricata, of SMB1 without the first backslash.
    const name = path === null ? EMPTY_BYTES : path.text.subarray(path.text.length > 1 ? 1 : 0);
    const requestService = service === null ? null : latin1(service.text);
    const tree = { name, isPipe: requestService === PIPE_SERVICE || hasPipeName(name) };
    this.#session.requestTree(header, tree, requestService);
  }

  #onTreeConnected(header: SmbHeader, { transaction }: PendingRequest, block: Smb1Block): void {
    const detail = transaction?.detail;
    if (detail?.kind !== 'tree') return;
    const service = block.string(block.dataStart, false);
    if (service === null) {
      this.#malformed(TO_CLIENT);
      return;
    }
    detail.responseService = latin1(service.text);
    detail.tree.isPipe = detail.responseService === PIPE_SERVICE;
    transaction!.treeId = header.treeId;
    this.#session.connectTree(header, detail.tree);
  }

  #open(header: SmbHeader, block: Smb1Block): void {
    const isNt = header.command === SMB1.ntCreateAndx;
    // The older commands have a byte in front that says what follows.
    const isOld = !isNt && header.command !== SMB1.openAndx;
    const name = isNt
      ? block.sized(block.dataStart, block.u16(5), header.isUnicode)
      : (block.string(block.dataStart + (isOld ? 1 : 0), header.isUnicode)?.text ?? null);
    if (name === null || block.wordCount === 0) this.#malformed(TO_SERVER);
    const file = new OpenFile(name ?? EMPTY_BYTES, this.#session.tree(header));
    this.#chainedFile = file;
    const [disposition, options] = isNt ? [block.u32(35), block.u32(39)] : [0, 0];
    const detail = { kind: 'create', name: file.name, disposition, options, sizeBytes: 0, fileId: null } as const;
    this.#session.request(header, { ...detail }, file);
  }

  #onOpened(header: SmbHeader, { file, transaction }: PendingRequest, block: Smb1Block): void {
    const isNt = header.command === SMB1.ntCreateAndx;
    const at = isNt ? 5 : header.command === SMB1.openAndx ? 4 : 0;
    if (file === null || block.wordCount * 2 < at + 2) {
      this.#malformed(TO_CLIENT);
      return;
    }
    const id = block.slice(at, at + 2);
    this.#session.open(latin1(id), file);
    if (transaction?.detail?.kind !== 'create') return;
    transaction.detail.fileId = id;
    if (isNt) transaction.detail.sizeBytes = block.u64(55);
  }

  #read(header: SmbHeader, block: Smb1Block): void {
    const isAndx = header.command === SMB1.readAndx;
    const file = this.#file(header, block, isAndx ? 4 : 0);
    if (file === null) return;
    const high = isAndx && block.wordCount >= 12 ? block.u32(20) : 0;
    const offset = high * 2 ** 32 + block.u32(isAndx ? 6 : 4);
    this.#session.await(header, { command: header.command, transaction: null, file, offset });
  }

  #onRead(header: SmbHeader, { file, offset }: PendingRequest, block: Smb1Block): DataSink | null {
    if (file === null) return null;
    const isAndx = header.command === SMB1.readAndx;
    const dataBytes = isAndx ? block.u16(10) + block.u16(14) * 2 ** 16 : block.u16(0);
    const dataStart = isAndx ? block.start + block.u16(12) : block.dataStart + 3;
    return this.#data(header, block, { file, direction: TO_CLIENT, offset, dataBytes }, dataStart);
  }

  #write(header: SmbHeader, block: Smb1Block): DataSink | null {
    const isAndx = header.command === SMB1.writeAndx;
    const file = this.#file(header, block, isAndx ? 4 : 0);
    if (file === null) return null;
    const high = isAndx && block.wordCount >= 14 ? block.u32(24) : 0;
    const offset = high * 2 ** 32 + block.u32(isAndx ? 6 : 4);
    const dataBytes = isAndx ? block.u16(20) + block.u16(18) * 2 ** 16 : block.u16(2);
    // In front of the data of the older commands: a format and their length, or one byte to align them.
    const dataStart = isAndx ? block.start + block.u16(22) : block.dataStart + (header.command === SMB1.write ? 3 : 1);
    const sink = this.#data(header, block, { file, direction: TO_SERVER, offset, dataBytes }, dataStart);
    if (!UNTOLD.has(header.command)) this.#session.request(header, null, file);
    if (header.command === SMB1.writeAndClose) this.#session.close(file, TO_SERVER);
    return sink;
  }

  #close(header: SmbHeader, block: Smb1Block): void {
    const file = this.#file(header, block, 0);
    if (file !== null) this.#session.close(file, TO_SERVER);
    this.#session.request(header, null, file);
  }

  #transact(header: SmbHeader, block: Smb1Block): void {
    const isPipe = block.u8(26) >= 2 && block.u16(28) === TRANSACT_NAMED_PIPE;
    const file = isPipe ? this.#file(header, block, 30) : null;
    this.#session.await(header, { command: header.command, transaction: null, file, offset: 0 });
    if (file === null) return;
    const start = block.start + block.u16(24);
    const end = start + block.u16(22);
    const totalBytes = block.u16(2);
    if (end > block.end) this.#malformed(TO_SERVER);
    else if (end - start >= totalBytes) this.#session.pipeData(header, file, TO_SERVER, partOf(block, start, end));
    else {
      const call = this.#splitCalls.begin(header, file, totalBytes);
      if (call === null) this.#session.raise(TO_SERVER, 'smb.record_overflow');
      else call.add(0, block.bytes, start, end, totalBytes);
    }
  }

  /** Another message of the call that has the same numbers. */
  #transactFurther(header: SmbHeader, block: Smb1Block): void {
    const call = this.#splitCalls.of(header);
    if (call === null) return;
    const start = block.start + block.u16(12);
    const end = start + block.u16(10);
    if (end > block.end || !call.add(block.u16(14), block.bytes, start, end, block.u16(2))) {
      this.#malformed(TO_SERVER);
      return;
    }
    const { whole, file } = call;
    if (whole === null) return;
    this.#splitCalls.end(header);
    this.#session.pipeData(header, file, TO_SERVER, whole);
  }

  #onTransacted(header: SmbHeader, file: OpenFile, block: Smb1Block): void {
    if (block.wordCount < 10) return;
    const start = block.start + block.u16(14);
    const end = start + block.u16(12);
    if (end > block.end) this.#malformed(TO_CLIENT);
    else this.#session.pipeData(header, file, TO_CLIENT, partOf(block, start, end));
  }

  /** The file whose number is at this place of the words; null: the command is too short. */
  #file(header: SmbHeader, block: Smb1Block, at: number): OpenFile | null {
    if (block.wordCount * 2 < at + 2) {
      this.#malformed(TO_SERVER);
      return null;
    }
    return this.#chainedFile ?? this.#session.file(latin1(block.slice(at, at + 2)), header);
  }

  #data(header: SmbHeader, block: Smb1Block, announced: FileData, dataStart: number): DataSink | null {
    return this.#session.data(header, block, announced, Math.max(dataStart, block.start + SMB1_HEADER_BYTES));
  }

  #malformed(direction: Direction): void {
    this.#session.raise(direction, 'smb.malformed_data');
  }
}

const GUID_BYTES = 16;
