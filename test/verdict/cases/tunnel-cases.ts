import { LINK } from '../../../src/wire/packet.ts';
import { buildIp, buildUdp } from '../../support/packets.ts';
import { bytesOf, type CheckCase, type CheckCases } from './check-case.ts';

const V4 = { source: '192.0.2.1', destination: '192.0.2.2' } as const;
const V6 = { source: '2001:db8::1', destination: '2001:db8::2' } as const;
const IP_IN_IP = 4;
const IPV6_IN_IP = 41;
const GRE = 47;
const ESP = 50;

const inner4 = buildUdp({ source: '198.51.100.1', destination: '198.51.100.2', payload: 'x'.repeat(40) });
const inner6 = buildUdp({ source: 'fd00::1', destination: 'fd00::2', payload: 'inside' });

const inIpv6 = (protocol: number, fails: Uint8Array, arrives: Uint8Array): CheckCase => ({
  fails: [buildIp({ ...V6, protocol, payload: fails })],
  arrives: [buildIp({ ...V6, protocol, payload: arrives })],
});

const gre = (...parts: readonly (string | Uint8Array)[]): Uint8Array =>
  buildIp({ ...V4, protocol: GRE, payload: bytesOf(...parts) });
/** RFC 2784: nothing but the protocol. */
const PLAIN = '0000 0800';
const greVersion0 = (fails: string, arrives = PLAIN): CheckCase => ({
  fails: [gre(fails, inner4)],
  arrives: [gre(arrives, inner4)],
});
/** RFC 2637 §4.1: key and sequence number, and in them the length. */
const pptp = (header: string): Uint8Array => gre(header, '0021', inner4);
const greVersion1 = (fails: string): CheckCase => ({
  fails: [pptp(fails)],
  arrives: [pptp('3001 880b 00040001 00000002')],
});

const layers = (count: number): Uint8Array =>
  Array.from({ length: count }).reduce<Uint8Array>(
    (inside) => buildIp({ ...V4, protocol: IP_IN_IP, payload: inside }),
    inner4,
  );

/** By the name of the check. */
export const TUNNEL_CASES: CheckCases = {
  'ppp.ip4_pkt_too_small': {
    fails: [bytesOf('0021', inner4.subarray(0, 19))],
    arrives: [bytesOf('0021', inner4)],
    linkType: LINK.ppp,
  },
  'ppp.ip6_pkt_too_small': {
    fails: [bytesOf('0057', inner6.subarray(0, 39))],
    arrives: [bytesOf('0057', inner6)],
    linkType: LINK.ppp,
  },
  'ipv6.ipv4_in_ipv6_too_small': inIpv6(IP_IN_IP, inner4.subarray(0, 19), inner4),
  'ipv6.ipv4_in_ipv6_wrong_version': inIpv6(IP_IN_IP, inner6, inner4),
  'ipv6.ipv6_in_ipv6_too_small': inIpv6(IPV6_IN_IP, inner6.subarray(0, 39), inner6),
  'ipv6.ipv6_in_ipv6_wrong_version': inIpv6(IPV6_IN_IP, inner4, inner6),
  'gre.pkt_too_small': { fails: [gre('0000 08')], arrives: [gre('0000 6003')] },
  'gre.wrong_version': greVersion0('0002 0800'),
  'gre.version0_recur': greVersion0('0100 0800'),
  'gre.version0_flags': greVersion0('0008 0800'),
  'gre.version0_hdr_too_big': {
    fails: [gre('b000 0800 00000000 00000001')],
    arrives: [gre('b000 6003 00000000 00000001 00000002')],
  },
  'gre.version0_malformed_sre_hdr': {
    fails: [gre('4000 0800 00000000 0800 0004 0a0000')],
    arrives: [gre('4000 0800 00000000 0800 0004 0a000001 00000000', inner4)],
  },
  'erspan.header_too_small': {
    fails: [gre('1000 88be 00000001 1007 0005')],
    arrives: [gre('1000 88be 00000001 1007 0005 00000012 020000000002 020000000001 0800', inner4)],
  },
  'gre.version1_chksum': greVersion1('b001 880b 00040001 00000002'),
  'gre.version1_route': greVersion1('7001 880b 00040001 00000002'),
  'gre.version1_ssr': greVersion1('3801 880b 00040001 00000002'),
  'gre.version1_recur': greVersion1('3101 880b 00040001 00000002'),
  'gre.version1_flags': greVersion1('3009 880b 00040001 00000002'),
  'gre.version1_no_key': greVersion1('1001 880b 00040001 00000002'),
  'gre.version1_wrong_protocol': greVersion1('3001 0800 00040001 00000002'),
  'gre.version1_hdr_too_big': {
    fails: [gre('3081 880b 00040001 00000002')],
    arrives: [gre('2081 880b 00000001 00000003')],
  },
  too_many_layers: { fails: [layers(3)], arrives: [layers(2)] },
  'esp.pkt_too_small': {
    fails: [buildIp({ ...V4, protocol: ESP, payload: new Uint8Array(7) })],
    arrives: [buildIp({ ...V4, protocol: ESP, payload: new Uint8Array(8) })],
  },
};
