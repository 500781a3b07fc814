import { LINK, type LinkType } from '../wire/packet.ts';

/** One packet of a capture file. One object is reused: it is valid during the call that it is given to. */
export interface CapturedPacket {
  /** Borrowed as long: the frame is `bytes[start, end)`. */
  bytes: Uint8Array;
  start: number;
  end: number;
  /** More than `end - start` where the capture cut the packet. */
  wireBytes: number;
  /** Since 1970 UTC, microseconds in the fraction. */
  timeMs: number;
  /** The first is 1. */
  number: number;
  linkType: LinkType;
}

/** The file is not what a capture file should be. Everything before the place was delivered. */
export class CaptureFileError extends Error {
  override readonly name = 'CaptureFileError';
  readonly file: string;
  /** Where in the file the record or block begins. */
  readonly offset: number;
  /** The packet that could not be read; 0: the file's own header. */
  readonly packetNumber: number;
  /** What is wrong, and what was expected. */
  readonly reason: string;

  constructor(file: string, offset: number, packetNumber: number, reason: string) {
    const place = packetNumber > 0 ? `packet ${packetNumber}, byte ${offset}` : `byte ${offset}`;
    super(`${file}: ${place}: ${reason}`);
    this.file = file;
    this.offset = offset;
    this.packetNumber = packetNumber;
    this.reason = reason;
  }
}

/** Reads one kind of capture file. Bytes are pushed in; packets come out of the callback that it was made with. */
export interface CaptureReader {
  /** So many unread bytes must be there before `read` can do anything. Small, whatever the file says. */
  readonly neededBytes: number;
  /**
   * Reads what is whole in `bytes` and returns how many bytes that was. `offset`: of `bytes[0]` in the file. Throws
   * `Malformed`.
   */
  read(bytes: Buffer, offset: number): number;
  /** The file may end here. Else: what is missing. */
  readonly missingAtEnd: string | null;
}

/** Thrown by readers, which know neither the file's name nor the packet's number. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
  readonly offset: number;

  constructor(offset: number, reason: string) {
    super(reason);
    this.offset = offset;
  }
}

/** libpcap's own MAXIMUM_SNAPLEN, pcap-int.h. A record with more is broken, and costs no memory. */
export const MAX_CAPTURED_BYTES = 262_144;

/** No link carries such a packet: BIG TCP ends at 512 KiB (GSO_MAX_SIZE, linux/netdevice.h). */
export const MAX_WIRE_BYTES = 2 ** 24;

/** Beyond the largest time of ECMAScript (§21.4.1.1), nobody downstream could write the time. */
export const MAX_TIME_MS = 8.64e15;

/** By numbers of https://www.tcpdump.org/linktypes.html; 12 and 14 are what some systems write for raw IP. */
export function linkTypeOf(number: number, offset: number): LinkType {
  const linkType = LINK_TYPES.get(number);
  if (linkType !== undefined) return linkType;
  throw new Malformed(
    offset,
    `link type ${number} is not supported; supported are ${[...LINK_TYPES.keys()].join(', ')}`,
  );
}

const LINK_TYPES: ReadonlyMap<number, LinkType> = new Map([
  [0, LINK.loopback],
  [1, LINK.ethernet],
  [9, LINK.ppp],
  [12, LINK.rawIp],
  [14, LINK.rawIp],
  [101, LINK.rawIp],
  [104, LINK.ciscoHdlc],
  [108, LINK.loopback],
  [113, LINK.linuxSll],
  [228, LINK.rawIp],
  [229, LINK.rawIp],
  [276, LINK.linuxSll2],
]);
