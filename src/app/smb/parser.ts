import { type Direction, TO_SERVER } from '../../base/direction.ts';
import type { AppParser, AppSink, Channel, FrameSink } from '../protocol.ts';
import type { DataSink } from './data-sink.ts';
import type { SmbEvent } from './events.ts';
import { type CommandBytes, type CommandListener, MAGIC, MessageReader } from './message-reader.ts';
import { SmbSession } from './session.ts';
import { Smb1Commands } from './smb1.ts';
import { Smb2Commands } from './smb2.ts';

/** One connection, over TCP alone or with NetBIOS sessions. */
export class SmbParser implements AppParser {
  readonly #session: SmbSession;
  readonly #smb1: Smb1Commands;
  readonly #smb2: Smb2Commands;
  readonly #readers: readonly [MessageReader, MessageReader];
  readonly #told = new Set<SmbEvent>();
  #hasEnded = false;

  constructor(sink: AppSink, { frames, nowMs }: Channel) {
    this.#session = new SmbSession(sink, nowMs ?? (() => 0));
    this.#smb1 = new Smb1Commands(this.#session);
    this.#smb2 = new Smb2Commands(this.#session);
    const reader = (direction: Direction): MessageReader => new MessageReader(this.#listener(direction, frames));
    this.#readers = [reader(0), reader(1)];
  }

  get heldBytes(): number {
    const [requests, responses] = this.#readers;
    return requests.heldBytes + responses.heldBytes + this.#session.heldBytes + this.#smb1.heldBytes;
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    this.#readers[direction].consume(bytes, start, end);
  }

  gap(direction: Direction, missingBytes: number): void {
    if (!this.#readers[direction].gap(missingBytes)) this.#session.raise(direction, 'smb.gap');
  }

  end(direction: Direction): void {
    this.#readers[direction].end();
    // What the other side has asked for may still come.
    if (this.#hasEnded) this.#session.end();
    this.#hasEnded = true;
  }

  #listener(direction: Direction, frames: FrameSink | undefined): CommandListener {
    return {
      onCommand: (version, command) => this.#onCommand(direction, version, command),
      onFrame: (name, at, bytes) => {
        if (frames?.isWanted === true) frames.beginFrame(direction, name, at, bytes);
      },
      onUnreadable: (magic) => this.#onUnreadable(direction, magic),
      onMalformed: () => this.#session.raise(direction, 'smb.malformed_data'),
    };
  }

  /** Told once: such a connection has nothing else. */
  #onUnreadable(direction: Direction, magic: number): void {
    const event = magic === MAGIC.encrypted ? 'smb.encrypted' : 'smb.compressed';
    if (this.#told.has(event)) return;
    this.#told.add(event);
    this.#session.raise(direction, event);
  }

  #onCommand(direction: Direction, version: 1 | 2, command: CommandBytes): DataSink | null {
    const commands = version === 1 ? this.#smb1 : this.#smb2;
    if (direction === TO_SERVER) {
      this.#session.goOn();
      return commands.onRequest(command);
    }
    return commands.onResponse(command);
  }
}
