import { latin1 } from '../../base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { type AppParser, type AppSink, type FrameSink, type Handover, STAGE, type Stage } from '../protocol.ts';
import type { HttpEvent } from './events.ts';
import { UPGRADE } from './framing.ts';
import { Leftovers } from './leftovers.ts';
import { type Exchange, READ } from './message-reader.ts';
import type { HttpOptions } from './options.ts';
import { RequestReader } from './request-reader.ts';
import { ResponseReader } from './response-reader.ts';
import { HttpTransaction } from './transaction.ts';

/** One connection: follows the framing of both directions to its end and pairs requests with responses in order. */
export class HttpParser implements AppParser, Exchange {
  readonly options: HttpOptions;
  readonly frames: FrameSink | undefined;
  handover: Handover | null = null;
  readonly #sink: AppSink;
  readonly #requests: RequestReader;
  readonly #responses: ResponseReader;
  /** Not complete in both directions; oldest first. */
  readonly #open: HttpTransaction[] = [];
  /** The first of them without a response. */
  #unanswered = 0;
  #openHeadBytes = 0;
  /** Responses whose transactions were closed at the limit: they are paired with nothing. */
  #lostResponses = 0;
  readonly #leftovers = new Leftovers();
  #nextId: number;
  #areResponsesOver = false;
  /** The exchange behind which another protocol speaks. */
  #tunnel: HttpTransaction | null = null;

  /** `nextId`: of the connection's next exchange. */
  constructor(sink: AppSink, options: HttpOptions, frames?: FrameSink, nextId = 0) {
    this.#nextId = nextId;
    this.#sink = sink;
    this.options = options;
    this.frames = frames;
    this.#requests = new RequestReader(this);
    this.#responses = new ResponseReader(this);
  }

  /** True when the rest of the connection is not HTTP: the caller may stop. */
  get isDone(): boolean {
    return this.#requests.state === READ.ignore && this.#responses.state === READ.ignore;
  }

  /** Between exchanges, all that matters of those before is how many they were. */
  get restingAt(): number {
    const isBetweenExchanges = this.#open.length === 0 && this.#lostResponses === 0 && !this.#areResponsesOver;
    return isBetweenExchanges && this.#requests.isResting && this.#responses.isResting ? this.#nextId : -1;
  }

  get heldBytes(): number {
    return this.#openHeadBytes + this.#requests.heldBytes + this.#responses.heldBytes;
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    this.#leftovers.release();
    const at = (direction === TO_SERVER ? this.#requests : this.#responses).consume(bytes, start, end);
    const tunnel = this.#tunnel;
    if (tunnel === null) return;
    const protocol = upgradedTo(tunnel);
    this.handover = { protocol, subject: tunnel, at, missingBytes: this.#requests.tunnelBytes };
  }

  gap(direction: Direction, missingBytes: number): void {
    this.#leftovers.release();
    if (direction === TO_SERVER) this.#requests.gap(missingBytes);
    else this.#responses.gap(missingBytes);
  }

  end(direction: Direction): void {
    this.#leftovers.release();
    if (direction === TO_SERVER) {
      this.#requests.end();
      return;
    }
    this.#responses.end();
    this.#areResponsesOver = true;
    for (const tx of [...this.#open]) {
      if (tx.request.isComplete && !tx.response.isComplete) this.complete(tx, TO_CLIENT);
    }
  }

  rest(): void {
    this.#leftovers.release();
  }

  close(): void {
    this.#leftovers.release();
    for (const tx of this.#open) tx.release();
    this.#requests.stop();
    this.#responses.stop();
  }

  openRequest(): HttpTransaction {
    const { maxOpenTransactions, maxOpenHeadBytes } = this.options;
    while (
      this.#unanswered < this.#open.length &&
      (this.#open.length >= maxOpenTransactions || this.#openHeadBytes > maxOpenHeadBytes)
    ) {
      this.#closeOldest();
    }
    const tx = new HttpTransaction(this.#nextId++);
    this.#open.push(tx);
    return tx;
  }

  nextToAnswer(): HttpTransaction {
    const tx = this.#open[this.#unanswered];
    if (tx !== undefined && this.#lostResponses === 0) {
      this.#unanswered++;
      return tx;
    }
    const orphan = new HttpTransaction(this.#nextId++);
    this.#open.splice(this.#unanswered, 0, orphan);
    this.#unanswered++;
    if (this.#lostResponses > 0) this.#lostResponses--;
    else this.raise(orphan, TO_CLIENT, 'http.unable_to_match_response_to_request');
    this.complete(orphan, TO_SERVER);
    return orphan;
  }

  report(tx: HttpTransaction, direction: Direction, stage: Stage): void {
    this.#sink.onProgress(tx, direction, stage);
  }

  complete(tx: HttpTransaction, direction: Direction): void {
    const message = tx.message(direction);
    if (message.isComplete) return;
    message.isComplete = true;
    this.#leftovers.addMessage(message);
    this.#sink.onProgress(tx, direction, STAGE.complete);
    if (direction === TO_SERVER) {
      this.#openHeadBytes += message.head === null ? 0 : message.head.length;
      if (this.#areResponsesOver) {
        this.complete(tx, TO_CLIENT);
        return;
      }
    } else if (tx.isConnect) this.#requestsGoOn(tx);
    if (tx.request.isComplete && tx.response.isComplete) this.#finish(tx);
  }

  raise(tx: HttpTransaction | null, direction: Direction, event: HttpEvent): void {
    if (tx !== null && !tx.addEvent(event)) return;
    this.#sink.onEvent(tx, direction, event);
  }

  tunnel(tx: HttpTransaction): void {
    this.raise(tx, TO_CLIENT, 'http.tunnel');
    this.#tunnel = tx;
    this.#requests.stop();
    this.#responses.stop();
    for (const open of [...this.#open]) {
      this.complete(open, TO_SERVER);
      this.complete(open, TO_CLIENT);
    }
  }

  /** A CONNECT was refused: what was taken for the tunnel's first bytes was something else. */
  #requestsGoOn(tx: HttpTransaction): void {
    this.#requests.isConnectPending = false;
    if (this.#requests.state !== READ.tunnelWait) return;
    this.raise(tx, TO_SERVER, 'http.not_followed');
    this.#requests.stop();
  }

  #closeOldest(): void {
    const tx = this.#open[this.#unanswered]!;
    this.raise(tx, TO_SERVER, 'http.too_many_open_transactions');
    this.#lostResponses++;
    this.complete(tx, TO_CLIENT);
  }

  #finish(tx: HttpTransaction): void {
    const index = this.#open.indexOf(tx);
    if (index < 0) return;
    if (index === 0) this.#open.shift();
    else this.#open.splice(index, 1);
    if (index < this.#unanswered) this.#unanswered--;
    this.#openHeadBytes -= tx.request.head === null ? 0 : tx.request.head.length;
    this.#leftovers.addTransaction(tx);
  }
}

/** RFC 9110 §7.8: the protocol that the server has agreed to, by our name for it; null where it is another one. */
function upgradedTo({ status, response: { head } }: HttpTransaction): string | null {
  const value = status === 101 ? head?.joined(UPGRADE) : null;
  return value == null ? null : (UPGRADES[latin1(value).trim().toLowerCase()] ?? null);
}

const UPGRADES: Readonly<Record<string, string>> = { h2c: 'http2', websocket: 'websocket' };
