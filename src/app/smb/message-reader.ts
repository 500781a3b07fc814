import { copyBytes, EMPTY_BYTES, u8, u16le, u32le } from '../../base/bytes.ts';
import type { DataSink } from './data-sink.ts';
import { SMB1_HEADER_BYTES, SMB2_HEADER_BYTES } from './header.ts';

/** RFC 1002 §4.3.1: a type and 24 bits of length. */
export const FRAME_HEADER_BYTES = 4;
const SESSION_MESSAGE = 0x00;
/** What is kept of a command before it is read; data of files and pipes behind it is followed as it comes; ours. */
export const MAX_COMMAND_BYTES = 64 * 1024;
export const MAGIC_BYTES = 4;
const COMMAND = 12;
const NEXT_COMMAND = 20;
/** Of SMB2's reads and writes, what is kept at least: the fixed part; and of the data, what tells what they are. */
const MIN_DATA_COMMAND_BYTES = SMB2_HEADER_BYTES + 56;
const FIRST_DATA_BYTES = 16;
const DATA_OFFSET = SMB2_HEADER_BYTES + 2;
const READ = 8;
const WRITE = 9;

/** First bytes of a message: `\xffSMB`, `\xfeSMB`, and encrypted `\xfdSMB`. */
export const MAGIC = { smb1: 0xff, smb2: 0xfe, encrypted: 0xfd, compressed: 0xfc } as const;

/** Suricata's names: a frame of NetBIOS sessions, a command (of SMB1, a message), and what both consist of. */
export const SMB_FRAMES = ['nbss', 'smb1', 'smb2', 'smb3'].flatMap((layer) =>
  (['pdu', 'hdr', 'data'] as const).map((part) => `${layer}.${part}` as SmbFrame),
);
type Layer = 'nbss' | 'smb1' | 'smb2' | 'smb3';
export type SmbFrame = `${Layer}.${'pdu' | 'hdr' | 'data'}`;
/** [MS-SMB2] §2.2.41: what stands in front of an encrypted message. */
const TRANSFORM_HEADER_BYTES = 52;

/** Where one command lies, or of SMB1 a message. Borrowed: valid during the call that has it. */
export interface CommandBytes {
  readonly bytes: Uint8Array;
  readonly start: number;
  /** Of what is kept of it. */
  readonly end: number;
  /** Where it ends itself. */
  readonly wholeEnd: number;
}

/** Of these bytes of its message, those that are kept. Borrowed as they are. */
export const partOf = (command: CommandBytes, start: number, end: number): Uint8Array =>
  command.bytes.subarray(start, Math.max(start, Math.min(end, command.end)));

/** Who is told of the commands of one direction. */
export interface CommandListener {
  /** Returns who wants the data that follow behind what is kept of it. */
  onCommand(version: 1 | 2, command: CommandBytes): DataSink | null;
  /** A part of the stream that rules can look into begins at `at` of the bytes at work, or before them. */
  onFrame(name: SmbFrame, at: number, bytes: number): void;
  /** A message cannot be read: it is encrypted or compressed. */
  onUnreadable(magic: number): void;
  /** The framing is broken. What looks like the beginning of a message is looked for. */
  onMalformed(): void;
}

