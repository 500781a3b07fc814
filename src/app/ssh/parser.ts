import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { type AppParser, type AppSink, type FrameSink, STAGE } from '../protocol.ts';
import { SideReader, type SshListener, splitPacket } from './side-reader.ts';
import { SshTransaction } from './transaction.ts';

/** One connection, up to where both directions are encrypted. */
export class SshParser implements AppParser {
  readonly #transaction = new SshTransaction();
  readonly #readers: readonly [SideReader, SideReader];

  constructor(sink: AppSink, frames?: FrameSink) {
    const tx = this.#transaction;
    const listener = (direction: Direction): SshListener => ({
      onBanner: () => sink.onProgress(tx, direction, STAGE.head),
      onComplete: () => sink.onProgress(tx, direction, STAGE.complete),
      onPacket: (at, packetBytes) => {
        if (frames?.isWanted !== true) return;
        const { header, data } = splitPacket(packetBytes);
        frames.beginFrame(direction, 'record_hdr', at, header);
        frames.beginFrame(direction, 'record_data', at + header, data);
        frames.beginFrame(direction, 'record_pdu', at, header + data);
      },
      onEvent: (event) => sink.onEvent(tx, direction, event),
    });
    this.#readers = [
      new SideReader(tx.client, true, listener(TO_SERVER)),
      new SideReader(tx.server, false, listener(TO_CLIENT)),
    ];
  }

  get isDone(): boolean {
    return this.#readers[TO_SERVER].isDone && this.#readers[TO_CLIENT].isDone;
  }

  /**
   * Both sides have said that their new keys count from here on, and both have chosen them: a client alone could say
   * anything, to be taken for encrypted. So could it where the server repeats that, be it behind a greeting.
   */
  get isEncrypted(): boolean {
    const [client, server] = this.#readers;
    if (!client.hasNewKeys || !server.hasNewKeys || server.hasGreeted) return false;
    const { client: offer, server: answer } = this.#transaction;
    if (offer.keyExchange === null || answer.keyExchange === null) return false;
    return offer.keyExchange.encryptsWith(answer.keyExchange);
  }

  get heldBytes(): number {
    return this.#readers[TO_SERVER].heldBytes + this.#readers[TO_CLIENT].heldBytes;
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    this.#readers[direction].consume(bytes, start, end);
  }

  gap(direction: Direction, missingBytes: number): void {
    this.#readers[direction].gap(missingBytes);
  }

  end(direction: Direction): void {
    if (!this.#readers[direction].isDone) this.#readers[direction].stop();
  }
}
