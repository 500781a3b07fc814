import { LF } from '../../base/ascii.ts';
import { fromLatin1, latin1, u8, u32 } from '../../base/bytes.ts';
import { ByteBuffer } from '../byte-buffer.ts';
import type { SshEvent } from './events.ts';
import { KeyExchange } from './key-exchange.ts';
import type { SshSide } from './transaction.ts';

/** RFC 4253 §4.2: with CR and LF. */
const MAX_BANNER_BYTES = 255;
/** What a server may say before its version (RFC 4253 §4.2). OpenSSH's clients read eight times as much; ours. */
const MAX_BYTES_BEFORE = 64 * 1024;
// RFC 4253 §6: length of what follows, length of the padding, and the message number as the payload's first byte.
const HEADER_BYTES = 6;
const PADDING_LENGTH = 4;
const MESSAGE = 5;
/** The two bytes of the header that count. */
const MIN_PACKET_BYTES = 2;
/** OpenSSH refuses longer ones. */
const MAX_PACKET_BYTES = 256 * 1024;
/** As in Suricata. */
const MAX_KEXINIT_BYTES = 64 * 1024 - 1;
// RFC 4253 §12.
const KEXINIT = 20;
const NEWKEYS = 21;

const READ = { banner: 0, restOfBanner: 1, restOfLine: 2, header: 3, packet: 4, done: 5 } as const;

/** Bytes of a packet's header, with the number of its message, and of what follows. */
export const splitPacket = (packetBytes: number): { header: number; data: number } => ({
  header: HEADER_BYTES,
  data: packetBytes - MIN_PACKET_BYTES,
});

/** Who is told of what a side has said. */
export interface SshListener {
  onBanner(): void;
  /** Nothing that rules look into comes any more. */
  onComplete(): void;
  /** A packet begins at `at` of the bytes at work; its length field says `packetBytes`. */
  onPacket(at: number, packetBytes: number): void;
  onEvent(event: SshEvent): void;
}

/** Reads one direction up to where it is encrypted, whatever the pieces. */
export class SideReader {
  /** It has said that its new keys count from here on. */
  hasNewKeys = false;
  readonly #side: SshSide;
  readonly #isClient: boolean;
  readonly #listener: SshListener;
  #state: (typeof READ)[keyof typeof READ] = READ.banner;
  /** The line, or the list of algorithms. */
  #kept: ByteBuffer | null = new ByteBuffer(MAX_BANNER_BYTES);
  #bytesBefore = 0;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #remainingBytes = 0;
  #isComplete = false;

  constructor(side: SshSide, isClient: boolean, listener: SshListener) {
    this.#side = side;
    this.#isClient = isClient;
    this.#listener = listener;
  }

  get isDone(): boolean {
    return this.#state === READ.done;
  }

  /** It has said more than its version before its packets. */
  get hasGreeted(): boolean {
    return this.#bytesBefore > 0;
  }

  get heldBytes(): number {
    return (this.#kept?.heldBytes ?? 0) + (this.#side.keyExchange?.heldBytes ?? 0);
  }

  consume(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end && this.#state !== READ.done) {
      switch (this.#state) {
        case READ.banner:
          at = this.#readBanner(bytes, at, end);
          break;
        case READ.restOfBanner:
        case READ.restOfLine:
          at = this.#skipLine(bytes, at, end);
          break;
        case READ.header:
          at = this.#readHeader(bytes, at, end);
          break;
        case READ.packet:
          at = this.#readPacket(bytes, at, end);
          break;
        default:
          this.#state satisfies never;
      }
    }
  }

