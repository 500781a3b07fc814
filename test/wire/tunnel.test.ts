import { describe, expect, test } from 'vitest';
import { LINK, NO_TUNNEL } from '../../src/wire/packet.ts';
import { buildIp, buildUdp, hex } from '../support/packets.ts';
import { decoded } from './decoded.ts';

const V6 = { source: 'fd00::1', destination: 'fd00::2' } as const;
const inner4 = buildUdp({ source: '192.0.2.1', destination: '192.0.2.2', payload: 'inside' });
const inner6 = buildUdp({ ...V6, payload: 'inside' });
const joined = (...parts: readonly (string | Uint8Array)[]): Uint8Array =>
  new Uint8Array(Buffer.concat(parts.map((part) => (typeof part === 'string' ? hex(part) : part))));
const gre = (header: string, payload: Uint8Array = inner4): Uint8Array =>
  buildIp({ protocol: 47, payload: joined(header, payload) });

/** The bytes in the tunnel, null where there is none. */
function inTunnel(bytes: Uint8Array): { link: number; bytes: Uint8Array } | null {
  const packet = decoded(bytes);
  expect(packet.events).toEqual([]);
  if (packet.tunnelLink === NO_TUNNEL) return null;
  expect(packet.tunnelWireEnd).toBe(packet.tunnelEnd);
  return { link: packet.tunnelLink, bytes: packet.bytes.slice(packet.tunnelStart, packet.tunnelEnd) };
}

describe('IP in IP', () => {
  test.each([
    ['IPv4 in IPv4', {}, 4, inner4],
    ['IPv6 in IPv4', {}, 41, inner6],
    ['IPv4 in IPv6', V6, 4, inner4],
    ['IPv6 in IPv6', V6, 41, inner6],
  ] as const)('%s', (_, addresses, protocol, inner) => {
    const bytes = buildIp({ ...addresses, protocol, payload: inner });
    expect(inTunnel(bytes)).toEqual({ link: LINK.rawIp, bytes: inner });
  });

  test.each([
    ['ipv4.pkt_too_small', {}, 4, inner4.subarray(0, 19)],
    ['ipv6.pkt_too_small', {}, 41, inner6.subarray(0, 39)],
    ['ipv4.wrong_ip_version', {}, 4, inner6],
    ['ipv6.wrong_ip_version', {}, 41, buildUdp({ payload: 'x'.repeat(40) })],
    ['ipv6.ipv4_in_ipv6_too_small', V6, 4, inner4.subarray(0, 19)],
    ['ipv6.ipv6_in_ipv6_too_small', V6, 41, inner6.subarray(0, 39)],
    ['ipv6.ipv4_in_ipv6_wrong_version', V6, 4, inner6],
    ['ipv6.ipv6_in_ipv6_wrong_version', V6, 41, buildUdp({ payload: 'x'.repeat(40) })],
  ] as const)('%s', (event, addresses, protocol, payload) => {
    const packet = decoded(buildIp({ ...addresses, protocol, payload }));
    expect(packet).toMatchObject({ events: [event], isUnreadable: true, tunnelLink: NO_TUNNEL });
  });

  test('of what the capture cut, the rest', () => {
    const bytes = buildIp({ protocol: 4, payload: inner4 });
    const packet = decoded(bytes.subarray(0, 45), { wireBytes: bytes.length });
    expect(packet).toMatchObject({ tunnelLink: LINK.rawIp, tunnelStart: 20, tunnelEnd: 45 });
    expect(packet.tunnelWireEnd).toBe(bytes.length);
  });
});

describe('GRE', () => {
  test.each([
    ['no options', '0000 0800', inner4, LINK.rawIp],
    ['IPv6', '0000 86dd', inner6, LINK.rawIp],
    ['checksum', '8000 0800 00000000', inner4, LINK.rawIp],
    ['key and sequence number', '3000 0800 00000001 00000002', inner4, LINK.rawIp],
    ['Ethernet', '0000 6558', joined('020000000002 020000000001 0800', inner4), LINK.ethernet],
    [
      'a mirrored frame',
      '1000 88be 00000001',
      joined('1007 0005 00000012 020000000002 020000000001 0800', inner4),
      LINK.ethernet,
      8,
    ],
    ['a mirrored frame of type I', '0000 88be', joined('020000000002 020000000001 0800', inner4), LINK.ethernet],
    ['source routes', '4000 0800 00000000 0800 0004 0a000001 00000000', inner4, LINK.rawIp],
    ['version 1', '3001 880b 00040001 00000002', joined('0021', inner4), LINK.ppp],
    ['version 1 with an acknowledgement', '3081 880b 00040001 00000002 00000003', joined('0021', inner4), LINK.ppp],
  ])('%s', (_, header, payload, link, headerBytes = 0) => {
    expect(inTunnel(gre(header, payload))).toEqual({ link, bytes: payload.subarray(headerBytes) });
  });

  test('what carries nothing that is read', () => {
    expect(inTunnel(gre('0000 0806'))).toBeNull();
    expect(inTunnel(gre('2081 880b 00000001 00000003', new Uint8Array(0)))).toBeNull();
  });

  test.each([
    ['gre.pkt_too_small', '0000 08'],
    ['gre.wrong_version', '0002 0800'],
    ['gre.version0_recur', '0100 0800'],
    ['gre.version0_flags', '0008 0800'],
    ['gre.version0_hdr_too_big', 'b000 0800 00000000 00000000'],
    ['gre.version0_malformed_sre_hdr', '4000 0800 00000000 0800 00'],
    ['gre.version0_malformed_sre_hdr', '4000 0800 00000000 0800 0004 0a0000'],
    ['gre.version1_chksum', 'b001 880b 00040001 00000002'],
    ['gre.version1_route', '7001 880b 00040001 00000002'],
    ['gre.version1_ssr', '3801 880b 00040001 00000002'],
    ['gre.version1_recur', '3101 880b 00040001 00000002'],
    ['gre.version1_flags', '3009 880b 00040001 00000002'],
    ['gre.version1_no_key', '1001 880b 00040001 00000002'],
    ['gre.version1_wrong_protocol', '3001 0800 00040001 00000002'],
    ['gre.version1_hdr_too_big', '3081 880b 00040001 00000002'],
    ['erspan.header_too_small', '1000 88be 00000001 1007 0005'],
    ['erspan.unsupported_version', '1000 88be 00000001 2007 0005 00000012'],
  ])('%s', (event, header) => {
    expect(decoded(gre(header, new Uint8Array(0)))).toMatchObject({ events: [event], tunnelLink: NO_TUNNEL });
  });
});

