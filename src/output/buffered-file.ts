import { close, constants, openSync, statSync, write } from 'node:fs';
import { countLines } from './eve-lines.ts';
import type { LineOutput } from './line-output.ts';

const STDOUT_FD = 1;
const FILE_MODE = 0o640;
const { O_NONBLOCK, O_RDWR } = constants;

/** How long to leave a full pipe or a full disk alone before the next attempt. */
const RETRY_MS = 50;
/** At the end of the process, a reader that does not read is not waited for. */
const CLOSE_WAIT_MS = 2000;

export interface BufferedFileSettings {
  /** Characters that may wait, most of them bytes; what does not fit is lost and counted. */
  readonly bufferBytes: number;
  /** Called once when writing begins to fail, and again only after it worked in between. */
  readonly onError: (error: Error) => void;
}

/**
 * For live traffic: never waits and never throws, whatever becomes of the disk or the reader. Lines are written in
 * order and whole: of a line that did not fit, nothing is written.
 */
export class BufferedFile implements LineOutput {
  #lostLines = 0;
  readonly #file: string;
  readonly #settings: BufferedFileSettings;
  #fd: number;
  #waiting: string[] = [];
  #waitingCharacters = 0;
  /** What the system is writing, and from where. */
  #chunk = Buffer.alloc(0);
  #chunkAt = 0;
  #isWriting = false;
  #isFailing = false;
  #isReopening = false;
  #isClosed = false;
  /** Set while `close` waits. */
  #onIdle: (() => void) | null = null;

  /** Appends; `-` is standard output. Throws when the file cannot be opened. */
  constructor(file: string, settings: BufferedFileSettings) {
    this.#file = file;
    this.#settings = settings;
    this.#fd = this.#open();
  }

  get lostLines(): number {
    return this.#lostLines;
  }

  write(lines: string): void {
    const pendingCharacters = this.#waitingCharacters + this.#chunk.length - this.#chunkAt;
    if (pendingCharacters + lines.length > this.#settings.bufferBytes || this.#isClosed) {
      this.#lostLines += countLines(lines);
      return;
    }
    this.#waiting.push(lines);
    this.#waitingCharacters += lines.length;
    if (!this.#isWriting) this.#writeNext();
  }

  /** After the file has been renamed (log rotation): goes on in a new one, without tearing a line. */
  reopen(): void {
    this.#isReopening = this.#file !== '-';
    if (!this.#isWriting) this.#writeNext();
  }

  /**
   * Waits a moment for what can be written. What a full disk or a stuck reader still holds back is lost and counted.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#isWriting) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, CLOSE_WAIT_MS);
        this.#onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#countUnwritten();
    this.#letGo(this.#fd);
  }

  #open(): number {
    if (this.#file === '-') return STDOUT_FD;
    const isPipe = statSync(this.#file, { throwIfNoEntry: false })?.isFIFO() === true;
    // Opened for both, a pipe takes what fits while nobody reads it, and its reader may come and go.
    return isPipe ? openSync(this.#file, O_RDWR | O_NONBLOCK) : openSync(this.#file, 'a', FILE_MODE);
  }

  #letGo(fd: number): void {
    if (fd !== STDOUT_FD) close(fd, () => {});
  }

  #writeNext(): void {
    // `close` did not wait any longer, and has counted what was left.
    if (this.#isClosed && this.#onIdle === null) return;
    if (this.#chunkAt === this.#chunk.length) {
      if (this.#isReopening) this.#replaceFile();
      this.#chunk = Buffer.from(this.#waiting.join(''));
      this.#chunkAt = 0;
      this.#waiting = [];
      this.#waitingCharacters = 0;
    }
    this.#isWriting = this.#chunk.length > 0;
    if (!this.#isWriting) {
      this.#onIdle?.();
      return;
    }
    write(this.#fd, this.#chunk, this.#chunkAt, (error, writtenBytes) => {
      if (error === null) {
        this.#isFailing = false;
        this.#chunkAt += writtenBytes;
        this.#writeNext();
      } else if (!this.#isClosed || this.#onIdle !== null) this.#failed(error);
    });
  }

  /** A full pipe or disk may become free again: the lines wait within their bound. */
  #failed(error: NodeJS.ErrnoException): void {
    if (error.code !== 'EAGAIN' && !this.#isFailing) {
      this.#isFailing = true;
      this.#settings.onError(error);
    }
    if (this.#onIdle === null) setTimeout(() => this.#writeNext(), RETRY_MS);
    else this.#onIdle();
  }

  #countUnwritten(): void {
    this.#lostLines += countLines(this.#chunk.toString('latin1', this.#chunkAt));
    for (const lines of this.#waiting) this.#lostLines += countLines(lines);
    this.#waiting = [];
    this.#onIdle = null;
  }

  #replaceFile(): void {
    this.#isReopening = false;
    try {
      const fd = this.#open();
      this.#letGo(this.#fd);
      this.#fd = fd;
    } catch (error) {
      this.#settings.onError(error as Error);
    }
  }
}
