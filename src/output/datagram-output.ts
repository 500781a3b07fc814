import { constants } from 'node:os';
import { sendDatagram } from '../base/native/notify.ts';
import type { EveLine } from './eve-lines.ts';

export interface DatagramSettings {
  /** A path, or `@name`. */
  readonly socket: string;
  /** What is sent for a line; absent: the line itself, with its line feed. */
  readonly messageOf?: (line: EveLine) => string;
  /** Called once when sending begins to fail, and again only after it worked in between. */
  readonly onError: (error: Error) => void;
  readonly send?: typeof sendDatagram;
}

/** Characters that may wait for a receiver that is slow or away; what does not fit is lost and counted. */
const MAX_WAITING_CHARACTERS = 1024 * 1024;
/** Sent in one go: the event loop has other things to do. */
const MESSAGES_PER_TURN = 64;
/** How long a receiver whose buffer is full is left alone, and one that is not there. */
const FULL_RETRY_MS = 20;
const ABSENT_RETRY_MS = 1_000;

const { EAGAIN, EMSGSIZE, ENOBUFS } = constants.errno;

/** Each event as one datagram to a Unix socket. Never waits and never throws, whatever becomes of the receiver. */
export class DatagramOutput {
  #lostLines = 0;
  readonly #settings: DatagramSettings;
  #waiting: string[] = [];
  #waitingCharacters = 0;
  #timer: NodeJS.Timeout | null = null;
  #isFailing = false;
  #isClosed = false;

  constructor(settings: DatagramSettings) {
    this.#settings = settings;
  }

  /** Events that the receiver could not take in time. */
  get lostLines(): number {
    return this.#lostLines;
  }

  write(lines: Iterable<EveLine>): void {
    const { messageOf = ({ text }: EveLine) => `${text}\n` } = this.#settings;
    for (const line of lines) {
      if (this.#isClosed || this.#waitingCharacters + line.text.length > MAX_WAITING_CHARACTERS) {
        this.#lostLines++;
        continue;
      }
      const message = messageOf(line);
      this.#waiting.push(message);
      this.#waitingCharacters += message.length;
    }
    if (this.#timer === null && this.#waiting.length > 0) this.#sendSoon(0);
  }

  /** Sends what the receiver takes at once; the rest is lost and counted. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#sendSome(this.#waiting.length);
    this.#lostLines += this.#waiting.length;
    this.#waiting = [];
  }

  #sendSoon(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      const pauseMs = this.#sendSome(MESSAGES_PER_TURN);
      if (this.#waiting.length > 0) this.#sendSoon(pauseMs);
    }, delayMs);
  }

  /** Returns how long to wait before the next attempt. */
  #sendSome(most: number): number {
    const { socket, onError, send = sendDatagram } = this.#settings;
    let taken = 0;
    let pauseMs = 0;
    while (taken < this.#waiting.length && taken < most && pauseMs === 0) {
      try {
        send(socket, this.#waiting[taken]!);
        this.#isFailing = false;
        taken++;
      } catch (error) {
        const { errno } = error as NodeJS.ErrnoException;
        if (errno === EAGAIN || errno === ENOBUFS) pauseMs = FULL_RETRY_MS;
        else if (errno === EMSGSIZE) {
          this.#lostLines++;
          taken++;
        } else pauseMs = ABSENT_RETRY_MS;
        if (pauseMs !== FULL_RETRY_MS && !this.#isFailing) {
          this.#isFailing = true;
          onError(error as Error);
        }
      }
    }
    for (const message of this.#waiting.splice(0, taken)) this.#waitingCharacters -= message.length;
    return pauseMs;
  }
}
