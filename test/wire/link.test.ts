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
    ['Cisco HDLC', LINK.ciscoHdlc, '0f00 TYPE', -1],
    ['PPPoE', LINK.ethernet, `${MACS} 8864 1100 0001 0040 PPP`, -1],
    ['PPPoE in a VLAN', LINK.ethernet, `${MACS} 8100 0007 8864 1100 0001 0040 PPP`, 7],
    ['MPLS, one label', LINK.ethernet, `${MACS} 8847 00010140`, -1],
    ['MPLS, three labels', LINK.ethernet, `${MACS} 8848 00010040 00020040 00030140`, -1],
    ['Ethernet behind MPLS', LINK.ethernet, `${MACS} 8847 00010140 00000000 ${MACS} TYPE`, -1],
    ['a provider backbone bridge', LINK.ethernet, `${MACS} 88e7 00000001 ${MACS} TYPE`, -1],
    ['VN-Tag', LINK.ethernet, `${MACS} 8926 00000000 TYPE`, -1],
    ['VN-Tag around a VLAN', LINK.ethernet, `${MACS} 8926 00000000 8100 0007 TYPE`, 7],
    ['FabricPath', LINK.ethernet, `${MACS} 8903 0001 ${MACS} TYPE`, -1],
    ['NSH', LINK.ethernet, `${MACS} 894f 0002 02 NSH 00000001`, -1],
    ['NSH with metadata', LINK.ethernet, `${MACS} 894f 0006 01 NSH 00000001 00112233445566778899aabbccddeeff`, -1],
    ['NSH around Ethernet', LINK.ethernet, `${MACS} 894f 0002 02 03 00000001 ${MACS} TYPE`, -1],
    ['NSH around MPLS', LINK.ethernet, `${MACS} 894f 0002 02 05 00000001 00010140`, -1],
  ])('%s', (_, linkType, header, vlanId) => {
    for (const [packet, version, type, ppp, nsh] of [
      [ipv4, 4, '0800', '0021', '01'],
      [ipv6, 6, '86dd', '0057', '02'],
    ] as const) {
      const prefix = header
        .replace('TYPE', type)
        .replace('PPP', ppp)
        .replace('SHORT', ppp.slice(2))
        .replace('NSH', nsh);
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
    [LINK.ciscoHdlc, 'chdlc.pkt_too_small', 4],
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
    ['PPPoE discovery', LINK.ethernet, `${MACS} 8863 1109 0000 0004 01010000`, null],
    ['ARP in a VLAN', LINK.ethernet, `${MACS} 8100 0064 0806 0001`, 'vlan.unknown_type'],
    ['ARP, cooked', LINK.linuxSll, '0000 0001 0006 020000000001 0000 0806 0001', null],
    ['PPP link control', LINK.ppp, 'ff03 c021 0101', 'ppp.unsup_proto'],
    ['PPP with encryption', LINK.ppp, 'ff03 00fd 9001', 'ppp.unsup_proto'],
  ] as const)('%s is no IP packet, and nothing is wrong with it', (_, linkType, bytes, event) => {
    const packet = decoded(hex(bytes), { linkType });
    expect(packet).toMatchObject({ ipVersion: 0, events: event === null ? [] : [event], isUnreadable: false });
    expect(event === null || ORDINARY_WIRE_EVENTS.has(event)).toBe(true);
  });

  test.each([
    ['8863 1199 0000 0000', 'pppoe.wrong_code', false],
    ['8863 1109 0000 0010 01010000', 'pppoe.malformed_tags', false],
    ['8863 1109 0000', 'pppoe.pkt_too_small', true],
    ['8864 1100 0001', 'pppoe.pkt_too_small', true],
    ['8847 00010040', 'mpls.header_too_small', true],
    ['8847 00010140 4500', 'mpls.pkt_too_small', true],
    ['8847 00001140', 'mpls.bad_label_router_alert', false],
    ['8847 00003140', 'mpls.bad_label_implicit_null', false],
    ['8847 00005140', 'mpls.bad_label_reserved', false],
    ['8847 00010140 15000000', 'mpls.unknown_payload_type', true],
    ['88e7 00000001', 'ieee8021ah.header_too_small', true],
    ['8926 0000', 'vntag.header_too_small', true],
    ['8926 00000000 0806 0001', 'vntag.unknown_type', false],
    ['8903 0001 0200', 'dce.pkt_too_small', true],
    ['894f 0002', 'nsh.header_too_small', true],
    ['894f 4002 02 01 00000001 45', 'nsh.unsupported_version', false],
    ['894f 0003 02 01 00000001 45', 'nsh.bad_header_length', true],
    ['894f 0001 02 01 00000001 45', 'nsh.bad_header_length', true],
    ['894f 0002 01 01 00000001 45', 'nsh.bad_header_length', true],
    ['894f 0002 00 01 00000001 45', 'nsh.reserved_type', false],
    ['894f 0002 03 01 00000001 45', 'nsh.unsupported_type', false],
    ['894f 0002 02 04 00000001 45', 'nsh.unknown_payload', false],
  ])('behind Ethernet, %s is %s', (rest, event, isUnreadable) => {
    expect(decoded(hex(`${MACS} ${rest}`), { linkType: LINK.ethernet })).toMatchObject({
      ipVersion: 0,
      events: [event],
      isUnreadable,
    });
  });

  test('carriers in carriers without end', () => {
    const layer = hex(`${MACS} 8847 00010140 00000000`);
    const bytes = new Uint8Array(Buffer.concat(new Array(17).fill(layer)));
    expect(decoded(bytes, { linkType: LINK.ethernet })).toMatchObject({ ipVersion: 0, events: ['too_many_layers'] });
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