/** Takes one direction apart: frames, messages in them, chained commands in these. In any pieces. */
export class MessageReader {
  readonly #listener: CommandListener;
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES + MAGIC_BYTES);
  #headerBytes = 0;
  /** Of the frame in hand, bytes that did not come yet. */
  #frameLeft = 0;
  /** Of those, bytes that nobody reads. */
  #skipLeft = 0;
  /** Who takes the bytes in between, and how many. */
  #sink: DataSink | null = null;
  #sinkLeft = 0;
  #version: 1 | 2 = 2;
  /** The command in hand, where it does not lie in one piece. */
  #kept: Uint8Array = EMPTY_BYTES;
  #keptBytes = 0;
  /** Where it begins, counted from the start of the stream. */
  #keptAt = 0;
  /** Of the last command whose frames were told, the same. */
  #toldAt = -1;
  /** Bytes of the stream before those at work, less the place where these begin. */
  #origin = 0;
  #streamBytes = 0;
  #pieceStart = 0;
  /** The beginning of a message is looked for. So it is at first: nobody may have seen how the connection began. */
  #isLost = true;

  constructor(listener: CommandListener) {
    this.#listener = listener;
  }

  /** Memory that the command in hand takes. */
  get heldBytes(): number {
    return this.#kept.length;
  }

  consume(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    this.#origin = this.#streamBytes - start;
    this.#pieceStart = start;
    while (at < end) {
      if (this.#sinkLeft > 0) at = this.#passData(bytes, at, end);
      else if (this.#skipLeft > 0) at = this.#skip(at, end);
      else if (this.#frameLeft > 0) at = this.#readCommands(bytes, at, end);
      else at = this.#readFrameHeader(bytes, at, end);
    }
    this.#streamBytes += end - start;
  }

  /** Data of files go on behind a gap, and so does what is skipped. False: commands are missing. */
  gap(missingBytes: number): boolean {
    let missing = missingBytes;
    this.#streamBytes += missingBytes;
    const inData = Math.min(this.#sinkLeft, missing);
    if (inData > 0) {
      this.#sink!.gap(inData);
      this.#frameLeft -= inData;
      this.#sinkLeft -= inData;
      if (this.#sinkLeft === 0) this.#endData();
      missing -= inData;
    }
    missing -= this.#skip(0, missing);
    if (missing === 0) return true;
    this.#endData();
    this.#frameLeft = 0;
    this.#skipLeft = 0;
    this.#keptBytes = 0;
    this.#headerBytes = 0;
    this.#isLost = true;
    return false;
  }

  /** No more bytes come. */
  end(): void {
    this.#endData();
  }

  #readFrameHeader(bytes: Uint8Array, start: number, end: number): number {
    const header = this.#header;
    let at = this.#isLost && this.#headerBytes === 0 ? seekFrame(bytes, start, end) : start;
    while (at < end && this.#headerBytes < FRAME_HEADER_BYTES) header[this.#headerBytes++] = u8(bytes, at++);
    if (this.#headerBytes < FRAME_HEADER_BYTES) return at;
    const type = u8(header, 0);
    const frameBytes = (u8(header, 1) << 16) | (u8(header, 2) << 8) | u8(header, 3);
    // A message that is too short for its magic has nothing in it.
    if (!this.#isLost && (type !== SESSION_MESSAGE || frameBytes < MAGIC_BYTES)) {
      return this.#passOver(type, frameBytes, at);
    }
    while (at < end && this.#headerBytes < header.length) header[this.#headerBytes++] = u8(bytes, at++);
    if (this.#headerBytes < header.length) return at;
    const magic = magicAt(header, FRAME_HEADER_BYTES);
    const isPlausible = magic !== null && type === SESSION_MESSAGE && frameBytes > SMB1_HEADER_BYTES;
    if (this.#isLost && !isPlausible) return this.#seekOn(at);
    this.#beginMessage(magic, frameBytes, at + this.#origin - MAGIC_BYTES);
    return at;
  }

  /** A frame that holds no message. */
  #passOver(type: number, frameBytes: number, at: number): number {
    this.#headerBytes = 0;
    if (type !== SESSION_MESSAGE) {
      if (!isSessionType(type)) {
        this.#isLost = true;
        this.#listener.onMalformed();
        return at;
      }
      this.#tell('nbss', at + this.#origin - FRAME_HEADER_BYTES, FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + frameBytes);
    }
    this.#frameLeft = frameBytes;
    this.#skipLeft = frameBytes;
    return at;
  }

  /** No frame begins where the header in hand does: the next byte may be the first of one. */
  #seekOn(at: number): number {
    const next = at - this.#header.length + 1;
    if (next >= this.#pieceStart) {
      this.#headerBytes = 0;
      return next;
    }
    this.#header.copyWithin(0, 1);
    this.#headerBytes--;
    return at;
  }

  /** Its frame's header and its magic, which is at this place of the direction, were read. */
  #beginMessage(magic: number | null, frameBytes: number, magicAtPosition: number): void {
    this.#headerBytes = 0;
    this.#isLost = false;
    this.#frameLeft = frameBytes;
    this.#tell('nbss', magicAtPosition - FRAME_HEADER_BYTES, FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + frameBytes);
    if (magic === MAGIC.encrypted) this.#tell('smb3', magicAtPosition, TRANSFORM_HEADER_BYTES, frameBytes);
    if (magic === MAGIC.smb1 || magic === MAGIC.smb2) {
      this.#version = magic === MAGIC.smb1 ? 1 : 2;
      this.#keptAt = magicAtPosition;
      this.#keep(this.#header, FRAME_HEADER_BYTES, this.#header.length);
      return;
    }
    if (magic === null) this.#listener.onMalformed();
    else this.#listener.onUnreadable(magic);
    this.#frameLeft -= MAGIC_BYTES;
    this.#skipLeft = this.#frameLeft;
  }

  /** The frame goes on with a command, of which the magic at least is kept. */
  #readCommands(bytes: Uint8Array, start: number, end: number): number {
    // Of what a longer chain has left, more may be kept than a command with data needs.
    const count = Math.min(Math.max(0, this.#wantedBytes - this.#keptBytes), end - start);
    if (this.#keptBytes === 0) this.#keptAt = start + this.#origin;
    this.#keep(bytes, start, start + count);
    this.#tellCommand(this.#kept, 0, this.#keptBytes);
    if (this.#keptBytes >= this.#wantedBytes) this.#readKept();
    return start + count;
  }

  /** How much of the command in hand is kept before it is read: of one with data, these need not be. */
  get #wantedBytes(): number {
    const most = Math.min(this.#frameLeft, MAX_COMMAND_BYTES);
    if (this.#version === 1) return most;
    const head = Math.min(most, DATA_OFFSET + 2);
    if (this.#keptBytes < head || head < DATA_OFFSET + 2) return head;
    const command = u16le(this.#kept, COMMAND);
    if (command !== READ && command !== WRITE) return most;
    const dataAt = command === READ ? u8(this.#kept, DATA_OFFSET) : u16le(this.#kept, DATA_OFFSET);
    return Math.min(most, Math.max(dataAt + FIRST_DATA_BYTES, MIN_DATA_COMMAND_BYTES));
  }

  /** As many commands as are there; the last one may be there in part only. */
  #readKept(): void {
    const kept = this.#kept;
    const keptBytes = this.#keptBytes;
    this.#keptBytes = 0;
    let at = 0;
    while (at < keptBytes) {
      const wholeEnd = this.#commandEnd(kept, at, keptBytes);
      if (wholeEnd === null) {
        this.#listener.onMalformed();
        this.#frameLeft -= keptBytes;
        this.#skipLeft = this.#frameLeft;
        return;
      }
      this.#tellCommand(kept, at, keptBytes);
      const isCut = wholeEnd > keptBytes;
      // What is cut, but not for its own length, is read when more of it is there.
      if (isCut && at > 0) {
        this.#frameLeft -= at;
        kept.copyWithin(0, at, keptBytes);
        this.#keptBytes = keptBytes - at;
        this.#keptAt += at;
        return;
      }
      const command = { bytes: kept, start: at, end: Math.min(wholeEnd, keptBytes), wholeEnd };
      const sink = this.#listener.onCommand(this.#version, command);
      if (isCut) {
        this.#frameLeft -= keptBytes;
        this.#sink = sink;
        this.#sinkLeft = Math.min(sink?.bytesLeft ?? 0, wholeEnd - keptBytes);
        this.#skipLeft = wholeEnd - keptBytes - this.#sinkLeft;
        return;
      }
      sink?.end();
      at = wholeEnd;
    }
    this.#frameLeft -= keptBytes;
    // One long command must not cost memory for the rest of the connection.
    if (this.#kept.length > MAX_SPARE_BYTES) this.#kept = EMPTY_BYTES;
  }

  /** Tells of the command at `at` as soon as its header is there. */
  #tellCommand(kept: Uint8Array, at: number, keptBytes: number): void {
    const headerBytes = this.#version === 1 ? SMB1_HEADER_BYTES : SMB2_HEADER_BYTES;
    const position = this.#keptAt + at;
    if (position <= this.#toldAt || keptBytes - at < headerBytes) return;
    this.#toldAt = position;
    const next = this.#version === 1 ? 0 : u32le(kept, at + NEXT_COMMAND);
    const rest = this.#frameLeft - at;
    const isChained = next >= headerBytes && next < rest;
    this.#tell(this.#version === 1 ? 'smb1' : 'smb2', position, headerBytes, isChained ? next : rest);
  }

  #tell(layer: Layer, position: number, headerBytes: number, wholeBytes: number): void {
    const at = position - this.#origin;
    this.#listener.onFrame(`${layer}.pdu`, at, wholeBytes);
    if (wholeBytes < headerBytes) return;
    this.#listener.onFrame(`${layer}.hdr`, at, headerBytes);
    this.#listener.onFrame(`${layer}.data`, at + headerBytes, wholeBytes - headerBytes);
  }

  /** Where the command at `at` ends; null: it is none. */
  #commandEnd(kept: Uint8Array, at: number, keptBytes: number): number | null {
    const frameEnd = this.#frameLeft;
    if (this.#version === 1) return keptBytes - at < SMB1_HEADER_BYTES + 1 ? null : frameEnd;
    if (frameEnd - at < SMB2_HEADER_BYTES || (keptBytes - at >= MAGIC_BYTES && magicAt(kept, at) !== MAGIC.smb2))
      return null;
    // Its header has yet to come.
    if (keptBytes - at < SMB2_HEADER_BYTES) return frameEnd;
    const next = u32le(kept, at + NEXT_COMMAND);
    if (next === 0) return frameEnd;
    return next >= SMB2_HEADER_BYTES && at + next <= frameEnd ? at + next : null;
  }

  #passData(bytes: Uint8Array, start: number, end: number): number {
    const count = Math.min(this.#sinkLeft, end - start);
    this.#sink!.consume(bytes, start, start + count);
    this.#sinkLeft -= count;
    this.#frameLeft -= count;
    if (this.#sinkLeft === 0) this.#endData();
    return start + count;
  }

  #endData(): void {
    this.#sink?.end();
    this.#sink = null;
    this.#sinkLeft = 0;
  }

  #skip(start: number, end: number): number {
    const count = Math.min(this.#skipLeft, end - start);
    this.#skipLeft -= count;
    this.#frameLeft -= count;
    return start + count;
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    const needed = this.#keptBytes + end - start;
    if (needed > this.#kept.length) {
      // What a length announces is not trusted with memory.
      const grown = new Uint8Array(Math.min(MAX_COMMAND_BYTES, Math.max(2 * needed, MIN_KEPT_BYTES)));
      grown.set(this.#kept.subarray(0, this.#keptBytes));
      this.#kept = grown;
    }
    copyBytes(bytes, start, end, this.#kept, this.#keptBytes);
    this.#keptBytes = needed;
  }
}

const MIN_KEPT_BYTES = 256;
/** More is given back behind each command. */
const MAX_SPARE_BYTES = 4096;

/** The first place at which a frame with a message may begin, or may as far as there are bytes. */
function seekFrame(bytes: Uint8Array, start: number, end: number): number {
  const last = end - FRAME_HEADER_BYTES - MAGIC_BYTES;
  let at = start;
  while (at <= last && (u8(bytes, at) !== SESSION_MESSAGE || magicAt(bytes, at + FRAME_HEADER_BYTES) === null)) at++;
  return at;
}

/** Of a frame that is no message: from a request for a session to a keep-alive, RFC 1002 §4.3.1. */
export const isSessionType = (type: number): boolean => type >= 0x81 && type <= 0x85;

/** The first byte of a magic that is known; null: it is none. */
export function magicAt(bytes: Uint8Array, at: number): number | null {
  if (u8(bytes, at + 1) !== 0x53 || u8(bytes, at + 2) !== 0x4d || u8(bytes, at + 3) !== 0x42) return null;
  const first = u8(bytes, at);
  return first >= MAGIC.compressed ? first : null;
}
