import { fromLatin1, latin1 } from '../../base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { LineReader } from '../line-reader.ts';
import { type AppParser, type AppSink, type Channel, type Handover, STAGE } from '../protocol.ts';
import { type DataEndpoint, parseExtended, parseHostPort } from './endpoint.ts';
import type { FtpEvent } from './events.ts';
import { FtpTransaction } from './transaction.ts';
import { FtpTransfer, TRANSFER, type TransferCommand } from './transfer.ts';

/** Suricata's limit. Over it: `ftp.request_command_too_long` or `ftp.response_command_too_long`. */
const MAX_LINE_BYTES = 4096;
/** Suricata's `max-tx`. Over it: `ftp.too_many_transactions`, and the oldest is closed unanswered. */
const MAX_OPEN_TRANSACTIONS = 1024;
/** Lines of one reply that are kept; ours. A directory's listing comes on the data connection. */
const MAX_REPLY_LINES = 64;

/** One control connection, RFC 959: pairs commands with replies, and announces the connections for data. */
export class FtpParser implements AppParser {
  handover: Handover | null = null;
  readonly #sink: AppSink;
  readonly #channel: Channel;
  readonly #requests = new LineReader(MAX_LINE_BYTES);
  readonly #replies = new LineReader(MAX_LINE_BYTES);
  /** Without a final reply; oldest first. */
  readonly #open: FtpTransaction[] = [];
  /** Memory that they take, about. */
  #openBytes = 0;
  #nextId = 0;
  /** The code of a reply whose last line did not come yet. */
  #openCode: string | null = null;
  /** Where the next file goes, and who waits there. */
  #endpoint: { readonly port: number; readonly listener: Direction } | null = null;
  /** A transfer that was asked for before the server had named a port. */
  #waiting: FtpTransfer | null = null;

  constructor(sink: AppSink, channel: Channel) {
    this.#sink = sink;
    this.#channel = channel;
  }

  get heldBytes(): number {
    return this.#requests.heldBytes + this.#replies.heldBytes + this.#openBytes;
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    const lines = direction === TO_SERVER ? this.#requests : this.#replies;
    for (let at = start; at >= 0 && at < end && this.handover === null; ) {
      at = lines.read(bytes, at, end);
      if (at < 0) return;
      if (direction === TO_SERVER) this.#command();
      else this.#reply(at);
    }
  }

  gap(direction: Direction, _missingBytes: number): void {
    const lines = direction === TO_SERVER ? this.#requests : this.#replies;
    lines.forget();
  }

  end(direction: Direction): void {
    if (direction === TO_CLIENT) while (this.#open.length > 0) this.#close(this.#open[0]!);
  }

  #raise(transaction: FtpTransaction | null, direction: Direction, event: FtpEvent): void {
    if (transaction === null || transaction.addEvent(event)) this.#sink.onEvent(transaction, direction, event);
  }

  #command(): void {
    const { bytes, start, end, isCut } = this.#requests;
    const text = withoutTelnet(latin1(bytes, start, end));
    const [, verb = '', argument = ''] = /^[ \t]*([^ \t]*)[ \t]*(.*)$/s.exec(text)!;
    const tx = new FtpTransaction(this.#nextId++, verb.toUpperCase(), fromLatin1(verb), fromLatin1(argument));
    this.#obey(tx, argument);
    if (isCut) this.#raise(tx, TO_SERVER, 'ftp.request_command_too_long');
    if (this.#open.length >= MAX_OPEN_TRANSACTIONS) {
      this.#raise(tx, TO_SERVER, 'ftp.too_many_transactions');
      this.#close(this.#open[0]!);
    }
    this.#open.push(tx);
    this.#openBytes += tx.heldBytes;
    this.#sink.onProgress(tx, TO_SERVER, STAGE.head);
    this.#sink.onProgress(tx, TO_SERVER, STAGE.complete);
  }

