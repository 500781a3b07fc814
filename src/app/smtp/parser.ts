import { HYPHEN } from '../../base/ascii.ts';
import { latin1, u8 } from '../../base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { LineReader } from '../line-reader.ts';
import { type AppParser, type AppSink, type FrameSink, type Handover, STAGE } from '../protocol.ts';
import { ContentReader } from './content-reader.ts';
import type { SmtpEvent } from './events.ts';
import { SmtpTransaction } from './transaction.ts';

/** RFC 4954 §4 allows authentication 12,288; all other lines are shorter. Over it: `smtp.truncated_line`. */
const MAX_LINE_BYTES = 16 * 1024;
/** Of a command that is no authentication: RFC 5321 §4.5.3.1.4 has 512, extensions add some hundred. */
const MAX_COMMAND_BYTES = 4096;
/** Ours. Over it: `smtp.too_many_pending_commands`, and replies are no longer matched with what they answer. */
const MAX_PENDING_COMMANDS = 4096;
/**
 * RFC 5321 §4.5.3.1.8 asks for 100 recipients at least; servers refuse more than some thousand. The rest is not kept.
 */
const MAX_RECIPIENTS = 1000;
/** RFC 5321 §4.5.3.1.3: 256; longer ones are cut. */
const MAX_ADDRESS_BYTES = 1024;

/** What a reply answers. */
const COMMAND = { other: 0, startTls: 1, data: 2, reset: 3, auth: 4, hello: 5 } as const;

/** How the client's bytes are read. */
const MODE = { commands: 0, data: 1, chunk: 2 } as const;

/**
 * One connection: commands, replies and mails. What follows DATA is read as a mail without waiting for the server's
 * word, since so it does who takes it; when the server refuses, commands go on.
 */
export class SmtpParser implements AppParser {
  handover: Handover | null = null;
  readonly #sink: AppSink;
  readonly #frames: FrameSink | undefined;
  readonly #requests = new LineReader(MAX_LINE_BYTES);
  readonly #replies = new LineReader(MAX_LINE_BYTES);
  #mode: number = MODE.commands;
  #transaction: SmtpTransaction | null = null;
  #nextId = 0;
  #helo: Uint8Array | null = null;
  #content: ContentReader | null = null;
  #chunkBytes = 0;
  #isLastChunk = false;
  /** Commands in their order; the first `#answered` of them have their replies. */
  readonly #pending: number[] = [];
  #answered = 0;
  #isGreeted = false;
  #awaitsTls = false;
  /** DATA that has no answer: who waits for that, as RFC 2920 §3.1 wants, sends nothing yet. */
  #awaitsData = false;
  /** Its answers are still to come, or the last of them asks for more. */
  #isAuthOpen = false;
  /** The server has asked for more: the next line is an answer, whatever it says. */
  #isAuthLine = false;
  /** Null where the beginning was not seen. */
  #offersChunking: boolean | null = null;
  readonly #isOver: [boolean, boolean] = [false, false];

  constructor(sink: AppSink, frames?: FrameSink) {
    this.#sink = sink;
    this.#frames = frames;
  }

  get isDone(): boolean {
    return this.#isOver[TO_SERVER] && this.#isOver[TO_CLIENT];
  }

