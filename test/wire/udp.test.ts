import { describe, expect, test } from 'vitest';
import { CHECKSUM } from '../../src/wire/packet.ts';
import { buildIp, buildUdp, hex } from '../support/packets.ts';
import { decoded, payloadOf } from './decoded.ts';

const V6 = { source: 'fd00::1', destination: 'fd00::2' } as const;

describe.each([
  ['IPv4', {}],
  ['IPv6', V6],
])('UDP over %s', (_, addresses) => {
  test('the fields of a datagram', () => {
    const packet = decoded(buildUdp({ ...addresses, sourcePort: 65_535, payload: 'query' }));
    expect(packet).toMatchObject({ protocol: 17, sourcePort: 65_535, destinationPort: 53, events: [] });
    expect(Buffer.from(payloadOf(packet)).toString()).toBe('query');
  });

  test('a header that is cut', () => {
    for (let length = 0; length < 8; length++) {
      const bytes = buildIp({ ...addresses, protocol: 17, payload: hex('9c40003500080000').subarray(0, length) });
      expect(decoded(bytes)).toMatchObject({ events: ['udp.hlen_too_small'], isUnreadable: true, sourcePort: 0 });
      const wireBytes = bytes.length + 8;
      bytes[addresses === V6 ? 5 : 3]! += 8;
      expect(decoded(bytes, { wireBytes, checksum: CHECKSUM.trusted }).events).toEqual(['capture.trunc_pkt']);
    }
  });

  test.each([
    [0, ['udp.len_invalid'], true],
    [7, ['udp.len_invalid'], true],
    [8, ['udp.trailing_bytes'], false],
    [12, ['udp.trailing_bytes'], false],
    [13, [], false],
    [14, ['udp.pkt_too_small'], true],
    [65_535, ['udp.pkt_too_small'], true],
  ])('a length of %i in a datagram of 13', (lengthBytes, events, isUnreadable) => {
    const packet = decoded(buildUdp({ ...addresses, payload: 'query', lengthBytes }), { checksum: CHECKSUM.trusted });
    expect(packet).toMatchObject({ events, isUnreadable, payloadBytes: isUnreadable ? 0 : lengthBytes - 8 });
  });

  test('bytes behind the length are no payload, and not in the checksum', () => {
    const datagram = buildUdp({ ...addresses, payload: 'query' }).subarray(addresses === V6 ? 40 : 20);
    const packet = decoded(buildIp({ ...addresses, protocol: 17, payload: new Uint8Array([...datagram, 1, 2]) }));
    expect(packet).toMatchObject({ events: ['udp.trailing_bytes'], payloadBytes: 5, hasBadChecksum: false });
  });

  test('port 0', () => {
    expect(decoded(buildUdp({ ...addresses, sourcePort: 0 })).events).toEqual(['udp.port_zero']);
    expect(decoded(buildUdp({ ...addresses, destinationPort: 0 })).events).toEqual(['udp.port_zero']);
  });

  test('the checksum', () => {
    for (const payload of ['', 'odd', 'even']) {
      expect(decoded(buildUdp({ ...addresses, payload })).events).toEqual([]);
    }
    const wrong = buildUdp({ ...addresses, payload: 'query', checksum: 0x1234 });
    expect(decoded(wrong)).toMatchObject({
      events: ['udp.invalid_checksum'],
      hasBadChecksum: true,
      isUnreadable: false,
    });
    for (const checksum of [CHECKSUM.trusted, CHECKSUM.notReady]) {
      expect(decoded(wrong, { checksum })).toMatchObject({ events: [], hasBadChecksum: false });
    }
  });

  test('no checksum', () => {
    const events = addresses === V6 ? ['udp.ipv6_zero_checksum'] : [];
    expect(decoded(buildUdp({ ...addresses, checksum: 0 }))).toMatchObject({ events, hasBadChecksum: false });
  });

  test('a datagram that the capture cut', () => {
    const bytes = buildUdp({ ...addresses, payload: 'x'.repeat(100) });
    const packet = decoded(bytes.subarray(0, bytes.length - 60), { wireBytes: bytes.length });
    expect(packet).toMatchObject({ events: ['capture.trunc_pkt'], payloadBytes: 40, missingBytes: 60 });
  });
});

test('a jumbogram has a length of 0', () => {
  const payload = new Uint8Array(70_000);
  const bytes = buildUdp({ ...V6, payload, lengthBytes: 0 });
  bytes.fill(0, 4, 6);
  expect(decoded(bytes, { checksum: CHECKSUM.trusted })).toMatchObject({ events: [], payloadBytes: 70_000 });
});
