import { type Direction, opposite, TO_SERVER } from '../../base/direction.ts';
import { type AppSink, STAGE } from '../protocol.ts';
import type { DataSink } from './data-sink.ts';
import type { SmbEvent } from './events.ts';
import { FileContent } from './file-content.ts';
import type { OpenFile } from './open-file.ts';
import type { SmbTransaction } from './transaction.ts';

/** What looking at a file once more counts for beside its bytes. */
const LOOK_OVERHEAD_BYTES = 4096;
/** Beyond any file. Below it, the places of a piece's bytes are exact numbers. */
const MAX_OFFSET = 2 ** 52;

/** What is written to an open file, or read from it. */
export class FileTransfer {
  readonly kind = 'file';
  readonly file: OpenFile;
  readonly direction: Direction;
  readonly content: FileContent;
  /** Another transfer shows the file as it is later: known bytes were written over, or holes filled. */
  isSuperseded = false;

  constructor(file: OpenFile, direction: Direction, content = new FileContent()) {
    this.file = file;
    this.direction = direction;
    this.content = content;
  }

  /** Parts of it are missing, or were not kept, or it was not left like this. */
  get isTruncated(): boolean {
    return this.content.isCut || this.isSuperseded;
  }
}

/** Who has the files. */
export interface TransferHost {
  readonly sink: AppSink;
  newTransaction(transfer: FileTransfer): SmbTransaction;
  raise(direction: Direction, event: SmbEvent): void;
  /** May so much be looked at once more? */
  mayLookAgain(bytes: number): boolean;
}

/** One that goes on, with what tells of it. */
export class ActiveTransfer {
  #transfer: FileTransfer;
  #transaction: SmbTransaction;
  readonly #host: TransferHost;
  #isComplete = false;
  /** Known bytes were written over, and rules have not seen it yet. */
  #isChanged = false;

  constructor(transfer: FileTransfer, host: TransferHost) {
    this.#transfer = transfer;
    this.#host = host;
    this.#transaction = host.newTransaction(transfer);
    host.sink.onProgress(this.#transaction, transfer.direction, STAGE.head);
  }

  get content(): FileContent {
    return this.#transfer.content;
  }

  /** The next piece: so many bytes for this place in the file. */
  begin(offset: number, bytes: number): DataSink {
    if (offset < this.content.wholeBytes) {
      this.#host.sink.onEvent(this.#transaction, this.#transfer.direction, 'smb.file_overlap');
    }
    return new FilePiece(this, Math.min(offset, MAX_OFFSET), bytes);
  }

  /** Of what is read once more, the part behind the known bytes is shown. What is written takes their place. */
  write(offset: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.#isComplete) return;
    const { content, direction } = this.#transfer;
    if (direction === TO_SERVER && content.differs(offset, bytes, start, end)) {
      this.#supersede();
      content.replace(offset, bytes, start, end);
    }
    if (!content.write(offset, bytes, start, end)) {
      const isWrite = direction === TO_SERVER;
      this.#host.raise(direction, isWrite ? 'smb.write_queue_cnt_exceeded' : 'smb.read_queue_cnt_exceeded');
    }
    if (!this.#isChanged) this.#host.sink.onProgress(this.#transaction, direction, STAGE.body);
  }

  /** A piece is there as a whole: a server carries it out now. */
  endPiece(): void {
    if (this.#isComplete) return;
    const { content, direction } = this.#transfer;
    // A hole may stay, and the file be used while it is open.
    const isBehindHole = content.takeNews() && direction === TO_SERVER;
    if (!this.#isChanged && !isBehindHole) return;
    const look = isBehindHole ? content.withHoles() : content;
    if (!this.#host.mayLookAgain(look.view().length + LOOK_OVERHEAD_BYTES)) {
      this.#host.raise(direction, 'smb.too_many_rewrites');
      return;
    }
    if (this.#isChanged) this.#showAgain();
    if (isBehindHole) this.#showNow(look);
  }

  /** The file is closed, or nobody will see more of it. */
  complete(): void {
    if (this.#isComplete) return;
    if (this.#isChanged) this.#showAgain();
    this.#isComplete = true;
    this.content.fillHoles();
    this.#tellComplete();
  }

  /** The transaction ends with what it has shown; what comes now is of another one. */
  #supersede(): void {
    if (this.#isChanged) return;
    this.#isChanged = true;
    this.#transfer.isSuperseded = true;
    this.#tellComplete();
  }

  #showAgain(): void {
    const { file, direction, content } = this.#transfer;
    this.#isChanged = false;
    this.#transfer = new FileTransfer(file, direction, content);
    this.#transaction = this.#show(this.#transfer);
  }

  /** In a transaction of its own, so that this one can go on. */
  #showNow(look: FileContent): void {
    const transfer = new FileTransfer(this.#transfer.file, this.#transfer.direction, look);
    transfer.isSuperseded = true;
    this.#tellComplete(this.#show(transfer));
  }

  #show(transfer: FileTransfer): SmbTransaction {
    const transaction = this.#host.newTransaction(transfer);
    this.#host.sink.onProgress(transaction, transfer.direction, STAGE.head);
    this.#host.sink.onProgress(transaction, transfer.direction, STAGE.body);
    return transaction;
  }

  #tellComplete(transaction = this.#transaction): void {
    const { direction } = this.#transfer;
    this.#host.sink.onProgress(transaction, direction, STAGE.complete);
    this.#host.sink.onProgress(transaction, opposite(direction), STAGE.complete);
  }
}

class FilePiece implements DataSink {
  bytesLeft: number;
  #offset: number;
  readonly #active: ActiveTransfer;

  constructor(active: ActiveTransfer, offset: number, bytes: number) {
    this.#active = active;
    this.#offset = offset;
    this.bytesLeft = bytes;
  }

  consume(bytes: Uint8Array, start: number, end: number): void {
    this.#active.write(this.#offset, bytes, start, end);
    this.#offset += end - start;
    this.bytesLeft -= end - start;
  }

  gap(missingBytes: number): void {
    this.#offset += missingBytes;
    this.bytesLeft -= missingBytes;
    this.#active.content.isCut = true;
  }

  end(): void {
    if (this.bytesLeft > 0) this.#active.content.isCut = true;
    this.#active.endPiece();
  }
}
