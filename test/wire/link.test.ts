import { describe, expect, test } from 'vitest';
import { ORDINARY_WIRE_EVENTS } from '../../src/wire/events.ts';
import { LINK, type LinkType } from '../../src/wire/packet.ts';
import { buildTcp, hex } from '../support/packets.ts';
import { decoded } from './decoded.ts';

const ipv4 = buildTcp({ payload: 'hello' });
const ipv6 = buildTcp({ source: 'fd00::1', destination: 'fd00::2', payload: 'hello' });
const behind = (header: string, packet: Uint8Array): Uint8Array => new Uint8Array(Buffer.concat([hex(header), packet]));

const MACS = '020000000002 020000000001';

describe('link headers', () => {
  test.each<[string, LinkType, string, number]>([
    ['raw IP', LINK.rawIp, '', -1],
    ['Ethernet', LINK.ethernet, `${MACS} TYPE`, -1],
    ['802.1Q', LINK.ethernet, `${MACS} 8100 a064 TYPE`, 100],
    ['802.1ad around 802.1Q', LINK.ethernet, `${MACS} 88a8 0005 8100 0064 TYPE`, 5],
    ['QinQ with the number from before 802.1ad', LINK.ethernet, `${MACS} 9100 0005 8100 0064 TYPE`, 5],
    ['three tags', LINK.ethernet, `${MACS} 88a8 0fff 88a8 0002 8100 0003 TYPE`, 4095],
    ['Linux cooked', LINK.linuxSll, '0000 0001 0006 020000000001 0000 TYPE', -1],
    ['Linux cooked, tagged', LINK.linuxSll, '0000 0001 0006 020000000001 0000 8100 0007 TYPE', 7],
    ['Linux cooked 2', LINK.linuxSll2, 'TYPE 0000 00000002 0001 00 06 020000000001 0000', -1],
    ['Linux cooked 2, tagged', LINK.linuxSll2, '8100 0000 00000002 0001 00 06 020000000001 0000 0007 TYPE', 7],
    ['PPP', LINK.ppp, 'PPP', -1],
    ['PPP with address and control', LINK.ppp, 'ff03 PPP', -1],
    ['PPP with a short protocol', LINK.ppp, 'SHORT', -1],
  ])('%s', (_, linkType, header, vlanId) => {
    for (const [packet, version, type, ppp] of [
      [ipv4, 4, '0800', '0021'],
      [ipv6, 6, '86dd', '0057'],
    ] as const) {
      const prefix = header.replace('TYPE', type).replace('PPP', ppp).replace('SHORT', ppp.slice(2));
      const bytes = behind(prefix, packet);
      const ipStart = bytes.length - packet.length;
      expect(decoded(bytes, { linkType })).toMatchObject({
        ipVersion: version,
        vlanId,
        ipStart,
        ipEnd: bytes.length,
        sourcePort: 40_000,
        events: [],
      });
      // Every shorter frame is too short for something.
      for (let length = 0; length < bytes.length; length++) {
        const cut = decoded(bytes.subarray(0, length), { linkType });
        expect(cut.events.length, `cut at ${length}`).toBe(1);
        expect(cut.isUnreadable).toBe(true);
      }
    }
  });

  test.each([
    ['00000002', ipv4, 4],
    ['02000000', ipv4, 4],
    ['0000000a', ipv6, 6],
    ['00000018', ipv6, 6],
    ['1c000000', ipv6, 6],
    ['0000001e', ipv6, 6],
    ['1e000000', ipv6, 6],
  ])('BSD loopback with the address family %s', (family, packet, ipVersion) => {
    const result = decoded(behind(family, packet), { linkType: LINK.loopback });
    expect(result).toMatchObject({ ipVersion, events: [], isUnreadable: false });
  });

  test('BSD loopback with another address family', () => {
    const result = decoded(behind('00000017', ipv4), { linkType: LINK.loopback });
    expect(result).toMatchObject({ ipVersion: 0, events: ['ltnull.unsupported_type'], isUnreadable: false });
  });

  test.each<[LinkType, string, number]>([
    [LINK.ethernet, 'ethernet.pkt_too_small', 14],
    [LINK.linuxSll, 'sll.pkt_too_small', 16],
    [LINK.linuxSll2, 'sll2.pkt_too_small', 20],
    [LINK.loopback, 'ltnull.pkt_too_small', 4],
    [LINK.ppp, 'ppp.pkt_too_small', 2],
    [LINK.rawIp, 'ipv4.pkt_too_small', 1],
  ])('too short for link type %i: %s', (linkType, event, headerBytes) => {
    for (let length = 0; length < headerBytes; length++) {
      const bytes = new Uint8Array(length);
      expect(decoded(bytes, { linkType })).toMatchObject({ ipVersion: 0, events: [event], isUnreadable: true });
      expect(decoded(bytes, { linkType, wireBytes: 1500 }).events).toEqual(['capture.trunc_pkt']);
    }
  });

  test('a PPP frame of nothing but address and control', () => {
    expect(decoded(hex('ff03'), { linkType: LINK.ppp }).events).toEqual(['ppp.pkt_too_small']);
    expect(decoded(hex('ff0300'), { linkType: LINK.ppp }).events).toEqual(['ppp.pkt_too_small']);
  });

  test('a VLAN tag that is cut, and one too many', () => {
    const linkType = LINK.ethernet;
    for (const tag of ['', '00', '0064', '006408']) {
      const bytes = hex(`${MACS} 8100 ${tag}`);
      expect(decoded(bytes, { linkType }).events).toEqual(['vlan.header_too_small']);
      expect(decoded(bytes, { linkType, wireBytes: 60 }).events).toEqual(['capture.trunc_pkt']);
    }
    const bytes = behind(`${MACS} 8100 0001 8100 0002 8100 0003 8100 0004 0800`, ipv4);
    expect(decoded(bytes, { linkType })).toMatchObject({ ipVersion: 0, vlanId: 1, events: ['vlan.too_many_layers'] });
  });

  test.each([
    ['ARP', LINK.ethernet, `${MACS} 0806 0001080006040001`, 'ethernet.unknown_ethertype'],
    ['LLDP', LINK.ethernet, '0180c200000e 020000000001 88cc 0207', 'ethernet.unknown_ethertype'],
    ['an 802.3 frame with a length', LINK.ethernet, `${MACS} 0026 424203`, 'ethernet.unknown_ethertype'],
    ['MPLS', LINK.ethernet, `${MACS} 8847 00010140`, null],
    ['ARP in a VLAN', LINK.ethernet, `${MACS} 8100 0064 0806 0001`, 'vlan.unknown_type'],
    ['ARP, cooked', LINK.linuxSll, '0000 0001 0006 020000000001 0000 0806 0001', null],
    ['PPP link control', LINK.ppp, 'ff03 c021 0101', 'ppp.unsup_proto'],
    ['PPP with encryption', LINK.ppp, 'ff03 00fd 9001', 'ppp.unsup_proto'],
  ] as const)('%s is no IP packet, and nothing is wrong with it', (_, linkType, bytes, event) => {
    const packet = decoded(hex(bytes), { linkType });
    expect(packet).toMatchObject({ ipVersion: 0, events: event === null ? [] : [event], isUnreadable: false });
    expect(event === null || ORDINARY_WIRE_EVENTS.has(event)).toBe(true);
  });

  test('PPP with a protocol that nobody registered', () => {
    expect(decoded(hex('ff03 00ff 45'), { linkType: LINK.ppp })).toMatchObject({ events: ['ppp.wrong_type'] });
  });

  test.each([
    ['0021', ipv4, 'ppp.ip4_pkt_too_small', 20],
    ['0057', ipv6, 'ppp.ip6_pkt_too_small', 40],
  ] as const)('PPP with the protocol %s and less than a header', (protocol, packet, event, headerBytes) => {
    const frame = behind(protocol, packet.subarray(0, headerBytes - 1));
    expect(decoded(frame, { linkType: LINK.ppp })).toMatchObject({ events: [event], isUnreadable: true });
    expect(decoded(frame, { linkType: LINK.ppp, wireBytes: 1500 }).events).toEqual(['capture.trunc_pkt']);
  });

  test('raw IP of another version', () => {
    for (const first of ['00', '10', '50', '70', 'f0']) {
      const bytes = behind(first, ipv4.subarray(1));
      expect(decoded(bytes).events).toEqual(['ipraw.invalid_ip_version']);
    }
  });

  test('an Ethernet frame padded to 60 bytes: padding is not payload', () => {
    const short = buildTcp({ payload: 'x', ethernet: true });
    const bytes = new Uint8Array(60).fill(0xee);
    bytes.set(short);
    const packet = decoded(bytes, { linkType: LINK.ethernet });
    expect(packet).toMatchObject({ events: [], ipEnd: short.length, payloadEnd: short.length, payloadBytes: 1 });
  });
});
