import { describe, expect, test } from 'vitest';
import { buildIcmp, buildIp, buildTcp, buildUdp, hex, sum16 } from '../support/packets.ts';
import { playPackets } from '../support/play.ts';
import { type FragmentFields, fragmentOf, fragmentsOf, transportOf } from './fragments.ts';

/**
 * What an attacker does with IP headers and fragments, and what becomes of it by default. Numbers are those of packets,
 * from 1. Where a row passes, the comment says why nothing else would be right.
 */
interface Row {
  name: string;
  packets: readonly Uint8Array[];
  dropped: readonly number[];
  /** Of the checks; nothing else is told. */
  events?: readonly string[];
  /** What the rule `content:"attack"` saw. */
  alerts?: number;
}

const V6 = { source: '2001:db8::1', destination: '2001:db8::2' } as const;
const V4 = { source: '192.0.2.1', destination: '192.0.2.2' } as const;
const filler = 'x'.repeat(300);
const udp = buildUdp({ ...V4, payload: `attack${filler}` });
const whole: FragmentFields = { ...V4, protocol: 17, payload: transportOf(udp) };
const whole6: FragmentFields = {
  ...V6,
  protocol: 17,
  payload: transportOf(buildUdp({ ...V6, payload: `attack${filler}` })),
};
const [first, second, third] = [
  fragmentOf(whole, { start: 0, end: 104 }),
  fragmentOf(whole, { start: 104, end: 208 }),
  fragmentOf(whole, { start: 208, end: 314 }),
] as const;
const decoy: FragmentFields = { ...whole, payload: new Uint8Array(whole.payload.length).fill(0x2e) };
const RULE = 'alert udp any any -> any any (content:"attack"; sid:1;)';
const header = (protocol: number, bytes: string) => ({ protocol, bytes: hex(bytes) });

/** The same with other bytes from `at` on, and a right header checksum. */
function changed(packet: Uint8Array, at: number, ...bytes: readonly number[]): Uint8Array {
  const copy = packet.slice();
  copy.set(bytes, at);
  copy.set([0, 0], 10);
  const sum = sum16(copy.subarray(0, (copy[0]! & 0x0f) * 4));
  copy.set([sum >> 8, sum & 0xff], 10);
  return copy;
}

const tunneled = (packet: Uint8Array, depth: number): Uint8Array =>
  depth === 0 ? packet : buildIp({ ...V4, protocol: 4, payload: tunneled(packet, depth - 1) });

