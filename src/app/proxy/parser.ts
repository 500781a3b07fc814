import { isIPv4, isIPv6 } from 'node:net';
import { CR, LF } from '../../base/ascii.ts';
import { latin1, u16 } from '../../base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import type { DetectionEvent } from '../events.ts';
import type { AppParser, AppSink, Handover } from '../protocol.ts';

/** §2.1: of the longest line, with its end. */
const MAX_LINE_BYTES = 107;
/** §2.2: signature, version and command, family and transport, and the length of what follows. */
const BINARY_HEAD_BYTES = 16;
/** §2.2: of both addresses and ports, by family: unspecified, IPv4, IPv6, Unix. */
const ADDRESS_BYTES = [0, 12, 36, 216];

/** The header that a load balancer writes before what its client says, whichever protocol that is. */
export class ProxyParser implements AppParser {
  readonly heldBytes = 0;
  handover: Handover | null = null;
  readonly #sink: AppSink;
  /** The line, or the head of the binary form. */
  readonly #head = new Uint8Array(MAX_LINE_BYTES);
  #headBytes = 0;
  /** Of the binary form, behind its head; negative while that is not there. */
  #restBytes = -1;
  #hasGap = false;
  #serverBytes = 0;

  constructor(sink: AppSink) {
    this.#sink = sink;
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    if (direction === TO_CLIENT) {
      this.#serverBytes += end - start;
      return;
    }
    let at = start;
    while (at < end && this.#restBytes < 0 && !this.#hasGap) {
      this.#head[this.#headBytes++] = bytes[at++]!;
      this.#readHead();
    }
    if (this.#restBytes > 0 && !this.#hasGap) {
      const skippedBytes = Math.min(this.#restBytes, end - at);
      this.#restBytes -= skippedBytes;
      at += skippedBytes;
    }
    if (this.#restBytes === 0 || this.#hasGap) this.handover = { protocol: null, at, missingBytes: this.#serverBytes };
  }

  gap(direction: Direction, missingBytes: number): void {
    if (direction === TO_SERVER) this.#hasGap = true;
    else this.#serverBytes += missingBytes;
  }

  end(): void {}

  #readHead(): void {
    if (this.#head[0] === CR) {
      if (this.#headBytes === BINARY_HEAD_BYTES) this.#readBinaryHead();
      return;
    }
    const isWhole = this.#head[this.#headBytes - 1] === LF;
    if (!isWhole && this.#headBytes < MAX_LINE_BYTES) return;
    if (!isWhole || !isHeaderLine(latin1(this.#head, 0, this.#headBytes))) this.#raiseMalformed();
    this.#restBytes = 0;
  }

  #readBinaryHead(): void {
    const version = this.#head[12]! >> 4;
    const command = this.#head[12]! & 0x0f;
    const addressBytes = ADDRESS_BYTES[this.#head[13]! >> 4] ?? Number.POSITIVE_INFINITY;
    const transport = this.#head[13]! & 0x0f;
    this.#restBytes = u16(this.#head, 14);
    const isLocal = command === 0;
    const isPlausible = command === 1 && transport <= 2 && this.#restBytes >= addressBytes;
    if (version !== 2 || !(isLocal || isPlausible)) this.#raiseMalformed();
  }

  #raiseMalformed(): void {
    const event: DetectionEvent = 'applayer_malformed_proxy_header';
    this.#sink.onEvent(null, TO_SERVER, event);
  }
}

/** §2.1. Behind `UNKNOWN` receivers pass over what there is. */
function isHeaderLine(line: string): boolean {
  if (!line.endsWith('\r\n')) return false;
  const [, family, source, destination, ...ports] = line.slice(0, -2).split(' ');
  if (family === 'UNKNOWN') return true;
  const isAddress = family === 'TCP4' ? isIPv4 : isIPv6;
  return isAddress(source ?? '') && isAddress(destination ?? '') && ports.length === 2 && ports.every(isPort);
}

const isPort = (text: string): boolean => /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 0xffff;
