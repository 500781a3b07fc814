import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { type AppParser, type AppSink, STAGE } from '../protocol.ts';
import { CommandReader } from './command-reader.ts';
import type { RedisEvent } from './events.ts';
import { RedisTransaction } from './transaction.ts';

/** One connection: the client's commands. What the server answers is not looked into. */
export class RedisParser implements AppParser {
  isDone = false;
  readonly #sink: AppSink;
  readonly #reader = new CommandReader();
  #shown: RedisTransaction | null = null;
  #nextId = 0;

  constructor(sink: AppSink) {
    this.#sink = sink;
  }

  get heldBytes(): number {
    return this.#reader.heldBytes;
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    if (direction !== TO_SERVER) return;
    for (let at = start; at < end && !this.isDone; ) {
      this.#shown?.release();
      at = this.#reader.read(bytes, at, end);
      if (this.#reader.hasCommand) this.#tell();
      else if (this.#reader.isBroken) {
        this.isDone = true;
        this.#raise(null, 'redis.protocol_error');
      }
    }
  }

  gap(direction: Direction, missingBytes: number): void {
    if (direction !== TO_SERVER || this.isDone) return;
    this.#raise(null, 'redis.gap');
    this.isDone = !this.#reader.skip(missingBytes);
  }

  end(): void {}

  close(): void {
    this.#shown?.release();
  }

  #raise(tx: RedisTransaction | null, event: RedisEvent): void {
    this.#sink.onEvent(tx, TO_SERVER, event);
  }

  /** Redis runs it now: nothing of it is told before. */
  #tell(): void {
    const tx = new RedisTransaction(this.#nextId++, this.#reader);
    this.#shown = tx;
    if (this.#reader.isCut && LOADS_SCRIPT.test(tx.name)) this.#raise(tx, 'redis.script_too_long');
    this.#sink.onProgress(tx, TO_SERVER, STAGE.head);
    this.#sink.onProgress(tx, TO_SERVER, STAGE.complete);
    this.#sink.onProgress(tx, TO_CLIENT, STAGE.complete);
  }
}

const LOADS_SCRIPT = /^(?:eval|eval_ro|script|function)$/i;
