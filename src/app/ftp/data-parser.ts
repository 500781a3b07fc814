import { type Direction, opposite, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { ByteBuffer } from '../byte-buffer.ts';
import { type FileSource, fileBuffers, MAX_FILE_BYTES } from '../files.ts';
import { type AppParser, type AppSink, type BufferDefinition, STAGE, type Transaction } from '../protocol.ts';
import { type FtpTransfer, TRANSFER } from './transfer.ts';

/** One file. */
export class FtpDataTransaction implements Transaction {
  readonly id = 0;
  readonly transfer: FtpTransfer;
  readonly content = new ByteBuffer(MAX_FILE_BYTES);
  /** Bytes of it are missing. */
  isCut = false;
  /** The way that the file goes on this connection; null before its first bytes. */
  direction: Direction | null = null;

  constructor(transfer: FtpTransfer) {
    this.transfer = transfer;
  }
}

/** A connection for data: whatever comes is the file. */
export class FtpDataParser implements AppParser {
  isDone = false;
  readonly #sink: AppSink;
  readonly #transaction: FtpDataTransaction;

  constructor(sink: AppSink, transfer: FtpTransfer) {
    this.#sink = sink;
    this.#transaction = new FtpDataTransaction(transfer);
  }

  get heldBytes(): number {
    return this.#transaction.content.heldBytes;
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    const tx = this.#transaction;
    if (this.isDone) return;
    if (tx.direction === null) {
      tx.direction = direction;
      this.#sink.onProgress(tx, direction, STAGE.head);
      // Which command it was is a matter of either direction, as in Suricata.
      this.#sink.onProgress(tx, opposite(direction), STAGE.head);
    }
    if (direction !== tx.direction) return;
    tx.content.append(bytes, start, end);
    this.#sink.onProgress(tx, direction, STAGE.body);
    if (tx.content.isCut) this.#complete();
  }

  /** What is behind it is not where rules expect it. */
  gap(): void {
    this.#transaction.isCut = true;
    this.#complete();
  }

  end(direction: Direction): void {
    if (direction === this.#transaction.direction) this.#complete();
  }

  #complete(): void {
    const { direction } = this.#transaction;
    if (this.isDone) return;
    this.isDone = true;
    if (direction === null) return;
    this.#sink.onProgress(this.#transaction, direction, STAGE.complete);
    this.#sink.onProgress(this.#transaction, opposite(direction), STAGE.complete);
  }
}

/** The one file. */
export const FTP_DATA_FILES: FileSource<FtpDataTransaction> = {
  name: (tx, direction, nth) => (nth > 0 || direction !== tx.direction ? null : tx.transfer.fileName),
  content: (tx) => tx.content.view(),
  isTruncated: (tx) => tx.isCut || tx.content.isCut,
};

/** Every buffer of a connection for data. */
export const FTP_DATA_BUFFERS: readonly BufferDefinition<FtpDataTransaction>[] = [
  {
    name: 'file.data',
    aliases: ['file_data'],
    summary: 'content of the file',
    direction: null,
    stage: STAGE.body,
    isRepeated: true,
    read: (tx, direction, nth) => (nth > 0 || direction !== tx.direction ? null : tx.content.view()),
  },
  ...fileBuffers(null, FTP_DATA_FILES),
  {
    name: 'ftpdata_command',
    summary: 'which command it was, one byte; of the direction in which such a file usually goes',
    direction: null,
    stage: STAGE.head,
    isInternal: true,
    read: ({ transfer }, direction, nth) =>
      nth > 0 || direction !== (transfer.command === TRANSFER.retr ? TO_CLIENT : TO_SERVER)
        ? null
        : Uint8Array.of(transfer.command),
  },
];
