import { latin1 } from '../../base/bytes.ts';
import type { Transaction } from '../protocol.ts';
import type { CommandReader } from './command-reader.ts';

/** One command. Its arguments are there until the parser reads on. */
export class RedisTransaction implements Transaction {
  readonly id: number;
  /** As sent, cut at MAX_NAME_CHARACTERS. */
  readonly name: string;
  /** With the name. */
  readonly argumentCount: number;
  #reader: CommandReader | null;

  constructor(id: number, reader: CommandReader) {
    const name = reader.argument(0);
    this.id = id;
    this.name = name === null ? '' : latin1(name, 0, Math.min(name.length, MAX_NAME_CHARACTERS));
    this.argumentCount = reader.argumentCount;
    this.#reader = reader;
  }

  /** The n-th of those that are kept, the name being the first; null behind the last one. */
  argument(nth: number): Uint8Array | null {
    return this.#reader === null ? null : this.#reader.argument(nth);
  }

  release(): void {
    this.#reader = null;
  }
}

/** A log line is for reading; the longest names have twenty. */
const MAX_NAME_CHARACTERS = 64;
