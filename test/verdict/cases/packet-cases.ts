import { MAX_EXTENSION_HEADERS } from '../../../src/wire/ipv6.ts';
import { LINK, type LinkType } from '../../../src/wire/packet.ts';
import { buildIcmp, buildIp, buildTcp, buildUdp, type IpFields } from '../../support/packets.ts';
import { bytesOf, type CheckCase, type CheckCases } from './check-case.ts';

const V4 = { source: '192.0.2.1', destination: '192.0.2.2' } as const;
const V6 = { source: '2001:db8::1', destination: '2001:db8::2' } as const;
/** For experiments (RFC 3692): nobody looks behind the IP header. */
const EXPERIMENT = 253;

const single = (fails: Uint8Array, arrives: Uint8Array, linkType: LinkType = LINK.rawIp): CheckCase => ({
  fails: [fails],
  arrives: [arrives],
  linkType,
});

/** The packet with these bytes at these places. */
function patched(packet: Uint8Array, changes: Readonly<Record<number, number>>): Uint8Array {
  const copy = packet.slice();
  for (const [at, value] of Object.entries(changes)) copy[Number(at)] = value;
  return copy;
}

const ipv4 = buildUdp({ ...V4, payload: 'payload' });
const ipv6 = buildUdp({ ...V6, payload: 'payload' });
const framed = (header: string): Uint8Array => bytesOf(header, ipv4);
const SLL = '0000 0001 0006 020000000001 0000 0800';
const SLL2 = '0800 0000 00000002 0001 00 06 020000000001 0000';

const LINK_CASES: CheckCases = {
  'ethernet.pkt_too_small': single(
    buildUdp({ ...V4, ethernet: true }).subarray(0, 13),
    buildUdp({ ...V4, ethernet: true }),
    LINK.ethernet,
  ),
  'vlan.header_too_small': single(
    buildUdp({ ...V4, vlans: [5] }).subarray(0, 17),
    buildUdp({ ...V4, vlans: [5] }),
    LINK.ethernet,
  ),
  'sll.pkt_too_small': single(framed(SLL).subarray(0, 15), framed(SLL), LINK.linuxSll),
  'sll2.pkt_too_small': single(framed(SLL2).subarray(0, 19), framed(SLL2), LINK.linuxSll2),
  'ltnull.pkt_too_small': single(framed('02000000').subarray(0, 3), framed('02000000'), LINK.loopback),
  'ppp.pkt_too_small': single(framed('0021').subarray(0, 1), framed('0021'), LINK.ppp),
  'ipraw.invalid_ip_version': single(patched(ipv4, { 0: 0x55 }), ipv4),
};

const from = (source: string, destination: string): Uint8Array => buildUdp({ source, destination });
const options = (...bytes: number[]): Uint8Array => buildUdp({ ...V4, ipOptions: Uint8Array.from(bytes) });
/** Record route, RFC 791 §3.1: length, and where the next address goes. */
const recordRoute = (length: number, pointer: number): Uint8Array => options(7, length, pointer, 0, 0, 0, 0, 0);
const inEthernet = buildUdp({ ...V4, ethernet: true });

const IPV4_CASES: CheckCases = {
  'ipv4.pkt_too_small': single(ipv4.subarray(0, 19), buildIp({ ...V4, protocol: EXPERIMENT })),
  'ipv4.wrong_ip_version': single(patched(inEthernet, { 14: 0x65 }), inEthernet, LINK.ethernet),
  'ipv4.hlen_too_small': single(patched(ipv4, { 0: 0x44 }), ipv4),
  'ipv4.iplen_smaller_than_hlen': single(
    patched(ipv4, { 3: 19 }),
    bytesOf(buildIp({ ...V4, protocol: EXPERIMENT }), new Uint8Array(7)),
  ),
  'ipv4.trunc_pkt': single(ipv4.subarray(0, -1), bytesOf(ipv4, '00')),
  'ipv4.invalid_checksum': single(patched(ipv4, { 11: ipv4[11]! ^ 1 }), ipv4),
  'ipv4.opt_invalid_len': single(recordRoute(40, 4), recordRoute(7, 4)),
  'ipv4.opt_malformed': single(recordRoute(7, 3), recordRoute(7, 4)),
  'ipv4.opt_source_route': single(options(0x83, 7, 4, 192, 0, 2, 9, 0), recordRoute(7, 4)),
  'ipv4.src_multicast': single(from('224.0.0.1', '192.0.2.2'), from('192.0.2.1', '224.0.0.1')),
  'ipv4.src_broadcast': single(from('255.255.255.255', '192.0.2.2'), from('192.0.2.1', '255.255.255.255')),
  'ipv4.src_loopback': single(from('127.0.0.1', '192.0.2.2'), from('127.0.0.1', '127.0.0.2')),
  'ipv4.same_src_dst': single(from('192.0.2.1', '192.0.2.1'), from('192.0.2.1', '192.0.2.2')),
};

const extension = (protocol: number, bytes: string) => ({ protocol, bytes: bytesOf(bytes) });
// Next header, filled in by the builder, and length in units of eight bytes beyond the first eight (RFC 8200 §4).
const hopByHop = extension(0, '00 00 05 02 0000 00 00');
const routing = extension(43, '00 02 02 00 00000000 20010db8000000000000000000000009');
const atomic = extension(44, '00 00 0000 00000007');
const authentication = extension(51, '00 04 0000 00000001 00000001 000000000000000000000000');
const dstopts = extension(60, '00 00 01 04 00000000');
const mobility = extension(135, '00 00 0000 00000000');
const chain = (...extensions: NonNullable<IpFields['extensions']>[number][]): Uint8Array =>
  buildUdp({ ...V6, extensions, payload: 'payload' });
