import { describe, expect, test } from 'vitest';
import { CHECKSUM } from '../../src/wire/packet.ts';
import { buildIcmp, buildIp, buildUdp, hex } from '../support/packets.ts';
import { decoded, payloadOf } from './decoded.ts';

const V6 = { source: 'fe80::1', destination: 'fe80::2' } as const;

describe('ICMP', () => {
  test('the fields of an echo request', () => {
    const packet = decoded(buildIcmp({ type: 8, payload: 'ping' }));
    expect(packet).toMatchObject({ protocol: 1, icmpType: 8, icmpCode: 0, sourcePort: 0, events: [] });
    expect(Buffer.from(payloadOf(packet)).toString()).toBe('ping');
  });

  test('a message that is cut', () => {
    for (let length = 0; length < 8; length++) {
      const bytes = buildIp({ protocol: 1, payload: hex('0800f7ff00000000').subarray(0, length) });
      expect(decoded(bytes)).toMatchObject({ events: ['icmpv4.pkt_too_small'], isUnreadable: true, icmpType: 0 });
    }
    const whole = buildIcmp();
    expect(decoded(whole.subarray(0, 24), { wireBytes: 28 }).events).toEqual(['capture.trunc_pkt']);
  });

  test.each([
    [0, 0, []],
    [0, 1, ['icmpv4.unknown_code']],
    [8, 1, ['icmpv4.unknown_code']],
    [9, 16, []],
    [13, 0, []],
    [17, 0, []],
    [40, 5, []],
    [42, 0, []],
    [1, 0, ['icmpv4.unknown_type']],
    [7, 0, ['icmpv4.unknown_type']],
    [255, 255, ['icmpv4.unknown_type']],
  ])('type %i, code %i', (type, code, events) => {
    expect(decoded(buildIcmp({ type, code })).events).toEqual(events);
  });

  test('an error message about a packet', () => {
    const about = buildUdp().subarray(0, 28);
    for (const [type, code] of [
      [3, 4],
      [3, 15],
      [5, 3],
      [11, 1],
      [12, 2],
    ] as const) {
      expect(decoded(buildIcmp({ type, code, payload: about }))).toMatchObject({
        events: [],
        icmpType: type,
        icmpCode: code,
      });
      expect(decoded(buildIcmp({ type, code, payload: about.subarray(0, 19) })).events).toEqual([
        'icmpv4.ipv4_trunc_pkt',
      ]);
      const other = about.slice();
      other[0] = 0x65;
      expect(decoded(buildIcmp({ type, code, payload: other })).events).toEqual(['icmpv4.ipv4_unknown_ver']);
    }
    const whole = buildIcmp({ type: 3, payload: about });
    expect(decoded(whole.subarray(0, 30), { wireBytes: whole.length }).events).toEqual(['capture.trunc_pkt']);
    expect(decoded(whole.subarray(0, 28), { wireBytes: whole.length }).events).toEqual(['capture.trunc_pkt']);
  });

  test('the checksum', () => {
    for (const payload of ['', 'odd', 'even']) expect(decoded(buildIcmp({ payload })).events).toEqual([]);
    const wrong = buildIcmp({ checksum: 0x1234 });
    expect(decoded(wrong)).toMatchObject({ events: ['icmpv4.invalid_checksum'], hasBadChecksum: true });
    expect(decoded(wrong, { checksum: CHECKSUM.notReady })).toMatchObject({ events: [], hasBadChecksum: false });
  });
});

describe('ICMPv6', () => {
  test('the fields of a neighbour solicitation', () => {
    const packet = decoded(buildIcmp({ ...V6, type: 135, ttl: 255, payload: new Uint8Array(16) }));
    expect(packet).toMatchObject({ protocol: 58, icmpType: 135, icmpCode: 0, payloadBytes: 16, events: [] });
  });

  test('a message that is cut', () => {
    for (let length = 0; length < 8; length++) {
      const bytes = buildIp({ ...V6, protocol: 58, payload: hex('8000000000000000').subarray(0, length) });
      expect(decoded(bytes)).toMatchObject({ events: ['icmpv6.pkt_too_small'], isUnreadable: true });
    }
  });

  test.each([
    [128, 0, 64, []],
    [128, 1, 64, ['icmpv6.unknown_code']],
    [133, 0, 255, []],
    [143, 0, 1, []],
    [143, 0, 64, ['icmpv6.mld_message_with_invalid_hl']],
    [130, 0, 2, ['icmpv6.mld_message_with_invalid_hl']],
    [132, 0, 1, []],
    [133, 0, 64, []],
    [150, 0, 64, ['icmpv6.unknown_type']],
    [255, 0, 64, ['icmpv6.unassigned_type']],
    [99, 0, 64, ['icmpv6.unassigned_type']],
    [100, 7, 64, ['icmpv6.experimentation_type']],
    [200, 0, 64, ['icmpv6.experimentation_type']],
  ])('type %i, code %i, hop limit %i', (type, code, ttl, events) => {
    expect(decoded(buildIcmp({ ...V6, type, code, ttl })).events).toEqual(events);
  });

  test('an error message about a packet', () => {
    const about = buildUdp(V6);
    for (const type of [1, 2, 3, 4]) {
      expect(decoded(buildIcmp({ ...V6, type, payload: about })).events).toEqual([]);
      expect(decoded(buildIcmp({ ...V6, type, payload: about.subarray(0, 39) })).events).toEqual([
        'icmpv6.ipv6_trunc_pkt',
      ]);
      const other = about.slice();
      other[0] = 0x45;
      expect(decoded(buildIcmp({ ...V6, type, payload: other })).events).toEqual(['icmpv6.ipv6_unknown_version']);
    }
  });

  test('the checksum covers the addresses', () => {
    expect(decoded(buildIcmp({ ...V6, payload: 'odd' })).events).toEqual([]);
    const bytes = buildIcmp(V6);
    bytes[39]! ^= 1;
    expect(decoded(bytes)).toMatchObject({ events: ['icmpv6.invalid_checksum'], hasBadChecksum: true });
  });
});

describe('SCTP', () => {
  const header = hex('9c40 0050 00000001 00000000');

  test('ports and payload', () => {
    const packet = decoded(buildIp({ protocol: 132, payload: new Uint8Array([...header, 1, 2, 3]) }));
    expect(packet).toMatchObject({ sourcePort: 40_000, destinationPort: 80, payloadBytes: 3, events: [] });
  });

  test('a header that is cut', () => {
    for (let length = 0; length < 12; length++) {
      const bytes = buildIp({ protocol: 132, payload: header.subarray(0, length) });
      expect(decoded(bytes)).toMatchObject({ events: ['sctp.pkt_too_small'], isUnreadable: true, sourcePort: 0 });
    }
  });
});
