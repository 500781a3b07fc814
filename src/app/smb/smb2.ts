import { EMPTY_BYTES, latin1 } from '../../base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import type { DataSink } from './data-sink.ts';
import { readSmb2Header, SMB2_HEADER_BYTES, type SmbHeader, STATUS } from './header.ts';
import type { CommandBytes } from './message-reader.ts';
import { MAX_DIALECTS, nameOf } from './name.ts';
import { readNtlmAccount } from './ntlmssp.ts';
import { OpenFile } from './open-file.ts';
import { type FileData, MAX_DATA_BYTES, type PendingRequest, type SmbSession } from './session.ts';
import { Smb2Body } from './smb2-body.ts';
import { hasPipeName } from './tree.ts';

/** [MS-SMB2] §2.2.1.2. */
export const SMB2 = {
  negotiate: 0,
  sessionSetup: 1,
  logoff: 2,
  treeConnect: 3,
  treeDisconnect: 4,
  create: 5,
  close: 6,
  flush: 7,
  read: 8,
  write: 9,
  lock: 10,
  ioctl: 11,
  cancel: 12,
  echo: 13,
  queryDirectory: 14,
  changeNotify: 15,
  queryInfo: 16,
  setInfo: 17,
  oplockBreak: 18,
} as const;

/** As in Suricata, of these nothing is told by themselves: there are many, and what they carry is told of. */
const UNTOLD: ReadonlySet<number> = new Set([SMB2.read, SMB2.write, SMB2.queryInfo, SMB2.setInfo]);
/** [MS-FSCC] §2.3.31: a call through a pipe, with its answer. */
const FSCTL_PIPE_TRANSCEIVE = 0x0011_c017;
const PIPE_SHARE = 2;
/** [MS-SMB2] §3.2.4.1.4: the file of the command before in the same chain. */
const RELATED_FILE = '\xff'.repeat(16);

/** The commands of SMB2 and SMB3 (§2.2). Offsets are counted from the command's header, as the protocol does. */
export class Smb2Commands {
  readonly #session: SmbSession;
  /** The file of the last command of the client's, for those that are chained to it. */
  #relatedFile: OpenFile | null = null;

  constructor(session: SmbSession) {
    this.#session = session;
  }

  onRequest(command: CommandBytes): DataSink | null {
    const header = readSmb2Header(command.bytes, command.start);
    const body = new Smb2Body(command);
    if (!header.isRelated) this.#relatedFile = null;
    if (command.wholeEnd > command.end && header.command !== SMB2.write && header.command !== SMB2.read) {
      this.#session.raise(TO_SERVER, 'smb.record_overflow');
    }
    switch (header.command) {
      case SMB2.negotiate:
        this.#negotiate(header, body);
        return null;
      case SMB2.sessionSetup:
        this.#setUpSession(header, body);
        return null;
      case SMB2.treeConnect:
        this.#connectTree(header, body);
        return null;
      case SMB2.create:
        this.#create(header, body);
        return null;
      case SMB2.read:
        this.#read(header, body);
        return null;
      case SMB2.write:
        return this.#write(header, body);
      case SMB2.ioctl:
        this.#control(header, body);
        return null;
      case SMB2.close:
        this.#close(header, body);
        return null;
      case SMB2.treeDisconnect:
        this.#session.disconnectTree(header);
        this.#session.request(header, null);
        return null;
      case SMB2.cancel:
        // There is no answer to it.
        return null;
      default:
        if (UNTOLD.has(header.command)) return null;
        this.#session.request(header, null);
        return null;
    }
  }

  onResponse(command: CommandBytes): DataSink | null {
    const header = readSmb2Header(command.bytes, command.start);
    const pending =
      this.#session.answered(header) ?? (header.command === SMB2.negotiate ? this.#session.takeNegotiation() : null);
    if (pending === null) return null;
    const body = new Smb2Body(command);
    const isDone = header.status === STATUS.success;
    let sink: DataSink | null = null;
    if (isDone && header.command === SMB2.negotiate) this.#onNegotiated(pending, body);
    else if (isDone && header.command === SMB2.treeConnect) this.#onTreeConnected(header, pending, body);
    else if (isDone && header.command === SMB2.create) this.#onCreated(pending, body);
    else if (header.command === SMB2.read) sink = this.#onRead(header, pending, body);
    else if (header.command === SMB2.ioctl) this.#onControlled(header, pending, body);
    else if (header.command === SMB2.close && pending.file !== null) this.#session.close(pending.file, TO_CLIENT);
    if (pending.transaction !== null) this.#session.respond(pending.transaction, header);
    return sink;
  }