const ipv6InEthernet = buildUdp({ ...V6, ethernet: true });
const many = Array.from({ length: MAX_EXTENSION_HEADERS }, () => mobility);
const firstFragment = (bytes: number): Uint8Array =>
  buildIp({ ...V6, protocol: 17, moreFragments: true, payload: new Uint8Array(bytes).fill(0x41) });

const IPV6_CASES: CheckCases = {
  'ipv6.pkt_too_small': single(ipv6.subarray(0, 39), buildIp({ ...V6, protocol: 59 })),
  'ipv6.wrong_ip_version': single(patched(ipv6InEthernet, { 14: 0x40 }), ipv6InEthernet, LINK.ethernet),
  'ipv6.trunc_pkt': single(ipv6.subarray(0, -1), bytesOf(ipv6, '00')),
  'ipv6.trunc_exthdr': single(chain(extension(0, '00 09 05 02 0000 00 00')), chain(hopByHop)),
  'ipv6.exthdr_too_many': single(chain(...many, mobility), chain(...many)),
  'ipv6.exthdr_misordered': single(chain(dstopts, hopByHop), chain(hopByHop, dstopts)),
  'ipv6.exthdr_dupl_hh': single(chain(hopByHop, hopByHop), chain(hopByHop)),
  'ipv6.exthdr_dupl_dh': single(chain(dstopts, dstopts, dstopts), chain(dstopts, routing, dstopts)),
  'ipv6.exthdr_dupl_rh': single(chain(routing, routing), chain(routing)),
  'ipv6.exthdr_dupl_fh': single(chain(atomic, atomic), chain(atomic)),
  'ipv6.exthdr_dupl_ah': single(chain(authentication, authentication), chain(authentication)),
  'ipv6.exthdr_invalid_optlen': single(
    chain(extension(0, '00 00 3e 05 00 00 00 00')),
    chain(extension(0, '00 00 3e 04 00 00 00 00')),
  ),
  'ipv6.frag_invalid_length': single(firstFragment(1001), firstFragment(1000)),
  'ipv6.rh_type_0': single(
    chain(extension(43, '00 02 00 01 00000000 20010db8000000000000000000000009')),
    chain(routing),
  ),
  'ipv6.src_multicast': single(from('ff02::1', '2001:db8::2'), from('fe80::1', 'ff02::1')),
  'ipv6.src_loopback': single(from('::1', '2001:db8::2'), from('::1', '::1')),
  'ipv6.same_src_dst': single(from('2001:db8::1', '2001:db8::1'), from('2001:db8::1', '2001:db8::2')),
};

const flags = (text: string | number): Uint8Array => buildTcp({ ...V4, flags: text });
const raw = (protocol: number, bytes: number, fields: object = V4): Uint8Array =>
  buildIp({ ...V4, ...fields, protocol, payload: new Uint8Array(bytes).fill(1) });
const tcp = buildTcp(V4);
const TCP_OFFSET = 32;

const TRANSPORT_CASES: CheckCases = {
  'tcp.pkt_too_small': single(raw(6, 19), tcp),
  'tcp.hlen_too_small': single(patched(tcp, { [TCP_OFFSET]: 0x40 }), tcp),
  'tcp.invalid_optlen': single(patched(tcp, { [TCP_OFFSET]: 0x60 }), tcp),
  'tcp.opt_invalid_len': single(
    buildTcp({ ...V4, flags: 'S', options: Uint8Array.of(2, 9, 5, 180) }),
    buildTcp({ ...V4, flags: 'S', options: Uint8Array.of(2, 4, 5, 180) }),
  ),
  'tcp.no_flags': single(flags(0), flags('A')),
  'tcp.syn_fin': single(flags('SF'), flags('SEC')),
  'tcp.syn_rst': single(flags('SR'), flags('R')),
  'tcp.rst_fin': single(flags('RF'), flags('FA')),
  'tcp.port_zero': single(buildTcp({ ...V4, sourcePort: 0 }), buildTcp({ ...V4, sourcePort: 1 })),
  'tcp.invalid_checksum': single(buildTcp({ ...V4, checksum: 1 }), tcp),
  'udp.hlen_too_small': single(raw(17, 7), buildUdp(V4)),
  'udp.pkt_too_small': single(
    buildUdp({ ...V4, payload: 'ab', lengthBytes: 11, checksum: 0 }),
    buildUdp({ ...V4, payload: 'ab', lengthBytes: 9, checksum: 0 }),
  ),
  'udp.len_invalid': single(
    buildUdp({ ...V4, lengthBytes: 7, checksum: 0 }),
    buildUdp({ ...V4, lengthBytes: 8, checksum: 0 }),
  ),
  'udp.port_zero': single(buildUdp({ ...V4, destinationPort: 0 }), buildUdp({ ...V4, destinationPort: 1 })),
  'udp.invalid_checksum': single(buildUdp({ ...V4, checksum: 1 }), buildUdp({ ...V4, checksum: 0 })),
  'icmpv4.pkt_too_small': single(raw(1, 3), buildIcmp(V4)),
  'icmpv4.invalid_checksum': single(buildIcmp({ ...V4, checksum: 1 }), buildIcmp(V4)),
  'icmpv6.pkt_too_small': single(raw(58, 3, V6), buildIcmp(V6)),
  'icmpv6.invalid_checksum': single(buildIcmp({ ...V6, checksum: 1 }), buildIcmp(V6)),
  'sctp.pkt_too_small': single(raw(132, 11), raw(132, 12)),
};

/** By the name of the check. */
export const PACKET_CASES: CheckCases = { ...LINK_CASES, ...IPV4_CASES, ...IPV6_CASES, ...TRANSPORT_CASES };
