import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { openBody } from '../http/body.ts';
import { isContentRange } from '../http/content-range.ts';
import type { HttpEvent } from '../http/events.ts';
import { fieldName } from '../http/field-name.ts';
import { CONTENT_LENGTH } from '../http/framing.ts';
import { giveHead, type Head } from '../http/head.ts';
import { statusNumber } from '../http/lines.ts';
import type { HttpOptions } from '../http/options.ts';
import { checkTarget } from '../http/target-checks.ts';
import { targetParts } from '../http/uri.ts';
import type { Http2Event } from './events.ts';
import { checkFields } from './field-checks.ts';
import type { FieldList } from './field-list.ts';
import { appendFields, setRequestHead, setResponseHead } from './message-head.ts';
import type { Http2Transaction } from './transaction.ts';

type RaiseOn = (tx: Http2Transaction, direction: Direction, event: Http2Event | HttpEvent) => void;

/** Makes messages of what the frames of a stream bring: heads, trailers and content, in the form that HTTP/1 has. */
export class MessageWriter {
  readonly #options: HttpOptions;
  readonly #raiseOn: RaiseOn;

  constructor(options: HttpOptions, raiseOn: RaiseOn) {
    this.#options = options;
    this.#raiseOn = raiseOn;
  }

  /**
   * Takes the fields of a message that is not complete. True: they are its head, not a trailer or an interim response.
   */
  write(tx: Http2Transaction, direction: Direction, fields: FieldList, endsStream: boolean): boolean {
    const raise = (event: Http2Event | HttpEvent): void => this.#raiseOn(tx, direction, event);
    const message = tx.message(direction);
    const isTrailer = message.head !== null;
    checkFields(fields, direction, isTrailer, raise);
    if (message.head !== null) {
      // RFC 9113 §8.1: else there could be any number of them, and the head would never end.
      if (!endsStream) {
        raise(direction === TO_SERVER ? 'http2.request_trailer_not_last' : 'http2.response_malformed');
        return false;
      }
      appendFields(message.head, fields);
      message.forgetFields();
      return false;
    }
    const head = direction === TO_SERVER ? this.#readRequest(tx, fields, raise) : this.#readResponse(tx, fields, raise);
    if (head === null) return false;
    this.#declare(tx, direction, head, raise);
    if (!endsStream) message.body = openBody(head, direction, this.#options, raise);
    return true;
  }

  /** A request of HTTP/1, which was checked as such. */
  writeUpgraded(tx: Http2Transaction, fields: FieldList): void {
    setRequestHead(tx.request, fields);
    tx.isHead = tx.hasMethod('HEAD');
  }

  addContent(
    tx: Http2Transaction,
    direction: Direction,
    bytes: Uint8Array,
    start: number,
    end: number,
    isAll: boolean,
  ): void {
    const body = tx.message(direction).body!;
    if (direction === TO_CLIENT) tx.responseBytes += end - start;
    const event = isAll && body.borrow(bytes, start, end) ? null : body.append(bytes, start, end);
    this.#raiseCoding(tx, direction, event);
  }

  /** Before it is told that the message is complete. */
  finish(tx: Http2Transaction, direction: Direction): void {
    this.#raiseCoding(tx, direction, tx.message(direction).body?.finish() ?? null);
  }

  /** RFC 9113 §8.1.1: the stream has ended, and has as much content as it says. */
  checkLength(tx: Http2Transaction, direction: Direction): void {
    const declared = tx.declaredBytes[direction];
    const { body } = tx.message(direction);
    if (declared < 0 || declared === (body?.sentBytes ?? 0)) return;
    if (direction === TO_SERVER) this.#raiseOn(tx, direction, 'http2.request_content_length_mismatch');
    // A response to HEAD has the length of what GET would give, and so may 304.
    else if (!tx.isHead && tx.status !== STATUS_NOT_MODIFIED) {
      this.#raiseOn(tx, direction, 'http2.response_content_length_mismatch');
    }
  }

  #readRequest(tx: Http2Transaction, fields: FieldList, raise: (event: HttpEvent) => void): Head {
    const head = setRequestHead(tx.request, fields);
    tx.isHead = tx.hasMethod('HEAD');
    // RFC 8441 §4: with a path, CONNECT opens a protocol within the stream, and has a target like any other request.
    tx.isConnect = tx.hasMethod('CONNECT') && head.find(PATH) < 0;
    checkTarget(head, tx, parts, this.#options.maxPathSlashes, raise);
    return head;
  }

  #readResponse(tx: Http2Transaction, fields: FieldList, raise: (event: Http2Event | HttpEvent) => void): Head | null {
    const { response } = tx;
    const head = setResponseHead(response, fields);
    tx.status = response.secondStart < 0 ? 0 : statusNumber(head.bytes, response.secondStart, response.secondEnd);
    if (tx.status >= 100 && tx.status < 200) {
      // RFC 9110 §15.2: any number of 1xx responses come before the final one; rules look at that.
      tx.status = 0;
      giveHead(head);
      response.head = null;
      response.forgetHead();
      return null;
    }
    const range = head.find(CONTENT_RANGE);
    if (range >= 0 && !isContentRange(head.valueText(range))) raise('http2.invalid_range');
    return head;
  }

  #declare(tx: Http2Transaction, direction: Direction, head: Head, raise: (event: HttpEvent) => void): void {
    const first = head.find(CONTENT_LENGTH);
    if (first < 0) return;
    tx.declaredBytes[direction] = head.decimal(first);
    if (direction === TO_CLIENT) return;
    if (head.decimal(first) < 0) raise('http.invalid_content_length_field_in_request');
    for (let field = head.find(CONTENT_LENGTH, first + 1); field >= 0; field = head.find(CONTENT_LENGTH, field + 1)) {
      if (head.decimal(field) === head.decimal(first)) raise('http.duplicate_content_length_field_in_request');
      else raise('http.request_content_length_differs');
    }
  }

  #raiseCoding(tx: Http2Transaction, direction: Direction, event: HttpEvent | null): void {
    if (event === null) return;
    const isFailure = event === 'http.gzip_decompression_failed' || event === 'http.brotli_decompression_failed';
    this.#raiseOn(tx, direction, isFailure ? 'http2.failed_decompression' : event);
  }
}

const PATH = fieldName(':path');
const CONTENT_RANGE = fieldName('content-range');
/** RFC 9110 §14.4. */
const STATUS_NOT_MODIFIED = 304;
const parts = targetParts();