  #negotiate(header: SmbHeader, body: Smb2Body): void {
    const count = body.u16(2);
    const dialects: string[] = [];
    for (let n = 0; n < Math.min(count, MAX_DIALECTS) && body.has(36 + 2 * n, 2); n++)
      dialects.push(dialectName(body.u16(36 + 2 * n)));
    const clientGuid = body.has(12, 16) ? body.slice(12, 28) : null;
    this.#session.request(header, { kind: 'negotiate', dialects, clientGuid, serverGuid: null });
    if (dialects.length < count) this.#malformed(TO_SERVER);
  }

  #onNegotiated({ transaction }: PendingRequest, body: Smb2Body): void {
    if (!body.has(0, 36)) {
      this.#malformed(TO_CLIENT);
      return;
    }
    const { agreement } = this.#session;
    agreement.dialect = dialectName(body.u16(4));
    agreement.maxReadBytes = body.u32(32);
    agreement.maxWriteBytes = body.has(36, 4) ? body.u32(36) : 0;
    if (transaction?.detail?.kind === 'negotiate') transaction.detail.serverGuid = body.slice(8, 24);
    if (agreement.maxReadBytes > MAX_DATA_BYTES)
      this.#session.raise(TO_CLIENT, 'smb.negotiate_max_read_size_too_large');
    if (agreement.maxWriteBytes > MAX_DATA_BYTES) {
      this.#session.raise(TO_CLIENT, 'smb.negotiate_max_write_size_too_large');
    }
  }

  #setUpSession(header: SmbHeader, body: Smb2Body): void {
    const blob = body.field(12, 14);
    const account = blob === null ? null : readNtlmAccount(blob, 0, blob.length);
    this.#session.request(header, { kind: 'session', account: account === 'malformed' ? null : account });
    if (account === 'malformed') this.#session.raise(TO_SERVER, 'smb.malformed_ntlmssp_request');
    if (blob === null) this.#malformed(TO_SERVER);
  }

  #connectTree(header: SmbHeader, body: Smb2Body): void {
    const path = body.field(4, 6);
    const name = path === null ? EMPTY_BYTES : nameOf(path, 0, path.length);
    this.#session.requestTree(header, { name, isPipe: hasPipeName(name) }, null);
    if (path === null) this.#malformed(TO_SERVER);
  }

  #onTreeConnected(header: SmbHeader, { transaction }: PendingRequest, body: Smb2Body): void {
    const detail = transaction?.detail;
    if (detail?.kind !== 'tree') return;
    detail.shareType = body.has(2, 1) ? body.u8(2) : 0;
    if (detail.shareType !== 0) detail.tree.isPipe = detail.shareType === PIPE_SHARE;
    transaction!.treeId = header.treeId;
    this.#session.connectTree(header, detail.tree);
  }

  #create(header: SmbHeader, body: Smb2Body): void {
    const path = body.field(44, 46);
    const name = path === null ? EMPTY_BYTES : nameOf(path, 0, path.length);
    const file = new OpenFile(name, this.#session.tree(header));
    this.#relatedFile = file;
    const [disposition, options] = body.has(36, 8) ? [body.u32(36), body.u32(40)] : [0, 0];
    this.#session.request(header, { kind: 'create', name, disposition, options, sizeBytes: 0, fileId: null }, file);
    if (path === null) this.#malformed(TO_SERVER);
  }

  #onCreated({ file, transaction }: PendingRequest, body: Smb2Body): void {
    if (!body.has(64, 16)) {
      this.#malformed(TO_CLIENT);
      return;
    }
    const id = body.slice(64, 80);
    if (file !== null) this.#session.open(latin1(id), file);
    if (transaction?.detail?.kind !== 'create') return;
    transaction.detail.fileId = id;
    transaction.detail.sizeBytes = body.u64(48);
  }

  #read(header: SmbHeader, body: Smb2Body): void {
    const file = this.#file(header, body, 16);
    if (file === null) return;
    const { maxReadBytes } = this.#session.agreement;
    if (exceeds(body.u32(4), maxReadBytes)) this.#session.raise(TO_SERVER, 'smb.read_request_too_large');
    this.#session.await(header, { command: header.command, transaction: null, file, offset: body.u64(8) });
  }

  #onRead(header: SmbHeader, { file, offset }: PendingRequest, body: Smb2Body): DataSink | null {
    if (file === null) return null;
    if (header.status === STATUS.endOfFile) this.#session.endOfFile(file);
    if (header.status !== STATUS.success && header.status !== STATUS.bufferOverflow) return null;
    if (!body.has(0, 16)) {
      this.#malformed(TO_CLIENT);
      return null;
    }
    const dataAt = body.u8(2);
    const dataBytes = body.u32(4);
    if (exceeds(dataBytes, this.#session.agreement.maxReadBytes)) {
      this.#session.raise(TO_CLIENT, 'smb.read_response_too_large');
    }
    return this.#data(header, body, { file, direction: TO_CLIENT, offset, dataBytes }, dataAt);
  }

  #write(header: SmbHeader, body: Smb2Body): DataSink | null {
    const file = this.#file(header, body, 16);
    if (file === null) return null;
    const dataBytes = body.u32(4);
    if (exceeds(dataBytes, this.#session.agreement.maxWriteBytes)) {
      this.#session.raise(TO_SERVER, 'smb.write_request_too_large');
    }
    return this.#data(header, body, { file, direction: TO_SERVER, offset: body.u64(8), dataBytes }, body.u16(2));
  }

  #control(header: SmbHeader, body: Smb2Body): void {
    const file = this.#file(header, body, 8);
    this.#session.request(header, null, file);
    const input = body.wideField(24, 28);
    if (file === null || body.u32(4) !== FSCTL_PIPE_TRANSCEIVE) return;
    if (input === null) this.#malformed(TO_SERVER);
    else this.#session.pipeData(header, file, TO_SERVER, input);
  }

  #onControlled(header: SmbHeader, { file }: PendingRequest, body: Smb2Body): void {
    if (header.status !== STATUS.success && header.status !== STATUS.bufferOverflow) return;
    if (file === null || !body.has(0, 48) || body.u32(4) !== FSCTL_PIPE_TRANSCEIVE) return;
    const output = body.wideField(32, 36);
    if (output === null) this.#malformed(TO_CLIENT);
    else this.#session.pipeData(header, file, TO_CLIENT, output);
  }

  #close(header: SmbHeader, body: Smb2Body): void {
    const file = this.#file(header, body, 8);
    if (file !== null) this.#session.close(file, TO_SERVER);
    this.#session.request(header, null, file);
  }

  /** The file whose id is at this place of the body; null: the command is too short. */
  #file(header: SmbHeader, body: Smb2Body, at: number): OpenFile | null {
    if (!body.has(at, 16)) {
      this.#malformed(TO_SERVER);
      return null;
    }
    const id = latin1(body.slice(at, at + 16));
    if (id === RELATED_FILE && this.#relatedFile !== null) return this.#relatedFile;
    const file = this.#session.file(id, header);
    this.#relatedFile = file;
    return file;
  }

  /** `dataAt`: from the command's header. */
  #data(header: SmbHeader, body: Smb2Body, announced: FileData, dataAt: number): DataSink | null {
    return this.#session.data(header, body, announced, body.start + Math.max(dataAt, SMB2_HEADER_BYTES));
  }

  #malformed(direction: Direction): void {
    this.#session.raise(direction, 'smb.malformed_data');
  }
}

const exceeds = (bytes: number, agreedBytes: number): boolean =>
  bytes > MAX_DATA_BYTES || (agreedBytes !== 0 && bytes > agreedBytes);

/** [MS-SMB2] §2.2.3; Suricata's names. */
function dialectName(dialect: number): string {
  if (dialect === 0x02ff) return '2.??';
  const minor = (dialect & 0xff).toString(16).padStart(2, '0');
  return `${dialect >> 8}.${minor}`;
}