  #obey(tx: FtpTransaction, argument: string): void {
    switch (tx.command) {
      case 'PORT':
        this.#listen(tx, parseHostPort(argument), TO_CLIENT);
        break;
      case 'EPRT':
        this.#listen(tx, parseExtended(argument), TO_CLIENT);
        break;
      case 'RETR':
        this.#transfer(TRANSFER.retr, tx);
        break;
      case 'STOR':
      case 'STOU':
      case 'APPE':
        this.#transfer(TRANSFER.stor, tx);
    }
  }

  #listen(tx: FtpTransaction, endpoint: DataEndpoint | null, listener: Direction): void {
    tx.endpoint = endpoint;
    tx.isPassive = listener === TO_SERVER;
    if (endpoint === null) return;
    this.#endpoint = { port: endpoint.port, listener };
    if (this.#waiting === null) return;
    const transfer = this.#waiting;
    this.#waiting = null;
    this.#announce(transfer);
  }

  #transfer(command: TransferCommand, tx: FtpTransaction): void {
    const transfer = new FtpTransfer(command, tx.argument);
    if (this.#endpoint !== null) this.#announce(transfer);
    else if (this.#open.some(({ command: name }) => name === 'PASV' || name === 'EPSV')) this.#waiting = transfer;
  }

  /** Who opens the data connection is its client, whichever way the file goes. */
  #announce(transfer: FtpTransfer): void {
    const { port, listener } = this.#endpoint!;
    this.#endpoint = null;
    const isFromListener = (transfer.command === TRANSFER.retr) === (listener === TO_SERVER);
    const sender = isFromListener ? TO_CLIENT : TO_SERVER;
    this.#channel.expect?.({ listener, port, sender, protocol: 'ftp-data', subject: transfer });
  }

  /** `nextAt` is where the bytes behind the line begin. */
  #reply(nextAt: number): void {
    const { bytes, start, end, isCut } = this.#replies;
    const tx = this.#open[0] ?? null;
    if (isCut) this.#raise(tx, TO_CLIENT, 'ftp.response_command_too_long');
    const text = latin1(bytes, start, end);
    if (tx !== null && tx.replies.length < MAX_REPLY_LINES && text !== '') {
      tx.addReply(fromLatin1(text));
      this.#openBytes += text.length;
    }
    const [, code = null, mark = ''] = /^(\d{3})(-?)/.exec(text) ?? [];
    if (this.#openCode === null) {
      if (code === null) return;
      if (mark !== '') {
        this.#openCode = code;
        return;
      }
    } else if (code !== this.#openCode || mark !== '') return;
    this.#openCode = null;
    // A preliminary reply (RFC 959 §4.2) is followed by another.
    if (tx !== null && !code!.startsWith('1')) this.#answer(tx, code!, text, nextAt);
  }

  #answer(tx: FtpTransaction, code: string, text: string, nextAt: number): void {
    if (code === '227') this.#listen(tx, parseHostPort(text.slice(3)), TO_SERVER);
    else if (code === '229') this.#listen(tx, parseExtended(text.slice(3)), TO_SERVER);
    if (tx.command === 'MODE' && code === '200' && /^Z/i.test(latin1(tx.argument)))
      this.#raise(tx, TO_CLIENT, 'ftp.compressed');
    this.#close(tx);
    if (tx.command !== 'AUTH' || code !== '234') return;
    if (/^(?:TLS|SSL)/i.test(latin1(tx.argument))) {
      this.handover = { protocol: 'tls', at: nextAt, missingBytes: this.#requests.pendingBytes };
    }
  }

  /** There is no more to come of it. */
  #close(tx: FtpTransaction): void {
    tx.isAnswered = true;
    this.#open.shift();
    this.#openBytes -= tx.heldBytes;
    this.#sink.onProgress(tx, TO_CLIENT, STAGE.head);
    this.#sink.onProgress(tx, TO_CLIENT, STAGE.complete);
  }
}

/** RFC 854: commands of Telnet may stand between those of FTP, and a doubled 255 is one. */
function withoutTelnet(text: string): string {
  return text.includes('\xff') ? text.replace(/\xff(?:[\xfb-\xfe].|(\xff)|.)/gs, '$1') : text;
}
