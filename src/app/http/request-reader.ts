import { COLON, CR, LF } from '../../base/ascii.ts';
import { TO_SERVER } from '../../base/direction.ts';
import { STAGE } from '../protocol.ts';
import { IS_TOKEN } from './chars.ts';
import type { HttpEvent } from './events.ts';
import { fieldName } from './field-name.ts';
import { FRAMING, HOST, requestFraming, UPGRADE } from './framing.ts';
import { type Head, LINE_END } from './head.ts';
import { SCAN } from './head-scanner.ts';
import { checkHost } from './host-checks.ts';
import { parseRequestLine } from './lines.ts';
import { type Exchange, MessageReader, READ } from './message-reader.ts';
import { checkTarget } from './target-checks.ts';
import { parseVersion } from './transaction.ts';
import { targetParts } from './uri.ts';
import { takeWholeHead } from './whole-head.ts';

/** Reads what the client sends. */
export class RequestReader extends MessageReader {
  /** A CONNECT has been sent and not been answered. */
  isConnectPending = false;
  /** Bytes of the line behind a request line without version that are in the head already. */
  #peekedBytes = 0;
  /** Bits of `LINE_END`, of all heads of the connection so far. */
  #lineEnds = 0;

  constructor(exchange: Exchange) {
    super(exchange, TO_SERVER);
  }

  override get isResting(): boolean {
    return super.isResting && !this.isConnectPending && (this.#lineEnds & LINE_END.lf) === 0;
  }

  protected override begin(at: number): void {
    this.beginWith(this.exchange.openRequest(), at);
  }

  protected override readHead(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    if (this.state === READ.oldStyle) return this.#readBehindOldLine(bytes, at, end);
    if (this.state === READ.start) {
      // RFC 9112 §2.2: empty lines before a request are ignored.
      while (at < end && (bytes[at] === CR || bytes[at] === LF)) at++;
      if (at === end) return at;
      if (this.isConnectPending && IS_TOKEN[bytes[at]!] === 0) {
        this.exchange.raise(null, TO_SERVER, 'http.request_connect_impatient');
        this.state = READ.tunnelWait;
        return at;
      }
      this.begin(at);
      this.state = READ.head;
      const { maxHeadBytes, maxFields } = this.exchange.options;
      const headEnd = takeWholeHead(this.head!, bytes, at, end, maxHeadBytes, maxFields, true);
      if (headEnd >= 0) {
        this.#finishHead(this.head!);
        return headEnd;
      }
    }
    const head = this.head!;
    switch (this.scan(bytes, at, end, this.exchange.options.maxHeadBytes, true)) {
      case SCAN.more:
        return end;
      case SCAN.startLine:
        this.#parseLine(head);
        if (this.tx!.isOldStyle) {
          this.#lineEnds |= head.lineEnds;
          this.#checkTarget(head);
          this.exchange.report(this.tx!, TO_SERVER, STAGE.head);
          this.#peekedBytes = 0;
          this.state = READ.oldStyle;
        }
        return this.scanner.at;
      case SCAN.complete:
        this.#finishHead(head);
        return this.scanner.at;
      default:
        this.#showPart(head, 'http.request_head_too_long');
        this.loseFraming();
        return this.scanner.at;
    }
  }

  protected override endHead(): void {
    if (this.tx === null) return;
    this.#showPart(this.head!, 'http.request_line_incomplete');
  }

  protected override isStartLine(line: Uint8Array, end: number): boolean {
    let last = end - 1;
    if (last > 0 && line[last - 1] === CR) last--;
    let at = 0;
    while (at < last && line[at]! >= 0x41 && line[at]! <= 0x5a) at++;
    if (at === 0 || line[at] !== 0x20 || line[last - 9] !== 0x20 || last - 9 <= at) return false;
    return parseVersion(line, last - 8, last) !== null;
  }

  #parseLine(head: Head): void {
    const faults = head.isParsed ? 0 : head.parseStartLine(false);
    if (faults !== 0) this.raiseLineFaults(faults);
    parseRequestLine(head, this.tx!, this.raise);
  }

