import { LF, NUL } from '../../base/ascii.ts';
import { fromLatin1 } from '../../base/bytes.ts';
import { TO_CLIENT } from '../../base/direction.ts';
import { STAGE } from '../protocol.ts';
import { isSpace } from './chars.ts';
import { isContentRange } from './content-range.ts';
import { fieldName } from './field-name.ts';
import { FRAMING, responseFraming } from './framing.ts';
import { type Head, LINE_FAULT } from './head.ts';
import { SCAN } from './head-scanner.ts';
import { makeLenient, ODD_FAULTS } from './lenient-head.ts';
import { parseStatusLine } from './lines.ts';
import { type Exchange, MessageReader, READ } from './message-reader.ts';
import { type HttpTransaction, startsWithHttp } from './transaction.ts';
import { takeWholeHead } from './whole-head.ts';

/** Reads what the server sends. */
export class ResponseReader extends MessageReader {
  /** Where "HTTP" is looked for in what came so far. */
  #wordStart = 0;
  #isInJunk = false;
  #at = 0;
  /** In state `perhapsBody`: how much of "HTTP/" was seen. */
  #nextBytes = 0;

  constructor(exchange: Exchange) {
    super(exchange, TO_CLIENT);
  }

  protected override begin(at: number): void {
    this.beginWith(this.exchange.nextToAnswer(), at);
  }

  protected override readHead(bytes: Uint8Array, start: number, end: number): number {
    if (this.state === READ.perhapsBody) return this.#readPerhapsBody(bytes, start, end);
    let at = start;
    if (this.state === READ.start) {
      const isFound = this.#findStart(bytes, at, end);
      at = this.#at;
      if (!isFound) return at;
      if (this.head!.length === 0) {
        const { maxHeadBytes, maxFields } = this.exchange.options;
        const headEnd = takeWholeHead(this.head!, bytes, at, end, maxHeadBytes, maxFields, false);
        if (headEnd >= 0) {
          this.#finishHead(this.head!);
          return headEnd;
        }
      }
    }
    const head = this.head!;
    switch (this.scan(bytes, at, end, this.exchange.options.maxHeadBytes, false)) {
      case SCAN.more:
        return end;
      case SCAN.complete:
        this.#finishHead(head);
        return this.scanner.at;
      default:
        this.raise('http.response_head_too_long');
        this.#parse(head);
        this.exchange.report(this.tx!, TO_CLIENT, STAGE.head);
        this.loseFraming();
        return this.scanner.at;
    }
  }

  /**
   * Finds "HTTP". What does not begin with it is content, as in HTTP/0.9 and in browsers; but blank lines are skipped,
   * and one line of junk if a status line comes behind it. False: more is needed, or it is content. Stops at `#at`.
   */
  #findStart(bytes: Uint8Array, start: number, end: number): boolean {
    let at = start;
    if (this.head === null || this.head.length === 0) {
      while (at < end && (bytes[at] === NUL || isSpace(bytes[at]!))) at++;
      this.#at = at;
      if (at === end) return false;
      if (this.tx === null) this.begin(at);
      this.#wordStart = 0;
      this.#isInJunk = false;
      if (startsWithHttp(bytes, at, end)) {
        this.state = READ.head;
        return true;
      }
    }
    const head = this.head!;
    while (at < end) {
      const byte = bytes[at]!;
      head.append(bytes, at, at + 1);
      this.#at = ++at;
      if (this.#isInJunk) {
        if (head.length > MAX_JUNK_BYTES) {
          this.#takeForContent(head);
          return false;
        }
        if (byte !== LF) continue;
        this.#isInJunk = false;
        this.#wordStart = head.length;
        continue;
      }
      const matched = head.length - this.#wordStart;
      if ((byte | 0x20) !== HTTP[matched - 1]) {
        if (this.#wordStart > 0 || this.tx!.isOldStyle) {
          this.#takeForContent(head);
          return false;
        }
        this.#isInJunk = true;
        continue;
      }
      if (matched < HTTP.length) continue;
      const word = head.bytes.slice(this.#wordStart, head.length);
      head.reset();
      head.append(word, 0, word.length);
      this.scanner.resume(false, word.length);
      this.state = READ.head;
      return true;
    }
    return false;
  }

  protected override endHead(): void {
    const head = this.head;
    if (this.tx === null || head === null || head.length === 0) return;
    if (this.state === READ.start || !this.scanner.hasStartLine) {
      this.#takeForContent(head);
      return;
    }
    // Browsers show a response whose fields were cut off.
    this.#parse(head);
    this.exchange.report(this.tx, TO_CLIENT, STAGE.head);
  }

