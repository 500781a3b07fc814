import type { Transaction } from '../protocol.ts';
import type { DataEndpoint } from './endpoint.ts';
import type { FtpEvent } from './events.ts';

/** One without anything in it, about. */
const TRANSACTION_BYTES = 512;

/** A command and the reply to it. */
export class FtpTransaction implements Transaction {
  readonly id: number;
  /** Upper case. */
  readonly command: string;
  readonly commandBytes: Uint8Array;
  readonly argument: Uint8Array;
  /** Of PORT and EPRT, and of the reply to PASV and EPSV. */
  endpoint: DataEndpoint | null = null;
  isPassive = false;
  /** Lines of the reply, each with its code. */
  readonly replies: Uint8Array[] = [];
  /** Memory that it takes, about. */
  heldBytes: number;
  isAnswered = false;
  readonly #events = new Set<FtpEvent>();

  constructor(id: number, command: string, commandBytes: Uint8Array, argument: Uint8Array) {
    this.id = id;
    this.command = command;
    this.commandBytes = commandBytes;
    this.argument = argument;
    this.heldBytes = TRANSACTION_BYTES + 3 * commandBytes.length + argument.length;
  }

  addReply(line: Uint8Array): void {
    this.replies.push(line);
    this.heldBytes += line.length;
  }

  /** False if it was raised before. */
  addEvent(event: FtpEvent): boolean {
    const isNew = !this.#events.has(event);
    this.#events.add(event);
    return isNew;
  }
}