const ROWS: readonly Row[] = [
  { name: 'I1 version 5', packets: [changed(udp, 0, 0x55)], dropped: [1], events: ['ipraw.invalid_ip_version'] },
  { name: 'I1 header length 4', packets: [changed(udp, 0, 0x44)], dropped: [1], events: ['ipv4.hlen_too_small'] },
  {
    name: 'I1 header length beyond the packet',
    packets: [buildIp({ ...V4, protocol: 17, payload: '' }).fill(0x4f, 0, 1)],
    dropped: [1],
    events: ['ipv4.iplen_smaller_than_hlen'],
  },
  {
    name: 'I1 total length below the header length',
    packets: [changed(udp, 2, 0, 19)],
    dropped: [1],
    events: ['ipv4.iplen_smaller_than_hlen'],
  },
  {
    name: 'I1 total length beyond the frame',
    packets: [changed(udp, 2, 2, 0)],
    dropped: [1],
    events: ['ipv4.trunc_pkt'],
  },
  {
    name: 'I2 wrong header checksum',
    packets: [udp.slice().fill(0xee, 10, 12)],
    dropped: [1],
    events: ['ipv4.invalid_checksum'],
  },
  {
    name: 'I3 source and destination are the same',
    packets: [buildUdp({ source: '192.0.2.2', destination: '192.0.2.2' }), buildUdp({ ...V6, source: V6.destination })],
    dropped: [1, 2],
    events: ['ipv4.same_src_dst', 'ipv6.same_src_dst'],
  },
  {
    name: 'I3 a loopback source from outside',
    packets: [buildUdp({ ...V4, source: '127.0.0.1' }), buildUdp({ ...V6, source: '::1' })],
    dropped: [1, 2],
    events: ['ipv4.src_loopback', 'ipv6.src_loopback'],
  },
  {
    name: 'I3 a multicast or broadcast source',
    packets: [
      buildUdp({ ...V4, source: '224.0.0.1' }),
      buildUdp({ ...V4, source: '255.255.255.255' }),
      buildUdp({ ...V6, source: 'ff02::1' }),
    ],
    dropped: [1, 2, 3],
    events: ['ipv4.src_multicast', 'ipv4.src_broadcast', 'ipv6.src_multicast'],
  },
  // DHCP clients have no other address yet.
  { name: 'I3 the source 0.0.0.0', packets: [buildUdp({ ...V4, source: '0.0.0.0' })], dropped: [] },
  {
    name: 'I4 source routes',
    packets: [
      buildUdp({ ...V4, ipOptions: hex('83 07 04 0a000003 00') }),
      buildUdp({ ...V4, ipOptions: hex('89 07 04 0a000003 00') }),
    ],
    dropped: [1, 2],
    events: ['ipv4.opt_source_route', 'ipv4.opt_source_route'],
  },
  {
    name: 'I4 record route and an unknown option are told',
    packets: [
      buildUdp({ ...V4, ipOptions: hex('07 07 04 00000000 00') }),
      buildUdp({ ...V4, ipOptions: hex('9e 08 0000 00000000') }),
    ],
    dropped: [],
    events: ['ipv4.opt_record_route', 'ipv4.opt_invalid'],
  },
  {
    name: 'I4 an option that runs beyond the header',
    packets: [buildUdp({ ...V4, ipOptions: hex('07 27 04 00000000 00') })],
    dropped: [1],
    events: ['ipv4.opt_invalid_len'],
  },
  // What this host sees is what it receives: a packet that would not have reached it is not there.
  {
    name: 'I5 another time to live than the rest',
    packets: [udp, buildUdp({ ...V4, ttl: 1 })],
    dropped: [],
    alerts: 1,
  },
  {
    name: 'I6 the same fragment twice',
    packets: [first, first, second, third],
    dropped: [],
    alerts: 1,
  },
  {
    name: 'I6 other data at the same place: with it, the whole packet goes',
    packets: [first, fragmentOf(decoy, { start: 0, end: 104 }), second, third],
    dropped: [2, 3, 4],
    events: ['ipv4.frag_overlap'],
  },
  {
    name: 'I6 begins before what is there',
    packets: [first, third, fragmentOf(decoy, { start: 104, end: 216 }, false), second],
    dropped: [3, 4],
    events: ['ipv4.frag_overlap'],
  },
  {
    name: 'I6 ends behind what is there',
    packets: [first, second, fragmentOf(decoy, { start: 200, end: 312 }), third],
    dropped: [3, 4],
    events: ['ipv4.frag_overlap'],
  },
  {
    name: 'I6 lies within what is there',
    packets: [first, second, fragmentOf(decoy, { start: 120, end: 160 }), third],
    dropped: [3, 4],
    events: ['ipv4.frag_overlap'],
  },
  {
    name: 'I6 of IPv6',
    packets: [
      fragmentOf(whole6, { start: 0, end: 104 }),
      fragmentOf({ ...whole6, payload: decoy.payload }, { start: 64, end: 160 }),
      fragmentOf(whole6, { start: 104, end: whole6.payload.length }),
    ],
    dropped: [2, 3],
    events: ['ipv6.frag_overlap'],
  },
  {
    name: 'I7 ping of death',
    packets: fragmentsOf({ ...V4, protocol: 1, payload: new Uint8Array(66_000) }, 1480).slice(-1),
    dropped: [1],
    events: ['ipv4.frag_pkt_too_large'],
  },
  {
    name: 'I8 a first fragment with half a TCP header',
    packets: [
      buildIp({ ...V4, protocol: 6, payload: transportOf(buildTcp()).subarray(0, 16), moreFragments: true }),
      buildIp({ ...V4, protocol: 6, payload: transportOf(buildTcp()).subarray(16), fragmentOffsetBytes: 16 }),
    ],
    dropped: [1, 2],
    events: ['ipv4.frag_first_too_small'],
  },
  {
    name: 'I8 an offset of 8, which could replace TCP flags',
    packets: [fragmentOf(whole, { start: 8, end: 160 })],
    dropped: [1],
    events: ['ipv4.frag_offset_too_small'],
  },
  {
    name: 'I9 a length that is no multiple of eight',
    packets: [fragmentOf(whole, { start: 104, end: 207 }), fragmentOf({ ...whole6, id: 9 }, { start: 104, end: 207 })],
    dropped: [1, 2],
    events: ['ipv4.frag_invalid_length', 'ipv6.frag_invalid_length'],
  },
  {
    name: 'I10 "do not fragment" on a fragment, and the reserved bit',
    packets: [fragmentOf({ ...whole, dontFragment: true }, { start: 0, end: 104 }), changed(udp, 6, 0x80, 0)],
    dropped: [],
    events: ['ipv4.frag_dont_fragment', 'ipv4.reserved_flag'],
    alerts: 1,
  },
  {
    name: 'I11 in reverse, and between those of another protocol with the same identification',
    packets: fragmentsOf(whole, 104)
      .reverse()
      .flatMap((bytes, i) => [bytes, fragmentsOf({ ...decoy, protocol: 250 }, 104)[i]!]),
    dropped: [],
    alerts: 1,
  },
  // Nothing of it can be used without the missing one.
  { name: 'I12 one is missing', packets: [first, third], dropped: [], alerts: 0 },
  {
    name: 'I12 a flood of first fragments: no more than are kept',
    packets: Array.from({ length: 1002 }, (_, id) => fragmentOf({ ...whole, id }, { start: 0, end: 104 })),
    dropped: [1001, 1002],
    events: ['ipv4.frag_ignored', 'defrag.max_datagrams', 'ipv4.frag_ignored', 'defrag.max_datagrams'],
  },
  {
    name: 'I13 an atomic fragment is a packet like any other',
    packets: [
      buildUdp({ ...V6, payload: 'attack', extensions: [header(44, '00 00 0000 00000001')] }),
      buildUdp({ ...V6, payload: 'attack', extensions: [header(44, '00 00 0000 00000001')] }),
    ],
    dropped: [],
    events: ['ipv6.exthdr_useless_fh', 'ipv6.exthdr_useless_fh'],
    alerts: 2,
  },
  {
    name: 'I13 two fragment headers',
    packets: [buildUdp({ ...V6, extensions: [header(44, '00 00 0000 00000001'), header(44, '00 00 0000 00000002')] })],
    dropped: [1],
    events: ['ipv6.exthdr_useless_fh', 'ipv6.exthdr_dupl_fh'],
  },
  {
    name: 'I13 a first fragment without all its headers',
    packets: [
      buildIp({ ...V6, protocol: 60, payload: hex(`11 0c 01 64 ${'00'.repeat(100)}`), moreFragments: true }),
      buildIp({ ...V6, protocol: 60, payload: new Uint8Array(40), fragmentOffsetBytes: 104 }),
    ],
    dropped: [1, 2],
    events: ['ipv6.frag_incomplete_headers'],
  },
  {
    name: 'I13 an extension header behind the fragment header',
    packets: fragmentsOf(
      { ...V6, protocol: 60, payload: new Uint8Array(Buffer.concat([hex('11 00 05 02 0000 00 00'), whole6.payload])) },
      160,
    ),
    dropped: [],
    alerts: 1,
  },
  {
    name: 'I14 routing header 0, a misplaced hop-by-hop header, and too many headers',
    packets: [
      buildUdp({ ...V6, extensions: [header(43, '00 02 00 00 00000000 20010db8000000000000000000000009')] }),
      buildUdp({ ...V6, extensions: [header(60, '00 00 05 02 0000 00 00'), header(0, '00 00 05 02 0000 00 00')] }),
      buildUdp({ ...V6, extensions: new Array(10).fill(header(135, '00 00 0000 00000000')) }),
    ],
    dropped: [1, 2, 3],
    events: ['ipv6.rh_type_0', 'ipv6.exthdr_misordered', 'ipv6.exthdr_too_many'],
  },
  {
    name: 'I14 data in an option that nobody knows, and behind "nothing follows"',
    packets: [
      buildUdp({ ...V6, payload: 'x', extensions: [header(60, '00 00 1e 04 61747461')] }),
      buildIp({ ...V6, protocol: 59, payload: 'attack' }),
    ],
    dropped: [],
    events: ['ipv6.dstopts_unknown_opt', 'ipv6.data_after_none_header'],
  },
  {
    name: 'I15 ICMP with a wrong checksum',
    packets: [buildIcmp({ ...V4, checksum: 1 }), buildIcmp({ ...V6, checksum: 1 })],
    dropped: [1, 2],
    events: ['icmpv4.invalid_checksum', 'icmpv6.invalid_checksum'],
  },
  // Routers send them, and the kernel decides whether to listen (`accept_redirects`, `icmp_echo_ignore_broadcasts`).
  {
    name: 'I15 a redirect, an error about an unknown connection, an echo request to everybody',
    packets: [
      buildIcmp({ ...V4, type: 5, code: 1, rest: 0x0a000009, payload: udp.subarray(0, 28) }),
      buildIcmp({ ...V4, type: 3, code: 3, payload: udp.subarray(0, 28) }),
      buildIcmp({ ...V4, destination: '255.255.255.255' }),
    ],
    dropped: [],
  },
  // More of them in layers.test.ts.
  {
    name: 'I16 tunnels: what is inside is inspected, three of them inside each other are too many',
    packets: [tunneled(udp, 1), tunneled(udp, 2), tunneled(udp, 3)],
    dropped: [3],
    events: ['too_many_layers'],
    alerts: 2,
  },
  {
    name: 'I17 a UDP length that is wrong',
    packets: [
      buildUdp({ ...V4, payload: 'attack', lengthBytes: 7 }),
      buildUdp({ ...V4, payload: 'attack', lengthBytes: 15 }),
    ],
    dropped: [1, 2],
    events: ['udp.len_invalid', 'udp.pkt_too_small'],
  },
  {
    name: 'I17 less than there is: the rest is no payload',
    packets: [buildUdp({ ...V4, payload: 'innocent attack', lengthBytes: 16, checksum: 0 })],
    dropped: [],
    events: ['udp.trailing_bytes'],
  },
  {
    name: 'I17 no checksum over IPv6, and a wrong one',
    packets: [buildUdp({ ...V6, checksum: 0 }), buildUdp({ ...V4, checksum: 1 })],
    dropped: [2],
    events: ['udp.ipv6_zero_checksum', 'udp.invalid_checksum'],
  },
];

describe('by default', () => {
  test.each(ROWS.map((row) => [row.name, row] as const))('%s', (_, { packets, dropped, events = [], alerts = 0 }) => {
    const played = playPackets(packets, { rules: RULE });
    expect(played.anomalies.map(({ event }) => event)).toEqual(events);
    expect(played.dropped).toEqual(dropped);
    expect(played.alerts).toHaveLength(alerts);
  });
});
