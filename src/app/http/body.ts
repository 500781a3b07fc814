import { latin1 } from '../../base/bytes.ts';
import { type Direction, TO_SERVER } from '../../base/direction.ts';
import { ByteBuffer } from '../byte-buffer.ts';
import { BrotliDecoder } from './brotli.ts';
import { type ContentDecoder, isBomb } from './content-decoder.ts';
import type { HttpEvent } from './events.ts';
import { CONTENT_ENCODING } from './framing.ts';
import type { Head } from './head.ts';
import { Inflater } from './inflate.ts';
import { isAmbiguousForm } from './multipart.ts';
import type { HttpOptions } from './options.ts';

/** The content of one message: chunk framing removed, content codings undone, cut at the limit. */
export class Body {
  /** Bytes of content as they were sent, also behind the limit. */
  sentBytes = 0;
  /** Behind this nothing is kept; the rest of the message is only counted. */
  isFull = false;
  /** Somewhere within it bytes are missing. */
  hasGap = false;
  readonly #limitBytes: number;
  #content: ByteBuffer;
  /** Content that lies in one piece in somebody else's bytes, instead of `#content`: `[#start, #end)` of them. */
  #borrowed: Uint8Array | null = null;
  #start = 0;
  #end = 0;
  /** Of what was borrowed; made when somebody asks. */
  #view: Uint8Array | null = null;
  /** As it was sent: if it can't be decoded, it is the content, or what is behind the decoded beginning. */
  #undecoded: ByteBuffer | null = null;
  readonly #keepsUndecoded: boolean;
  #isStopped = false;
  readonly #layers: ContentDecoder[];

  /**
   * `codings`: what the content is packed in, the outermost first. `keepsUndecoded`: what can be decoded is kept as it
   * was sent, too.
   */
  constructor(limitBytes: number, codings: readonly Coding[], keepsUndecoded = false) {
    this.#keepsUndecoded = keepsUndecoded;
    this.#limitBytes = limitBytes;
    this.#content = new ByteBuffer(limitBytes);
    this.#layers = codings.length === 0 ? NO_LAYERS : [];
    for (const [i, coding] of codings.entries()) {
      const output = i === codings.length - 1 ? this.#content : new ByteBuffer(limitBytes);
      this.#layers.push(coding === 'brotli' ? new BrotliDecoder(output) : new Inflater(output));
    }
    if (codings.length > 0) this.#undecoded = new ByteBuffer(limitBytes);
  }

  get length(): number {
    return this.#borrowed === null ? this.#content.length : this.#end - this.#start;
  }

  /** Content is missing: it came and was not kept, or it is not known how it goes on. */
  get isCut(): boolean {
    return this.#layers.length > 0 ? this.isFull : this.sentBytes !== this.length;
  }