  protected override isStartLine(line: Uint8Array, end: number): boolean {
    return end > 12 && startsWithHttp(line, 0, end) && line[4] === 0x2f && line[8] === 0x20;
  }

  #parse(head: Head): void {
    if (head.isParsed) {
      parseStatusLine(head, this.tx!, this.raise);
      this.message.hasFields = true;
      return;
    }
    const { maxFields } = this.exchange.options;
    let faults = head.parseStartLine(true);
    parseStatusLine(head, this.tx!, this.raise);
    faults |= head.parseFields(head.fieldsStart, false, maxFields);
    if ((faults & ODD_FAULTS) !== 0) {
      makeLenient(head, this.message.version === 11);
      faults &= ~(LINE_FAULT.missingColon | LINE_FAULT.invalidName);
      faults |=
        head.parseFields(head.fieldsStart, false, maxFields) & (LINE_FAULT.missingColon | LINE_FAULT.tooManyFields);
    }
    if (faults !== 0) this.raiseLineFaults(faults);
    this.message.hasFields = true;
  }

  #finishHead(head: Head): void {
    const tx = this.tx!;
    this.#parse(head);
    const { status } = tx;
    if (status === 101 && tx.asksForUpgrade) {
      this.#openTunnel(tx);
      return;
    }
    if (status >= 100 && status < 200) {
      this.#skipInterim(head);
      return;
    }
    const acceptsConnect = tx.isConnect && status >= 200 && status < 300;
    if (!acceptsConnect) this.#checkRange(head);
    if (tx.isHead) this.framing.kind = FRAMING.none;
    else responseFraming(head, tx, this.framing, this.raise);
    if (acceptsConnect) {
      if (!this.#announcesContent()) {
        this.#openTunnel(tx);
        return;
      }
      // Who does so has taken it for any other request, and goes on with HTTP.
      this.raise('http.response_connect_content');
    }
    this.exchange.report(tx, TO_CLIENT, STAGE.head);
    if (status !== 204 && status !== 304) this.startBody();
    else if (this.#announcesContent()) {
      this.#nextBytes = 0;
      this.state = READ.perhapsBody;
    } else {
      this.framing.kind = FRAMING.none;
      this.startBody();
    }
  }

  #openTunnel(tx: HttpTransaction): void {
    this.exchange.report(tx, TO_CLIENT, STAGE.head);
    this.exchange.tunnel(tx);
  }

  #checkRange(head: Head): void {
    const range = head.find(CONTENT_RANGE);
    if (range >= 0 && !isContentRange(head.valueText(range))) this.raise('http.range_invalid');
  }

  #announcesContent(): boolean {
    const { kind, lengthBytes } = this.framing;
    return kind === FRAMING.chunked || (kind === FRAMING.length && lengthBytes > 0);
  }

  /**
   * 204 and 304 have no body, but may have the length of one (RFC 9110 §8.6), and browsers show what an odd server
   * sends behind them. It is a body unless the next response is there.
   */
  #readPerhapsBody(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && this.#nextBytes < HTTP_SLASH.length && bytes[at] === HTTP_SLASH[this.#nextBytes]) {
      at++;
      this.#nextBytes++;
    }
    if (this.#nextBytes === HTTP_SLASH.length) {
      this.finishMessage();
      this.endFrame(at - this.#nextBytes);
    } else if (at < end) this.startBody();
    else return at;
    this.placeShift = at - this.#nextBytes;
    this.consume(HTTP_SLASH, 0, this.#nextBytes);
    this.placeShift = 0;
    return at;
  }

  /** RFC 9110 §15.2: any number of 1xx responses come before the final one; rules look at that. */
  #skipInterim(head: Head): void {
    const tx = this.tx!;
    if (tx.status === 101) this.raise('http.unexpected_101');
    if (tx.status === 100) {
      if (tx.hasContinue) this.raise('http.100_continue_already_seen');
      tx.hasContinue = true;
    }
    tx.status = 0;
    tx.response.forgetHead();
    head.reset();
    tx.response.head = head;
    this.scanner.reset(false);
    this.state = READ.start;
  }

  /** All until the connection closes is content. The start line that it isn't is not shown. */
  #takeForContent(head: Head): void {
    const content = head.bytes.slice(0, head.length);
    head.reset();
    this.framing.kind = FRAMING.untilClose;
    this.startBody();
    this.addContent(content, 0, content.length);
  }
}

/** Longer lines before a status line are content. */
const MAX_JUNK_BYTES = 1024;
const CONTENT_RANGE = fieldName('content-range');
const HTTP = [0x68, 0x74, 0x74, 0x70];
const HTTP_SLASH = fromLatin1('HTTP/');
