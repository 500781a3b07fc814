import { fragmentOf, type Piece } from '../../defrag/fragments.ts';
import { buildIp } from '../../support/packets.ts';
import { bytesOf, type CheckCase, type CheckCases } from './check-case.ts';

/** For experiments (RFC 3692): nobody looks behind the IP header. */
const PROTOCOL = 253;
const V4 = { source: '192.0.2.1', destination: '192.0.2.2' } as const;
const V6 = { source: '2001:db8::1', destination: '2001:db8::2' } as const;
type Version = typeof V4 | typeof V6;

const DATA_BYTES = 65_520;
const plain = new Uint8Array(DATA_BYTES).fill(0x41);
const other = new Uint8Array(DATA_BYTES).fill(0x42);

const piece = (addresses: Version, { start, end }: Piece, isLast = false, payload = plain, id = 7): Uint8Array =>
  fragmentOf({ ...addresses, protocol: PROTOCOL, id, payload }, { start, end }, isLast);

const twice = (addresses: Version, first: Piece, fails: Uint8Array, arrives: Uint8Array): CheckCase => ({
  fails: [piece(addresses, first), fails],
  arrives: [piece(addresses, first), arrives],
});

const casesOf = (addresses: Version, prefix: string): CheckCases => ({
  [`${prefix}.frag_overlap`]: twice(
    addresses,
    { start: 0, end: 800 },
    piece(addresses, { start: 792, end: 1600 }, false, other),
    piece(addresses, { start: 0, end: 800 }),
  ),
  [`${prefix}.frag_pkt_too_large`]: {
    fails: [buildIp({ ...addresses, protocol: PROTOCOL, payload: plain.subarray(0, 64), fragmentOffsetBytes: 65_504 })],
    arrives: [
      buildIp({ ...addresses, protocol: PROTOCOL, payload: plain.subarray(0, 8), fragmentOffsetBytes: 65_496 }),
    ],
  },
  [`${prefix}.frag_ignored`]: {
    fails: [piece(addresses, { start: 0, end: 800 }), piece(addresses, { start: 0, end: 800 }, false, plain, 8)],
    arrives: [piece(addresses, { start: 0, end: 800 }), piece(addresses, { start: 800, end: 1600 })],
    config: { defrag: { maxDatagrams: 1 } },
  },
  [`${prefix}.frag_first_too_small`]: {
    fails: [piece(addresses, { start: 0, end: 64 })],
    arrives: [piece(addresses, { start: 0, end: 104 })],
  },
  [`${prefix}.frag_offset_too_small`]: {
    fails: [piece(addresses, { start: 56, end: 800 })],
    arrives: [piece(addresses, { start: 64, end: 800 })],
  },
  [`${prefix}.frag_wrong_end`]: {
    fails: [piece(addresses, { start: 800, end: 1600 }, true), piece(addresses, { start: 1600, end: 1704 })],
    arrives: [piece(addresses, { start: 800, end: 1600 }, true), piece(addresses, { start: 0, end: 800 })],
  },
});

/** By the name of the check. */
export const FRAGMENT_CASES: CheckCases = {
  ...casesOf(V4, 'ipv4'),
  ...casesOf(V6, 'ipv6'),
  'ipv4.frag_invalid_length': {
    fails: [piece(V4, { start: 0, end: 801 })],
    arrives: [piece(V4, { start: 0, end: 801 }, true)],
  },
  'ipv6.frag_incomplete_headers': {
    fails: [buildIp({ ...V6, protocol: 60, payload: bytesOf(`110c0164${'00'.repeat(100)}`), moreFragments: true })],
    arrives: [buildIp({ ...V6, protocol: 60, payload: bytesOf(`3b0b015c${'00'.repeat(100)}`), moreFragments: true })],
  },
};