  /** Memory that it takes. */
  get heldBytes(): number {
    let bytes = this.#content.heldBytes + (this.#undecoded?.heldBytes ?? 0);
    for (const { output } of this.#layers) if (output !== this.#content) bytes += output.heldBytes;
    return bytes;
  }

  /** The content so far. Borrowed. */
  view(): Uint8Array {
    if (this.#borrowed === null) return this.#content.view();
    this.#view ??= this.#borrowed.subarray(this.#start, this.#end);
    return this.#view;
  }

  /** What was decoded, as it was sent; null where that is not kept, or the content is that. Borrowed. */
  undecoded(): Uint8Array | null {
    return this.#keepsUndecoded && this.#undecoded !== null ? this.#undecoded.view() : null;
  }

  /**
   * Takes all of the content in one piece, without copying it: most bodies come like this. The bytes must stay as they
   * are until `giveBack`. False where it can't, since something came before or must be decoded.
   */
  borrow(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.sentBytes > 0 || this.#layers.length > 0) return false;
    this.sentBytes = end - start;
    this.#borrowed = bytes;
    this.#start = start;
    this.#end = Math.min(end, start + this.#limitBytes);
    this.isFull = this.#end - start >= this.#limitBytes;
    return true;
  }

  /** The message is complete and was looked at: what was borrowed is not its content any more. */
  giveBack(): void {
    this.#borrowed = null;
    this.#view = null;
  }

  /** The transaction is over: nobody may read any more what a view of it held. */
  release(): void {
    this.giveBack();
    this.#content.release();
    this.#undecoded?.release();
    this.#isStopped = true;
    for (const { output } of this.#layers) output.release();
    this.isFull = true;
  }

  /** Takes bytes of content. Says what was wrong with its coding. */
  append(bytes: Uint8Array, start: number, end: number): HttpEvent | null {
    this.sentBytes += end - start;
    if (this.#keepsUndecoded && !this.#isStopped) this.#undecoded?.append(bytes, start, end);
    if (this.isFull) return null;
    if (this.#layers.length === 0) {
      this.#content.append(bytes, start, end);
      this.isFull = this.#content.isFull;
      return null;
    }
    if (!this.#keepsUndecoded) this.#undecoded?.append(bytes, start, end);
    const event = this.#decode(0, bytes, start, end);
    if (this.isFull && !this.#keepsUndecoded) this.#undecoded = null;
    return event;
  }

  /** Nothing more of it is kept. */
  stopKeeping(): void {
    this.isFull = true;
    this.#isStopped = true;
  }

  /** The message is complete: what was to be decoded and gave nothing is shown as it is. */
  finish(): HttpEvent | null {
    const layer = this.#layers[0];
    const hasContent = layer === undefined || this.#content.length > 0 || this.#undecoded === null;
    if (hasContent || this.#undecoded!.length === 0) return null;
    this.#giveUpLayer(0);
    return failure(layer);
  }

  /** Bytes that nobody saw: packed content can't be read on, and plain content goes on behind them. */
  gap(missingBytes: number): void {
    this.sentBytes += missingBytes;
    this.hasGap = true;
    if (this.#layers.length > 0) this.isFull = true;
  }

  #decode(index: number, bytes: Uint8Array, start: number, end: number): HttpEvent | null {
    const layer = this.#layers[index];
    if (layer === undefined) {
      // The layers outside were decoded and this one turned out not to be packed.
      this.isFull = this.#content.isFull;
      return null;
    }
    const { output } = layer;
    const before = output.length;
    layer.write(bytes, start, end);
    let event: HttpEvent | null = null;
    if (index < this.#layers.length - 1 && output.length > before) {
      event = this.#decode(index + 1, output.bytes, before, output.length);
      // What is within was damaged, and is shown as it was sent: nobody unpacks it any more.
      if (this.#layers[index] !== layer) return event;
    }
    if (layer.isCorrupt) {
      if (this.#content.length === 0) this.#giveUpLayer(index);
      else this.#showUndecoded(index);
      return failure(layer);
    }
    if (output.isFull) {
      this.isFull = true;
      if (isBomb(layer.inputBytes, output.length)) return 'http.compression_bomb';
    }
    return event;
  }

  /**
   * Some bytes could be decoded, by chance or by design: what reads no codings, as most servers of requests, or guesses
   * otherwise, takes it as it was sent. Rules have seen the decoded beginning, so it comes behind that.
   */
  #showUndecoded(index: number): void {
    const sent = index > 0 ? this.#layers[index - 1]!.output : this.#undecoded;
    if (sent !== null) this.#content.append(sent.bytes, 0, sent.length);
    this.#layers.length = 0;
    if (index === 0 || !this.#keepsUndecoded) this.#undecoded = null;
    // Of the layers outside, nobody unpacks what follows.
    this.isFull = index > 0 || this.#content.isFull;
  }

  /** A wrong label: browsers show such a body as it is. */
  #giveUpLayer(index: number): void {
    this.#layers.length = index;
    this.#content = index > 0 ? this.#layers[index - 1]!.output : (this.#undecoded ?? new ByteBuffer(this.#limitBytes));
    if (index === 0) this.#undecoded = null;
    this.isFull = this.#content.isFull;
  }
}

const NO_LAYERS: ContentDecoder[] = [];
const NO_CODINGS: readonly Coding[] = [];

const failure = (layer: ContentDecoder): HttpEvent =>
  layer instanceof BrotliDecoder ? 'http.brotli_decompression_failed' : 'http.gzip_decompression_failed';

/** For the content behind a head. */
export function openBody(
  head: Head,
  direction: Direction,
  options: HttpOptions,
  raise: (event: HttpEvent) => void,
): Body {
  if (direction === TO_SERVER && isAmbiguousForm(head)) raise('http.request_multipart_ambiguous');
  const limit = direction === TO_SERVER ? options.maxRequestBodyBytes : options.maxResponseBodyBytes;
  if (head.find(CONTENT_ENCODING) < 0) return new Body(limit, NO_CODINGS);
  const { codings, event } = contentCoding(latin1(head.joined(CONTENT_ENCODING)!), options.maxEncodingLayers);
  const isRequest = direction === TO_SERVER;
  if (event !== null) raise(event);
  if (isRequest && event === 'http.too_many_encoding_layers') raise('http.request_too_many_encoding_layers');
  // Most applications pass over the field, and take what was sent.
  return new Body(limit, codings, isRequest);
}

/** Which of gzip and deflate it is, the content tells: servers mix them up. */
export type Coding = 'deflate' | 'brotli';

/** What a Content-Encoding asks for. `event` says why a part of it is not decoded. */
export interface ContentCoding {
  /** The outermost first. */
  readonly codings: readonly Coding[];
  readonly event: HttpEvent | null;
}

/** RFC 9110 §8.4. gzip and deflate are found within odd values, as browsers and libhtp do. */
export function contentCoding(value: string, maxLayers: number): ContentCoding {
  let named = 0;
  const codings: Coding[] = [];
  let event: HttpEvent | null = null;
  for (const part of value.replaceAll('\0', '').toLowerCase().split(/[, ]/)) {
    if (part === '') continue;
    named++;
    if (part === 'identity') continue;
    if (!KNOWN_CODINGS.has(part)) event = 'http.abnormal_ce_header';
    if (part === 'br') codings.push('brotli');
    else if (part.includes('gzip') || part.includes('deflate')) codings.push('deflate');
  }
  // libhtp counts those that do nothing too.
  if (named > maxLayers) event = 'http.too_many_encoding_layers';
  // In the order in which they were applied: the last one is to be undone first.
  return { codings: codings.reverse().slice(0, maxLayers), event };
}

const KNOWN_CODINGS: ReadonlySet<string> = new Set(['br', 'gzip', 'x-gzip', 'deflate', 'x-deflate']);