describe('tunnels in UDP', () => {
  const frame = joined('020000000002 020000000001 0800', inner4);
  const udp = (destinationPort: number, ...payload: readonly (string | Uint8Array)[]): Uint8Array =>
    buildUdp({ destinationPort, payload: joined(...payload) });

  test.each([
    ['Teredo', udp(3544, inner6), inner6, LINK.rawIp],
    ['Teredo with the sender', udp(3544, '0000 ffff ffffffff', inner6), inner6, LINK.rawIp],
    ['VXLAN', udp(4789, '08000000 00002a00', frame), frame, LINK.ethernet],
    ['GENEVE', udp(6081, '00006558 00002a00', frame), frame, LINK.ethernet],
    ['GENEVE with options and IPv6', udp(6081, '010086dd 00002a00 01020304', inner6), inner6, LINK.rawIp],
  ])('%s', (_, bytes, inner, link) => {
    expect(inTunnel(bytes)).toEqual({ link, bytes: inner });
  });

  test('Teredo from the server', () => {
    expect(inTunnel(buildUdp({ sourcePort: 3544, destinationPort: 50_000, payload: inner6 }))).not.toBeNull();
  });

  test.each([
    ['Teredo: no IPv6', udp(3544, 'ff'.repeat(60))],
    ['Teredo: another length', udp(3544, inner6, '00')],
    ['Teredo: too short', udp(3544, inner6.subarray(0, 39))],
    ['VXLAN without a network', udp(4789, '00000000 00002a00', frame)],
    ['VXLAN with less than a frame', udp(4789, '08000000 00002a00 0200')],
    ['VXLAN with ARP', udp(4789, '08000000 00002a00 020000000002 020000000001 0806 0001')],
    ['GENEVE of another version', udp(6081, '40006558 00002a00', frame)],
    ['GENEVE whose options leave nothing', udp(6081, '3f006558 00002a00', frame.subarray(0, 20))],
    ['another port', udp(53, '08000000 00002a00', frame)],
  ])('%s is no tunnel', (_, bytes) => {
    expect(inTunnel(bytes)).toBeNull();
  });

  test('VXLAN and GENEVE with something that is not read', () => {
    const other = udp(4789, '08000000 00002a00 020000000002 020000000001 8847 0001');
    expect(decoded(other).events).toEqual(['vxlan.unknown_payload_type']);
    expect(decoded(udp(6081, '00008847 00002a00 0001')).events).toEqual(['geneve.unknown_payload_type']);
  });
});

test('every truncated tunnel gives a result', () => {
  const tunnels = [
    buildIp({ protocol: 4, payload: inner4 }),
    gre('7000 0800 00000000 00000001 00000002 0800 0004 0a000001 00000000'),
    gre('3081 880b 00040001 00000002 00000003', joined('0021', inner4)),
    buildUdp({ destinationPort: 4789, payload: joined('08000000 00002a00', inner4) }),
    buildUdp({ destinationPort: 6081, payload: joined('010086dd 00002a00 01020304', inner6) }),
  ];
  for (const bytes of tunnels) {
    for (let length = 0; length < bytes.length; length++) {
      for (const wireBytes of [length, bytes.length]) {
        const packet = decoded(bytes.subarray(0, length), { wireBytes });
        expect(packet.events.length, `cut at ${length}`).toBeGreaterThan(0);
        if (packet.tunnelLink === NO_TUNNEL) continue;
        expect(packet.tunnelStart).toBeGreaterThanOrEqual(packet.transportStart);
        expect(packet.tunnelEnd).toBeGreaterThanOrEqual(packet.tunnelStart);
        expect(packet.tunnelEnd).toBeLessThanOrEqual(packet.ipEnd);
      }
    }
  }
});