  #finishHead(head: Head): void {
    const tx = this.tx!;
    if (head.isParsed || head.fieldsStart === 0) this.#parseLine(head);
    this.#parseFields(head);
    requestFraming(head, tx, this.framing, this.raise);
    if (tx.request.version === HTTP_2 && tx.hasMethod('PRI')) this.raise('http.request_http2_preface');
    if (tx.isConnect) {
      if (this.hasContent()) this.raise('http.request_connect_content');
      this.isConnectPending = true;
      this.framing.kind = FRAMING.none;
    } else tx.asksForUpgrade = head.find(UPGRADE) >= 0;
    this.#checkLineEnds(head);
    this.exchange.report(tx, TO_SERVER, STAGE.head);
    this.startBody();
  }

  /** The web server of Java's own library reads on to a CR LF: over content, or into the next request. */
  #checkLineEnds(head: Head): void {
    this.#lineEnds |= head.isParsed ? LINE_END.crLf : head.lineEnds;
    if ((this.#lineEnds & LINE_END.lf) === 0) return;
    if ((this.#lineEnds & LINE_END.crLf) !== 0 || this.hasContent()) this.raise('http.request_line_ends_differ');
  }

  /** Shows rules a head that is not complete, and says why it is not. */
  #showPart(head: Head, event: HttpEvent): void {
    if (head.length > 0) {
      if (head.fieldsStart === 0) this.#parseLine(head);
      this.#parseFields(head);
    }
    this.raise(event);
    if (head.length === 0) return;
    this.exchange.report(this.tx!, TO_SERVER, STAGE.head);
  }

  #parseFields(head: Head): void {
    const tx = this.tx!;
    const faults = head.isParsed ? 0 : head.parseFields(head.fieldsStart, true, this.exchange.options.maxFields);
    if (faults !== 0) this.raiseLineFaults(faults);
    tx.request.hasFields = true;
    this.#checkTarget(head);
    checkHost(head, tx, parts, head.find(HOST), this.raise);
    const credentials = head.find(AUTHORIZATION);
    if (credentials >= 0 && !KNOWN_SCHEME.test(head.valueText(credentials)))
      this.raise('http.request_auth_unrecognized');
  }

  #checkTarget(head: Head): void {
    checkTarget(head, this.tx!, parts, this.exchange.options.maxPathSlashes, this.raise);
  }

  /**
   * Some clients forget the version and send fields all the same; others speak HTTP/0.9, where nothing follows. A line
   * whose first token ends in a colon is a field, an empty one ends the request, anything else is the next request.
   */
  #readBehindOldLine(bytes: Uint8Array, start: number, end: number): number {
    const head = this.head!;
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      if (IS_TOKEN[byte] === 1) continue;
      const peeked = this.#peekedBytes + (at - start);
      if (byte === COLON && peeked > 0) {
        head.append(bytes, start, at);
        this.scanner.resume(true, peeked);
        this.tx!.isOldStyle = false;
        this.raise('http.request_fields_without_version');
        this.state = READ.head;
        return at;
      }
      if (peeked === 0 && byte === CR) return at + 1;
      const lineStart = head.length - this.#peekedBytes;
      if (peeked === 0) {
        this.finishMessage();
        return byte === LF ? at + 1 : at;
      }
      head.append(bytes, start, at);
      this.finishMessage();
      this.endFrame(at - peeked);
      this.begin(at - peeked);
      this.head!.append(head.bytes, lineStart, head.length);
      head.length = lineStart;
      this.scanner.resume(false, peeked);
      this.state = READ.head;
      return at;
    }
    head.append(bytes, start, end);
    this.#peekedBytes += end - start;
    if (this.#peekedBytes > this.exchange.options.maxHeadBytes) {
      this.raise('http.request_head_too_long');
      this.loseFraming();
    }
    return end;
  }
}

/** As `HttpVersion` has it. */
const HTTP_2 = 20;
const AUTHORIZATION = fieldName('authorization');
/** Those that Suricata knows. */
const KNOWN_SCHEME = /^(?:basic|digest|bearer)/i;
const parts = targetParts();
