import type { Transaction } from '../protocol.ts';
import type { SmtpEvent } from './events.ts';
import type { MimeFile, MimeReader } from './mime-reader.ts';

/** One mail: sender, recipients and content. The greeting belongs to the first one of its connection. */
export class SmtpTransaction implements Transaction {
  readonly id: number;
  helo: Uint8Array | null;
  sender: Uint8Array | null = null;
  readonly recipients: Uint8Array[] = [];
  /** Null before DATA or BDAT. */
  content: MimeReader | null = null;
  isComplete = false;
  readonly #events = new Set<SmtpEvent>();

  constructor(id: number, helo: Uint8Array | null) {
    this.id = id;
    this.helo = helo;
  }

  get files(): readonly MimeFile[] {
    return this.content?.files ?? NO_FILES;
  }

  /** False if it was raised before. */
  addEvent(event: SmtpEvent): boolean {
    const isNew = !this.#events.has(event);
    this.#events.add(event);
    return isNew;
  }
}

const NO_FILES: readonly MimeFile[] = [];