  gap(missingBytes: number): void {
    if (this.#state === READ.done) return;
    if (this.#state === READ.packet && this.#kept === null && missingBytes < this.#remainingBytes) {
      this.#remainingBytes -= missingBytes;
      return;
    }
    this.#listener.onEvent('ssh.gap');
    this.stop();
  }

  /** Nothing more is read. */
  stop(): void {
    this.#state = READ.done;
    this.#kept = null;
    this.#complete();
  }

  #complete(): void {
    if (this.#isComplete) return;
    this.#isComplete = true;
    this.#listener.onComplete();
  }

  #readBanner(bytes: Uint8Array, start: number, end: number): number {
    const line = this.#kept!;
    const newline = bytes.subarray(start, end).indexOf(LF);
    const lineEnd = newline < 0 ? end : start + newline;
    const taken = Math.min(lineEnd - start, MAX_BANNER_BYTES - line.length);
    line.append(bytes, start, start + taken);
    if (start + taken < lineEnd || (newline < 0 && line.isFull)) {
      if (this.#takeBanner(line)) this.#listener.onEvent('ssh.long_banner');
      if (this.#state !== READ.done) {
        this.#state = this.#side.protocolVersion === null ? READ.restOfLine : READ.restOfBanner;
      }
      line.length = 0;
      return start + taken;
    }
    if (newline < 0) return end;
    if (this.#takeBanner(line)) this.#beginPackets();
    line.length = 0;
    return lineEnd + 1;
  }

  /** Is it the version? Else it is a line before it, or ends the search. */
  #takeBanner(line: ByteBuffer): boolean {
    const match = /^SSH-([^-]+)-([^ \r]*)/.exec(latin1(line.bytes, 0, line.length));
    if (match !== null) {
      this.#side.protocolVersion = fromLatin1(match[1]!);
      this.#side.software = fromLatin1(match[2]!);
      this.#listener.onBanner();
      return true;
    }
    this.#bytesBefore += line.length + 1;
    const isVersion = latin1(line.bytes, 0, Math.min(line.length, 4)) === 'SSH-';
    if (this.#isClient || isVersion || this.#bytesBefore > MAX_BYTES_BEFORE) this.#fail('ssh.invalid_banner');
    return false;
  }

  #skipLine(bytes: Uint8Array, start: number, end: number): number {
    const newline = bytes.subarray(start, end).indexOf(LF);
    const at = newline < 0 ? end : start + newline + 1;
    this.#bytesBefore += at - start;
    if (this.#bytesBefore > MAX_BYTES_BEFORE) this.#fail('ssh.invalid_banner');
    else if (newline >= 0 && this.#state === READ.restOfBanner) this.#beginPackets();
    else if (newline >= 0) this.#state = READ.banner;
    return at;
  }

  #beginPackets(): void {
    this.#kept = null;
    this.#headerBytes = 0;
    this.#state = READ.header;
  }

  #readHeader(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && this.#headerBytes < HEADER_BYTES) this.#header[this.#headerBytes++] = u8(bytes, at++);
    if (this.#headerBytes < HEADER_BYTES) return at;
    const packetBytes = u32(this.#header, 0);
    if (packetBytes < MIN_PACKET_BYTES || packetBytes > MAX_PACKET_BYTES) {
      this.#fail('ssh.invalid_record');
      return end;
    }
    this.#remainingBytes = packetBytes - MIN_PACKET_BYTES;
    this.#listener.onPacket(at - HEADER_BYTES, packetBytes);
    if (u8(this.#header, MESSAGE) === KEXINIT && this.#side.keyExchange === null) {
      if (this.#remainingBytes > MAX_KEXINIT_BYTES) this.#listener.onEvent('ssh.long_kex_record');
      else this.#kept = new ByteBuffer(MAX_KEXINIT_BYTES);
    }
    this.#state = READ.packet;
    if (this.#remainingBytes === 0) this.#finishPacket();
    return at;
  }

  #readPacket(bytes: Uint8Array, start: number, end: number): number {
    const count = Math.min(this.#remainingBytes, end - start);
    this.#kept?.append(bytes, start, start + count);
    this.#remainingBytes -= count;
    if (this.#remainingBytes === 0) this.#finishPacket();
    return start + count;
  }

  #finishPacket(): void {
    const kept = this.#kept;
    const message = u8(this.#header, MESSAGE);
    this.#beginPackets();
    if (kept !== null) {
      const payloadEnd = Math.max(0, kept.length - u8(this.#header, PADDING_LENGTH));
      this.#side.keyExchange = KeyExchange.read(kept.bytes, 0, payloadEnd, this.#isClient);
      if (this.#side.keyExchange === null) this.#listener.onEvent('ssh.invalid_record');
      this.#complete();
    }
    if (message !== NEWKEYS) return;
    this.hasNewKeys = true;
    this.stop();
  }

  #fail(event: SshEvent): void {
    this.#listener.onEvent(event);
    this.stop();
  }
}
