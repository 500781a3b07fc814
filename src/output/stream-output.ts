import { connect, type Socket } from 'node:net';
import { countLines } from './eve-lines.ts';
import type { LineOutput } from './line-output.ts';

export interface StreamSettings {
  /** A path, or `@name`. */
  readonly socket: string;
  /** Called once when writing begins to fail, and again only after it worked in between. */
  readonly onError: (error: Error) => void;
}

/** Characters that may wait for a reader that is slow or away; what does not fit is lost and counted. */
const MAX_WAITING_CHARACTERS = 1024 * 1024;
const RECONNECT_MS = 1_000;
/** At the end of the process, a reader that does not read is not waited for. */
const CLOSE_WAIT_MS = 1_000;

/**
 * Lines to whoever listens at a Unix socket. Never waits and never throws, whatever becomes of the reader: one that
 * goes is waited for, and gets whole lines when it is back. Of those that were under way, nobody knows what it has
 * read: they count as lost.
 */
export class StreamOutput implements LineOutput {
  #lostLines = 0;
  readonly #settings: StreamSettings;
  #socket: Socket | null = null;
  #waiting: string[] = [];
  #waitingCharacters = 0;
  /** The system has not taken them yet. */
  #linesUnderWay = 0;
  #reconnect: NodeJS.Timeout | null = null;
  #isFailing = false;
  #isClosed = false;
  /** Set while `close` waits. */
  #onIdle: (() => void) | null = null;

  constructor(settings: StreamSettings) {
    this.#settings = settings;
    this.#connect();
  }

  get lostLines(): number {
    return this.#lostLines;
  }

  write(lines: string): void {
    if (this.#isClosed || this.#waitingCharacters + lines.length > MAX_WAITING_CHARACTERS) {
      this.#lostLines += countLines(lines);
      return;
    }
    this.#waiting.push(lines);
    this.#waitingCharacters += lines.length;
    this.#writeNext();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#reconnect !== null) clearTimeout(this.#reconnect);
    if (this.#socket !== null && this.#linesUnderWay > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, CLOSE_WAIT_MS);
        this.#onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#lostLines += this.#linesUnderWay + this.#waiting.reduce((sum, lines) => sum + countLines(lines), 0);
    this.#linesUnderWay = 0;
    this.#waiting = [];
    this.#onIdle = null;
    this.#socket?.destroy();
  }

  #connect(): void {
    const { socket: place, onError } = this.#settings;
    const socket = connect(place.startsWith('@') ? `\0${place.slice(1)}` : place);
    socket.once('connect', () => {
      if (this.#isClosed) socket.destroy();
      this.#isFailing = false;
      this.#socket = socket;
      this.#writeNext();
    });
    // A reader has nothing to say.
    socket.resume();
    socket.on('error', (error) => {
      if (!this.#isFailing && !this.#isClosed) onError(error);
      this.#isFailing = true;
    });
    socket.once('close', () => this.#onGone());
  }

  #onGone(): void {
    this.#socket = null;
    if (this.#isClosed) {
      this.#onIdle?.();
      return;
    }
    this.#lostLines += this.#linesUnderWay;
    this.#linesUnderWay = 0;
    this.#reconnect = setTimeout(() => this.#connect(), RECONNECT_MS);
  }

  #writeNext(): void {
    const socket = this.#socket;
    if (socket === null || this.#linesUnderWay > 0) return;
    if (this.#waiting.length === 0) {
      this.#onIdle?.();
      return;
    }
    const chunk = this.#waiting.join('');
    this.#waiting = [];
    this.#waitingCharacters = 0;
    this.#linesUnderWay = countLines(chunk);
    socket.write(chunk, (error) => {
      // What an error means is told by the end of the connection.
      if (error) return;
      this.#linesUnderWay = 0;
      this.#writeNext();
    });
  }
}
