import { LOWER_CASE, latin1 } from '../../base/bytes.ts';
import { type Direction, TO_SERVER } from '../../base/direction.ts';
import type { Transaction } from '../protocol.ts';
import type { Body } from './body.ts';
import { giveHead, type Head } from './head.ts';
import type { MultipartForm } from './multipart.ts';

/** HTTP/1.1 as 11; what can't be read is null. */
export type HttpVersion = number | null;

/** One direction of a transaction. Offsets are into the head's bytes, -1 where there is nothing. */
export class HttpMessage {
  /** Null before its first line is complete, and after the transaction was released. */
  head: Head | null = null;
  /** All fields are there. */
  hasFields = false;
  body: Body | null = null;
  isComplete = false;
  /** It was over before its end came: bytes are missing at its end. */
  isCut = false;
  /** See Leftovers. */
  nextLeftover: HttpMessage | null = null;
  /** Method or version; target or status; version or reason. */
  firstStart = -1;
  firstEnd = -1;
  secondStart = -1;
  secondEnd = -1;
  thirdStart = -1;
  thirdEnd = -1;
  version: HttpVersion = null;
  // Buffers that are not simply a part of the head, made when first asked for. Undefined: not asked for yet.
  uri: Uint8Array | null | undefined = undefined;
  fields: Uint8Array | null | undefined = undefined;
  fieldNames: Uint8Array | null | undefined = undefined;
  start: Uint8Array | null | undefined = undefined;
  host: Uint8Array | null | undefined = undefined;
  firstOfName: readonly number[] | undefined = undefined;
  form: MultipartForm | null | undefined = undefined;
  fileName: Uint8Array | null | undefined = undefined;

  /** Memory that it takes, but for small things. */
  get heldBytes(): number {
    return (this.head?.heldBytes ?? 0) + (this.body?.heldBytes ?? 0);
  }

  /** Trailer fields came: what was made of the fields is out of date. */
  forgetFields(): void {
    this.fields = undefined;
    this.fieldNames = undefined;
    this.start = undefined;
    this.firstOfName = undefined;
  }

  /** An interim response is not shown. */
  forgetHead(): void {
    this.hasFields = false;
    this.firstStart = this.firstEnd = this.secondStart = this.secondEnd = this.thirdStart = this.thirdEnd = -1;
    this.version = null;
    this.forgetFields();
  }

  /** Rules have seen it: its memory is given back. */
  releaseBody(): void {
    this.body?.release();
    this.body = null;
  }

  release(): void {
    if (this.head !== null) giveHead(this.head);
    this.head = null;
    this.releaseBody();
    this.uri = null;
    this.fields = null;
    this.fieldNames = null;
    this.start = null;
    this.host = null;
    this.firstOfName = undefined;
    this.form = null;
    this.fileName = null;
  }

  text(start: number, end: number): string | null {
    return this.head === null || start < 0 ? null : latin1(this.head.bytes, start, end);
  }
}

/** A request and its response. When both are complete, valid until the packet is over, or the parser's next call. */
export class HttpTransaction implements Transaction {
  readonly id: number;
  readonly request = new HttpMessage();
  readonly response = new HttpMessage();
  /** Of the response; 0 before there is one, or where it can't be read. */
  status = 0;
  /** The response must not have a body, whatever its fields say. */
  isHead = false;
  isConnect = false;
  asksForUpgrade = false;
  isOldStyle = false;
  hasContinue = false;
  /** Content of the response before decoding, without its framing. */
  responseBytes = 0;
  /** See Leftovers. */
  nextLeftover: HttpTransaction | null = null;
  #events: string[] | null = null;

  constructor(id: number) {
    this.id = id;
  }

  /** Every event raised on it, each once. */
  get events(): readonly string[] {
    return this.#events ?? NO_EVENTS;
  }

  /** False if it was raised before. */
  addEvent(event: string): boolean {
    this.#events ??= [];
    if (this.#events.includes(event)) return false;
    this.#events.push(event);
    return true;
  }

  message(direction: Direction): HttpMessage {
    return direction === TO_SERVER ? this.request : this.response;
  }

  /** Whether the method is this one; methods are case-sensitive. */
  hasMethod(method: string): boolean {
    const { head, firstStart, firstEnd } = this.request;
    if (head === null || firstEnd - firstStart !== method.length) return false;
    for (let i = 0; i < method.length; i++) if (head.bytes[firstStart + i] !== method.charCodeAt(i)) return false;
    return true;
  }

  /** Gives its memory back. Its buffers are empty from here on. */
  release(): void {
    this.request.release();
    this.response.release();
  }
}

/** HTTP/x.y, in any case, with digits only. */
export function parseVersion(bytes: Uint8Array, start: number, end: number): HttpVersion {
  if (end - start !== 8 || !startsWithHttp(bytes, start, end)) return null;
  const major = bytes[start + 5]! - 0x30;
  const minor = bytes[start + 7]! - 0x30;
  if (bytes[start + 4] !== 0x2f || bytes[start + 6] !== 0x2e) return null;
  return major >= 0 && major <= 9 && minor >= 0 && minor <= 9 ? major * 10 + minor : null;
}

/** Begins with "http" in any case. */
export const startsWithHttp = (bytes: Uint8Array, start: number, end: number): boolean =>
  end - start >= 4 &&
  LOWER_CASE[bytes[start]!] === 0x68 &&
  LOWER_CASE[bytes[start + 1]!] === 0x74 &&
  LOWER_CASE[bytes[start + 2]!] === 0x74 &&
  LOWER_CASE[bytes[start + 3]!] === 0x70;

const NO_EVENTS: readonly string[] = [];
