import { type Direction, opposite, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { type AppSink, STAGE } from '../protocol.ts';
import type { DataSink } from './data-sink.ts';
import type { SmbEvent } from './events.ts';
import { FileContent } from './file-content.ts';
import type { OpenFile } from './open-file.ts';
import type { SmbTransaction } from './transaction.ts';

/** Everything that is written to an open file, or read from it. */
export class FileTransfer {
  readonly kind = 'file';
  readonly file: OpenFile;
  readonly direction: Direction;
  readonly content = new FileContent();

  constructor(file: OpenFile, direction: Direction) {
    this.file = file;
    this.direction = direction;
  }
}

/** One that goes on, with what tells of it. */
export class ActiveTransfer {
  readonly transfer: FileTransfer;
  readonly #transaction: SmbTransaction;
  readonly #sink: AppSink;
  #isComplete = false;

  constructor(transfer: FileTransfer, transaction: SmbTransaction, sink: AppSink) {
    this.transfer = transfer;
    this.#transaction = transaction;
    this.#sink = sink;
    sink.onProgress(transaction, transfer.direction, STAGE.head);
  }

  /**
   * The next piece: so many bytes for this place in the file. What is written over known bytes is not shown, as in
   * Suricata; of what is read once more, the part behind them is.
   */
  begin(offset: number, bytes: number): DataSink {
    const { content, direction } = this.transfer;
    const isOverlap = offset < content.wholeBytes;
    if (isOverlap) this.#raise('smb.file_overlap');
    if (!isOverlap || direction === TO_CLIENT) return new FilePiece(this, offset, bytes);
    content.isCut = true;
    return new UnseenPiece(bytes);
  }

  write(offset: number, bytes: Uint8Array, start: number, end: number): void {
    const { content, direction } = this.transfer;
    if (this.#isComplete) return;
    if (!content.write(offset, bytes, start, end)) {
      this.#raise(direction === TO_SERVER ? 'smb.write_queue_cnt_exceeded' : 'smb.read_queue_cnt_exceeded');
    }
    this.#sink.onProgress(this.#transaction, direction, STAGE.body);
  }

  /** The file is closed, or nobody will see more of it. */
  complete(): void {
    if (this.#isComplete) return;
    this.#isComplete = true;
    const { content, direction } = this.transfer;
    content.fillHoles();
    this.#sink.onProgress(this.#transaction, direction, STAGE.complete);
    this.#sink.onProgress(this.#transaction, opposite(direction), STAGE.complete);
  }

  #raise(event: SmbEvent): void {
    this.#sink.onEvent(this.#transaction, this.transfer.direction, event);
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
    this.#active.transfer.content.isCut = true;
  }

  end(): void {
    if (this.bytesLeft > 0) this.#active.transfer.content.isCut = true;
  }
}

class UnseenPiece implements DataSink {
  bytesLeft: number;

  constructor(bytes: number) {
    this.bytesLeft = bytes;
  }

  consume(_bytes: Uint8Array, start: number, end: number): void {
    this.bytesLeft -= end - start;
  }

  gap(missingBytes: number): void {
    this.bytesLeft -= missingBytes;
  }

  end(): void {}
}