  get heldBytes(): number {
    return this.#requests.heldBytes + this.#replies.heldBytes + (this.#content?.mime.heldBytes ?? 0);
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    if (this.#isOver[direction]) return;
    if (direction === TO_SERVER) this.#readRequests(bytes, start, end);
    else this.#readReplies(bytes, start, end);
  }

  /** Commands are looked for again behind the next line end; a mail with a hole is followed to its end. */
  gap(direction: Direction, missingBytes: number): void {
    if (direction === TO_CLIENT) {
      this.#replies.forget();
      // Nobody knows how many replies are lost.
      this.#answered = 0;
      this.#pending.length = 0;
      this.#isGreeted = true;
      this.#awaitsData = false;
      this.#isAuthOpen = false;
      // Perhaps in what was lost.
      this.#offersChunking = true;
      return;
    }
    this.#requests.forget();
    this.#content?.mime.cut();
    if (this.#mode !== MODE.chunk) return;
    this.#chunkBytes -= missingBytes;
    if (this.#chunkBytes <= 0) this.#endChunk();
  }

  end(direction: Direction): void {
    this.#isOver[direction] = true;
    if (direction === TO_SERVER && this.#content !== null) {
      this.#content.mime.cut();
      this.#content.finish();
    }
    if (this.isDone || direction === TO_SERVER) this.#complete();
  }

  #raise(direction: Direction, event: SmtpEvent): void {
    const tx = this.#transaction;
    if (tx === null || tx.addEvent(event)) this.#sink.onEvent(tx, direction, event);
  }

  #readRequests(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    let hasGrown = false;
    while (at < end && at >= 0) {
      if (this.#mode === MODE.commands) {
        const next = this.#requests.read(bytes, at, end);
        if (next >= 0) this.#command(next);
        at = next;
      } else {
        at = this.#mode === MODE.data ? this.#readData(bytes, at, end) : this.#readChunk(bytes, at, end);
        hasGrown = true;
      }
    }
    if (hasGrown && this.#content !== null) this.#grow();
  }

  #readData(bytes: Uint8Array, start: number, end: number): number {
    const content = this.#content!;
    if (this.#awaitsData) this.#raise(TO_SERVER, 'smtp.invalid_pipelined_sequence');
    const next = content.readData(bytes, start, end);
    if (content.isOver) {
      this.#endMail();
      if (this.#frames?.isWanted === true) this.#frames.endFrame(TO_SERVER, 'data', next);
    }
    return next;
  }

  #readChunk(bytes: Uint8Array, start: number, end: number): number {
    const next = Math.min(end, start + this.#chunkBytes);
    this.#content!.readChunk(bytes, start, next);
    this.#chunkBytes -= next - start;
    if (this.#chunkBytes === 0) this.#endChunk();
    return next;
  }

  /** `nextAt` is where the bytes behind the line begin. */
  #command(nextAt: number): void {
    const line = this.#requests;
    this.#frameLine(TO_SERVER, 'command_line', nextAt, line);
    const text = latin1(line.bytes, line.start, line.end);
    const isAuthentication = this.#isAuthOpen || /^\s*AUTH\b/i.test(text.slice(0, MAX_COMMAND_BYTES));
    if (line.isCut || (line.lineBytes > MAX_COMMAND_BYTES && !isAuthentication))
      this.#raise(TO_SERVER, 'smtp.command_too_long');
    if (this.#isAuthLine) {
      this.#isAuthLine = false;
      this.#await(COMMAND.auth);
      return;
    }
    // Servers pass over white space in front, and those that read texts of C end them at a NUL.
    const [, verb = '', rest = ''] = /^\s*([^\s\0]*)[ \t]*([^\0]*)/.exec(text)!;
    const name = verb.toUpperCase();
    const tx = this.#transactionFor(name);
    if (line.isCut) this.#raise(TO_SERVER, 'smtp.truncated_line');
    if (text.includes('\0')) this.#raise(TO_SERVER, 'smtp.command_nul');
    if (!this.#isGreeted) this.#raise(TO_SERVER, 'smtp.no_server_welcome_message');
    if (this.#awaitsTls) this.#raise(TO_SERVER, 'smtp.invalid_pipelined_sequence');
    this.#await(this.#obey(name, rest, tx));
    if (this.#mode !== MODE.commands && this.#frames?.isWanted === true) {
      this.#frames.beginFrame(TO_SERVER, 'data', nextAt, this.#mode === MODE.chunk ? this.#chunkBytes : null);
    }
  }

  #frameLine(direction: Direction, name: string, nextAt: number, { lineBytes }: LineReader): void {
    if (this.#frames?.isWanted === true) this.#frames.beginFrame(direction, name, nextAt - lineBytes, lineBytes);
  }

  /** The server has to answer this. */
  #await(command: number): void {
    if (this.#pending.length - this.#answered < MAX_PENDING_COMMANDS) this.#pending.push(command);
    else this.#raise(TO_SERVER, 'smtp.too_many_pending_commands');
  }

  /** RSET and QUIT belong to what they end. */
  #transactionFor(name: string): SmtpTransaction {
    const known = this.#transaction;
    if (known !== null && (!known.isComplete || name === 'RSET' || name === 'QUIT')) return known;
    const tx = new SmtpTransaction(this.#nextId++, this.#helo);
    this.#transaction = tx;
    this.#sink.onProgress(tx, TO_SERVER, STAGE.head);
    return tx;
  }

  #obey(name: string, rest: string, tx: SmtpTransaction): number {
    switch (name) {
      case 'HELO':
      case 'EHLO':
      case 'LHLO':
        if (this.#helo !== null) this.#raise(TO_SERVER, 'smtp.duplicate_fields');
        this.#helo ??= addressBytes(rest);
        tx.helo ??= this.#helo;
        this.#grow();
        return COMMAND.hello;
      case 'MAIL':
        if (tx.sender !== null) this.#raise(TO_SERVER, 'smtp.duplicate_fields');
        else tx.sender = pathOf(rest, FROM);
        break;
      case 'RCPT':
        if (tx.recipients.length < MAX_RECIPIENTS) tx.recipients.push(pathOf(rest, TO));
        break;
      case 'DATA':
        this.#beginMail();
        this.#mode = MODE.data;
        this.#awaitsData = true;
        return COMMAND.data;
      case 'BDAT':
        this.#beginChunk(rest);
        return COMMAND.other;
      case 'AUTH':
        this.#isAuthOpen = true;
        return COMMAND.auth;
      case 'STARTTLS':
        this.#awaitsTls = true;
        return COMMAND.startTls;
      case 'RSET':
        return COMMAND.reset;
      default:
        return COMMAND.other;
    }
    this.#grow();
    return COMMAND.other;
  }

  #beginMail(): void {
    if (this.#content !== null) {
      this.#raise(TO_SERVER, 'smtp.unparsable_content');
      this.#content.finish();
      this.#endMail();
      this.#transactionFor('DATA');
    }
    this.#content = new ContentReader((event) => this.#raise(TO_SERVER, event));
    this.#transaction!.content = this.#content.mime;
  }

  /**
   * RFC 3030 §2. Servers that do not know of chunks take what is in them for commands, and so do those that take BDAT
   * for an answer to AUTH.
   */
  #beginChunk(rest: string): void {
    const [, digits, last] = LENIENT_CHUNK.exec(rest) ?? [];
    const wasSeen = this.#helo !== null || this.#offersChunking !== null;
    const isOffered = this.#offersChunking === true || !wasSeen;
    if (digits !== undefined && (this.#isAuthOpen || !isOffered))
      this.#raise(TO_SERVER, 'smtp.invalid_pipelined_sequence');
    if (!STRICT_CHUNK.test(rest) && /\d/.test(rest)) this.#raise(TO_SERVER, 'smtp.invalid_chunk');
    if (digits === undefined || Number(digits) > Number.MAX_SAFE_INTEGER) return;
    if (this.#content === null) this.#beginMail();
    this.#chunkBytes = Number(digits);
    this.#isLastChunk = last !== undefined;
    this.#mode = MODE.chunk;
    if (this.#chunkBytes === 0) this.#endChunk();
  }

  #endChunk(): void {
    this.#mode = MODE.commands;
    if (!this.#isLastChunk) return;
    this.#content?.finish();
    this.#endMail();
  }

  /** The server answers once more, to the mail itself. */
  #endMail(): void {
    if (this.#mode === MODE.data) this.#await(COMMAND.other);
    this.#mode = MODE.commands;
    this.#content = null;
    this.#complete();
  }

  #grow(): void {
    const tx = this.#transaction;
    if (tx !== null && !tx.isComplete) this.#sink.onProgress(tx, TO_SERVER, STAGE.body);
  }

  #complete(): void {
    const tx = this.#transaction;
    if (tx === null || tx.isComplete) return;
    tx.isComplete = true;
    this.#sink.onProgress(tx, TO_SERVER, STAGE.complete);
    this.#sink.onProgress(tx, TO_CLIENT, STAGE.complete);
  }

  #readReplies(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at >= 0 && at < end && this.handover === null; ) {
      at = this.#replies.read(bytes, at, end);
      if (at >= 0) this.#reply(at);
    }
  }

  /** `nextAt` is where the bytes behind the line begin. */
  #reply(nextAt: number): void {
    const { bytes, start, end, isCut } = this.#replies;
    this.#frameLine(TO_CLIENT, 'response_line', nextAt, this.#replies);
    if (isCut) this.#raise(TO_CLIENT, 'smtp.truncated_line');
    if (end === start) return;
    const code = replyCode(bytes, start, end);
    if (this.#pending[this.#answered] === COMMAND.hello && code === COMPLETED && this.#isGreeted) {
      if (/^...[ -]CHUNKING\b/i.test(latin1(bytes, start, end))) this.#offersChunking = true;
    }
    if (code < 0) {
      this.#raise(TO_CLIENT, 'smtp.invalid_reply');
      return;
    }
    const goesOn = end - start > 3 && u8(bytes, start + 3) === HYPHEN;
    if (goesOn) return;
    // Who has not waited for the greeting gets it nevertheless, before any answer: else it would accept a STARTTLS.
    if (!this.#isGreeted && (code === READY || this.#pending.length === this.#answered)) {
      this.#isGreeted = true;
      if (code === READY) this.#offersChunking ??= false;
      if (code !== READY) this.#raise(TO_CLIENT, 'smtp.invalid_reply');
      return;
    }
    this.#isGreeted = true;
    this.#answer(code, nextAt);
  }

  #answer(code: number, nextAt: number): void {
    const command = this.#pending[this.#answered];
    if (command === undefined) return;
    this.#answered++;
    if (this.#answered === this.#pending.length || this.#answered === MAX_PENDING_COMMANDS) {
      this.#pending.splice(0, this.#answered);
      this.#answered = 0;
    }
    if (command === COMMAND.data) this.#awaitsData = false;
    if (command === COMMAND.startTls) this.#answerStartTls(code, nextAt);
    else if (command === COMMAND.auth) {
      this.#isAuthOpen = code === CONTINUE_AUTH;
      if (this.#isAuthOpen) this.#expectAuthLine();
    } else if (command === COMMAND.data && code !== START_MAIL) {
      this.#raise(TO_CLIENT, 'smtp.data_command_rejected');
      if (this.#mode === MODE.data) {
        this.#mode = MODE.commands;
        this.#content = null;
      }
    } else if (command === COMMAND.reset && code === COMPLETED) this.#complete();
  }

  /**
   * Of what is sent without waiting, the next line is the answer already. What DATA and STARTTLS did, their replies
   * undo.
   */
  #expectAuthLine(): void {
    const next = this.#pending[this.#answered];
    if (next === undefined) this.#isAuthLine = true;
    else if (next !== COMMAND.data && next !== COMMAND.startTls) this.#pending[this.#answered] = COMMAND.auth;
  }

  #answerStartTls(code: number, nextAt: number): void {
    this.#awaitsTls = false;
    if (code !== READY) {
      this.#raise(TO_CLIENT, 'smtp.tls_rejected');
      return;
    }
    this.#complete();
    this.handover = { protocol: 'tls', at: nextAt, missingBytes: this.#requests.pendingBytes };
  }
}

/** RFC 5321 §4.2.3. */
const READY = 220;
const COMPLETED = 250;
const CONTINUE_AUTH = 334;
const START_MAIL = 354;
/** Zeros in front are octal for some; Exim takes a sign, and needs no space. */
const STRICT_CHUNK = /^(?:0|[1-9]\d{0,14})(?:[ \t]+LAST)?[ \t]*$/i;
const LENIENT_CHUNK = /^[+]?(\d+)[ \t]*(LAST)?/i;
const FROM = /^FROM[ \t]*:?/i;
const TO = /^TO[ \t]*:?/i;

/** -1 where a line does not begin with three digits. */
function replyCode(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 3) return -1;
  let code = 0;
  for (let at = start; at < start + 3; at++) {
    const digit = u8(bytes, at) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    code = code * 10 + digit;
  }
  return code;
}

/** What follows `FROM:` or `TO:`, up to its parameters: with its angle brackets, as in Suricata. */
function pathOf(rest: string, keyword: RegExp): Uint8Array {
  return addressBytes(rest.replace(keyword, '').trimStart());
}

const addressBytes = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(/^[^ ]*/.exec(text)![0].slice(0, MAX_ADDRESS_BYTES), 'latin1'));
