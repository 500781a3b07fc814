import { latin1 } from '../../base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { fieldName } from '../http/field-name.ts';
import { HttpTransaction } from '../http/transaction.ts';
import type { AppParser, AppSink, Stage } from '../protocol.ts';
import type { WebsocketEvent } from './events.ts';
import { type Extensions, type SideListener, SideReader } from './side-reader.ts';
import type { WebsocketTransaction } from './transaction.ts';

/** One connection of WebSocket: each frame is a transaction of one direction. */
export class WebsocketParser implements AppParser, SideListener {
  readonly #sink: AppSink;
  readonly #sides: readonly [SideReader, SideReader];
  #nextId = 0;
  /** An extension was agreed on that nobody was told of yet. */
  #hasUnknown: boolean;

  /** `upgrade`: the exchange by which it was agreed on. */
  constructor(sink: AppSink, upgrade: unknown) {
    this.#sink = sink;
    const extensions = extensionsOf(upgrade instanceof HttpTransaction ? upgrade : null);
    this.#hasUnknown = extensions.hasOther;
    this.#sides = [new SideReader(this, TO_SERVER, extensions), new SideReader(this, TO_CLIENT, extensions)];
  }

  get isDone(): boolean {
    return this.#sides[TO_SERVER].isLost && this.#sides[TO_CLIENT].isLost;
  }

  get heldBytes(): number {
    return this.#sides[TO_SERVER].heldBytes + this.#sides[TO_CLIENT].heldBytes;
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    if (this.#hasUnknown) this.raise(null, TO_CLIENT, 'websocket.unknown_extension');
    this.#hasUnknown = false;
    this.#sides[direction].consume(bytes, start, end);
  }

  gap(direction: Direction, missingBytes: number): void {
    this.#sides[direction].gap(missingBytes);
  }

  end(direction: Direction): void {
    this.#sides[direction].end();
  }

  nextId(): number {
    return this.#nextId++;
  }

  onProgress(tx: WebsocketTransaction, stage: Stage): void {
    this.#sink.onProgress(tx, tx.direction, stage);
  }

  raise(tx: WebsocketTransaction | null, direction: Direction, event: WebsocketEvent): void {
    if (tx?.addEvent(event) !== false) this.#sink.onEvent(tx, direction, event);
  }
}

/** RFC 6455 §9.1: those that the server has agreed to. */
function extensionsOf(upgrade: HttpTransaction | null): Extensions {
  const value = upgrade?.response.head?.joined(EXTENSIONS) ?? null;
  const names =
    value === null
      ? []
      : latin1(value)
          .split(',')
          .map((item) => item.split(';', 1)[0]!.trim().toLowerCase());
  return {
    hasDeflate: names.includes(DEFLATE),
    hasOther: names.some((name) => name !== DEFLATE && name !== ''),
  };
}

const EXTENSIONS = fieldName('sec-websocket-extensions');
const DEFLATE = 'permessage-deflate';
