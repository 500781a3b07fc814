import { type Direction, opposite, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { buildTcp } from './packets.ts';
import type { Turn } from './play.ts';

/**
 * One TCP segment as a plain value, so that lists of them can be cut, shuffled and added to before they are built.
 * Numbers are relative to the SYN of the side that they belong to, whose own number is 0: data begins at 1.
 */
export interface Segment {
  readonly from: Direction;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: string;
  readonly data: Uint8Array;
  /** TSval of RFC 7323; null on connections without timestamps. */
  readonly timestamp: number | null;
  readonly window?: number;
  readonly urgentPointer?: number;
  readonly ttl?: number;
  /** Behind the timestamps. */
  readonly options?: Uint8Array;
  readonly hasBadChecksum?: boolean;
  /** Not part of what the sender means to say: receivers ignore it, or it competes with what is. */
  readonly isDecoy?: boolean;
}

export interface HonestOptions {
  readonly hasTimestamps?: boolean;
  /** The largest piece of data in one segment. */
  readonly segmentBytes?: number;
}

/** A connection as an ordinary client and server have it: handshake, the turns with an ACK for each, FIN from both. */
export function honest(turns: readonly Turn[], { hasTimestamps = false, segmentBytes = 1400 }: HonestOptions = {}) {
  const next: [number, number] = [0, 0];
  const segments: Segment[] = [];
  let timestamp = FIRST_TIMESTAMP;
  const send = (from: Direction, flags: string, data: Uint8Array = NO_DATA): void => {
    const isFirst = flags === 'S';
    segments.push({
      from,
      sequence: next[from],
      acknowledgement: isFirst ? 0 : next[opposite(from)],
      flags,
      data,
      timestamp: hasTimestamps ? timestamp : null,
    });
    next[from] += data.length + (/[SF]/.test(flags) ? 1 : 0);
  };
  send(TO_SERVER, 'S');
  send(TO_CLIENT, 'SA');
  send(TO_SERVER, 'A');
  for (const { direction, bytes } of turns) {
    // All of a turn carries the same time, so that its segments can be put in any order.
    timestamp += TURN_TICKS;
    for (let at = 0; at < bytes.length; at += segmentBytes) send(direction, 'PA', bytes.slice(at, at + segmentBytes));
    send(opposite(direction), 'A');
  }
  timestamp += TURN_TICKS;
  send(TO_SERVER, 'FA');
  send(TO_CLIENT, 'FA');
  send(TO_SERVER, 'A');
  return segments;
}

export interface Endpoints {
  /** Of the client, then of the server. */
  readonly addresses: readonly [string, string];
  readonly ports: readonly [number, number];
  /** Sequence numbers of the SYNs. */
  readonly initial: readonly [number, number];
}

export const ENDPOINTS: Record<4 | 6, Endpoints> = {
  4: { addresses: ['192.0.2.1', '192.0.2.2'], ports: [40_000, 80], initial: [1000, 5000] },
  6: { addresses: ['2001:db8::1', '2001:db8::2'], ports: [40_000, 80], initial: [1000, 5000] },
};

/** The segment as an IP packet between these endpoints. */
export function buildSegment(segment: Segment, { addresses, ports, initial }: Endpoints): Uint8Array {
  const { from, flags, data, timestamp, window, urgentPointer, ttl } = segment;
  const to = opposite(from);
  const packet = buildTcp({
    source: addresses[from],
    destination: addresses[to],
    sourcePort: ports[from],
    destinationPort: ports[to],
    sequence: initial[from] + segment.sequence,
    acknowledgement: flags.includes('A') ? initial[to] + segment.acknowledgement : 0,
    flags,
    payload: data,
    options: Uint8Array.of(...(timestamp === null ? [] : timestampOption(timestamp)), ...(segment.options ?? [])),
    ...(window !== undefined && { window }),
    ...(urgentPointer !== undefined && { urgentPointer }),
    ...(ttl !== undefined && { ttl }),
  });
  if (segment.hasBadChecksum === true) packet[(addresses[from].includes(':') ? 40 : 20) + CHECKSUM_AT]! ^= 0x55;
  return packet;
}

export const NO_DATA = new Uint8Array(0);
export const isData = ({ data, flags }: Segment): boolean => data.length > 0 && !/[SR]/.test(flags);

/** RFC 7323 §3.2, with the padding that nearly everybody puts in front. The echo is zero: nobody checks it. */
const timestampOption = (value: number): number[] => [
  ...[1, 1, 8, 10],
  ...[value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff],
  ...[0, 0, 0, 0],
];

const FIRST_TIMESTAMP = 100_000;
const TURN_TICKS = 1_000;
/** RFC 9293 §3.1: from the start of the TCP header. */
const CHECKSUM_AT = 16;
