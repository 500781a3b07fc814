import { describe, expect, test } from 'vitest';
import { CHECKSUM, LINK } from '../../src/wire/packet.ts';
import { buildIp, buildTcp, buildUdp, hex, sum16 } from '../support/packets.ts';
import { decoded } from './decoded.ts';

/** Header checksum put right after a change. */
function mended(bytes: Uint8Array): Uint8Array {
  const header = bytes.subarray(0, (bytes[0]! & 0x0f) * 4);
  header.fill(0, 10, 12);
  new DataView(header.buffer).setUint16(10, sum16(header));
  return bytes;
}

/** A copy with one byte changed and the header checksum right. */
function changed(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at);
  return mended(copy);
}

// A SYN of Linux 6.1 to port 80, as it stood on the wire.
const SYN = hex(`4500 003c 1c46 4000 4006 0a6e 0a00 0001 0a00 0002
  c350 0050 12345678 00000000 a002 faf0 0000 0000 020405b4 0402 080a 00000001 00000000 0103 0307`);

const withOptions = (options: string): Uint8Array => buildUdp({ ipOptions: hex(options), payload: 'x' });

describe('IPv4', () => {
  test('the fields of a packet', () => {
    const packet = decoded(SYN, { checksum: CHECKSUM.trusted });
    expect(packet).toMatchObject({
      ipVersion: 4,
      ipStart: 0,
      ipEnd: 60,
      ttl: 64,
      protocol: 6,
      isFragment: false,
      isUnreadable: false,
      transportStart: 20,
      payloadStart: 60,
      payloadEnd: 60,
      missingBytes: 0,
      events: [],
    });
    expect([...packet.source]).toEqual([0, 0, 0, 0x0a000001]);
    expect([...packet.destination]).toEqual([0, 0, 0, 0x0a000002]);
  });

  test('an address above 2^31 is a positive number, and IPv4 leaves nothing of IPv6 behind', () => {
    decoded(buildUdp({ source: '2001:db8::1', destination: '2001:db8::2' }));
    const packet = decoded(buildUdp({ source: '203.0.113.1', destination: '198.51.100.2' }));
    expect([...packet.source]).toEqual([0, 0, 0, 0xcb007101]);
    expect([...packet.destination]).toEqual([0, 0, 0, 0xc6336402]);
  });

  test('a header that is not there', () => {
    for (let length = 1; length < 20; length++) {
      expect(decoded(SYN.subarray(0, length))).toMatchObject({
        ipVersion: 0,
        events: ['ipv4.pkt_too_small'],
        isUnreadable: true,
      });
    }
  });

  test('another version than the frame announces', () => {
    const frame = buildTcp({ ethernet: true });
    frame[14] = 0x65;
    expect(decoded(frame, { linkType: LINK.ethernet })).toMatchObject({
      ipVersion: 0,
      events: ['ipv4.wrong_ip_version'],
    });
  });

  test.each([
    ['a header of 0 words', changed(SYN, 0, 0x40), 'ipv4.hlen_too_small'],
    ['a header of 4 words', changed(SYN, 0, 0x44), 'ipv4.hlen_too_small'],
    ['a total length of 0', changed(SYN, 2, 0, 0), 'ipv4.iplen_smaller_than_hlen'],
    ['a total length of 19', changed(SYN, 2, 0, 19), 'ipv4.iplen_smaller_than_hlen'],
    ['a total length below a long header', changed(SYN, 0, 0x4f, 0, 0, 59), 'ipv4.iplen_smaller_than_hlen'],
    ['a total length of one more than there is', changed(SYN, 2, 0, 61), 'ipv4.trunc_pkt'],
    ['a header of more than there is', changed(SYN.slice(0, 40), 0, 0x4f, 0, 0, 60), 'ipv4.trunc_pkt'],
  ])('%s', (_, bytes, event) => {
    const packet = decoded(bytes, { checksum: CHECKSUM.trusted });
    expect(packet).toMatchObject({ ipVersion: 4, events: [event], isUnreadable: true, payloadBytes: 0, sourcePort: 0 });
    // Whom to complain about is still known.
    expect(packet.source[3]).toBe(0x0a000001);
  });

  test('bytes behind the total length are padding', () => {
    const bytes = new Uint8Array([...buildUdp({ payload: 'abc' }), 1, 2, 3]);
    expect(decoded(bytes)).toMatchObject({ events: [], payloadBytes: 3 });
  });

  test('a header of nothing but itself', () => {
    expect(decoded(buildIp({ protocol: 89 }))).toMatchObject({ events: [], payloadBytes: 0, protocol: 89 });
  });
});

describe('IPv4 addresses', () => {
  test.each([
    ['224.0.0.1', '10.0.0.2', ['ipv4.src_multicast']],
    ['239.255.255.255', '10.0.0.2', ['ipv4.src_multicast']],
    ['255.255.255.255', '10.0.0.2', ['ipv4.src_broadcast']],
    ['127.0.0.1', '10.0.0.2', ['ipv4.src_loopback']],
    ['127.255.0.9', '10.0.0.2', ['ipv4.src_loopback']],
    ['10.0.0.2', '10.0.0.2', ['ipv4.same_src_dst']],
    // DHCP, multicast and broadcast receivers, addresses next to the special ones.
    ['0.0.0.0', '255.255.255.255', []],
    ['10.0.0.1', '224.0.0.251', []],
    ['223.255.255.255', '10.0.0.2', []],
    ['240.0.0.1', '10.0.0.2', []],
    ['126.255.255.255', '128.0.0.1', []],
    ['127.0.0.1', '127.0.0.1', []],
    ['127.0.0.1', '127.0.0.53', []],
  ])('%s to %s', (source, destination, events) => {
    const bytes = buildUdp({ source, destination });
    expect(decoded(bytes).events).toEqual(events);
    const inside = decoded(bytes, { isLoopback: true }).events;
    expect(inside).toEqual(events.filter((event) => event.includes('cast')));
  });

  test('loopback to loopback from an interface that is none', () => {
    const bytes = buildUdp({ source: '127.0.0.1', destination: '127.0.0.1' });
    expect(decoded(bytes, { inInterface: 2 }).events).toEqual(['ipv4.src_loopback']);
    expect(decoded(bytes, { outInterface: 2 }).events).toEqual(['ipv4.src_loopback']);
    expect(decoded(bytes, { inInterface: 1, isLoopback: true }).events).toEqual([]);
  });

  test.each([
    ['Ethernet without addresses', LINK.ethernet, '000000000000 000000000000 0800'],
    ['Linux cooked', LINK.linuxSll, '0000 0304 0006 000000000000 0000 0800'],
    ['Linux cooked 2', LINK.linuxSll2, '0800 0000 00000001 0304 00 06 000000000000 0000'],
    ['BSD loopback', LINK.loopback, '02000000'],
  ] as const)('a host that talks to its own address, captured as %s', (_, linkType, header) => {
    const bytes = new Uint8Array([...hex(header), ...buildUdp({ source: '10.0.0.2', destination: '10.0.0.2' })]);
    expect(decoded(bytes, { linkType }).events).toEqual([]);
  });
});

describe('IPv4 options', () => {
  test.each([
    ['no operation, end', '01 00', []],
    ['router alert', '94 04 00 00', []],
    ['record route', '07 0b 04 00000000 00000000 00', ['ipv4.opt_record_route']],
    ['record route that is full', '07 07 08 01020304 00', ['ipv4.opt_record_route']],
    ['timestamp', '44 0c 05 00 00000000 00000000', []],
    ['timestamp that is full', '44 0c 0d f0 00000000 00000000', []],
    ['garbage behind the end', '00 ff ff ff', []],
    ['a length of zero', '94 00 00 00', ['ipv4.opt_invalid_len']],
    ['a length of one', '94 01 00 00', ['ipv4.opt_invalid_len']],
    ['a length beyond the header', '94 05 00 00', ['ipv4.opt_invalid_len']],
    ['router alert of three', '94 03 00 00', ['ipv4.opt_invalid_len']],
    ['stream id of six', '88 06 0000 0000 0000', ['ipv4.opt_invalid_len']],
    ['security of two', '82 02 00 00', ['ipv4.opt_invalid_len']],
    ['CIPSO without a tag', '86 06 00000001 0000', ['ipv4.opt_invalid_len']],
    ['CIPSO', '86 0a 00000001 0104 0001 0000', []],
    ['CIPSO with a tag that runs beyond it', '86 0a 00000001 0105 0001 0000', ['ipv4.opt_malformed']],
    ['CIPSO with a tag of no known type', '86 0a 00000001 0304 0001 0000', ['ipv4.opt_malformed']],
    ['quick start of four', '19 04 0000', ['ipv4.opt_invalid_len']],
    ['record route without a pointer', '07 02 00 00', ['ipv4.opt_invalid_len']],
    ['timestamp without flags', '44 03 05 00', ['ipv4.opt_invalid_len']],
    ['pointer below the first address', '07 07 03 00000000 00', ['ipv4.opt_malformed']],
    ['pointer between addresses', '07 07 05 00000000 00', ['ipv4.opt_malformed']],
    ['pointer beyond the option', '07 07 0c 00000000 00', ['ipv4.opt_malformed']],
    ['timestamp pointer below the first', '44 08 04 00 00000000', ['ipv4.opt_malformed']],
    ['loose source route', '83 07 04 0a000003 00', ['ipv4.opt_source_route']],
    ['strict source route', '89 07 08 0a000003 00', ['ipv4.opt_source_route']],
    ['twice the same', '94 04 0000 94 04 0000', ['ipv4.opt_duplicate']],
    ['one that nobody knows', '9e 04 0000', ['ipv4.opt_invalid']],
    ['two that nobody knows', '9e 04 0000 9f 04 0000', ['ipv4.opt_invalid']],
    ['no room for a length', '01 01 01 94', ['ipv4.opt_eol_required']],
  ])('%s', (_, options, events) => {
    const packet = decoded(withOptions(options));
    const needsPadding = hex(options).length % 8 > 0 && hex(options).length % 8 <= 4;
    expect(packet.events).toEqual(needsPadding ? ['ipv4.opt_pad_required', ...events] : events);
    expect(packet).toMatchObject({ sourcePort: 40_000, payloadBytes: 1 });
  });

  test('a header of the largest size', () => {
    expect(decoded(withOptions('01'.repeat(40)))).toMatchObject({ transportStart: 60, events: [] });
  });
});

describe('IPv4 header checksum', () => {
  const bad = buildUdp();
  bad[8] = 63;

  test('is judged where nobody did', () => {
    expect(decoded(bad)).toMatchObject({
      events: ['ipv4.invalid_checksum'],
      hasBadChecksum: true,
      isUnreadable: false,
    });
    expect(decoded(buildUdp())).toMatchObject({ events: [], hasBadChecksum: false });
  });

  test('is left alone where somebody did, and where it is not filled in yet', () => {
    for (const checksum of [CHECKSUM.trusted, CHECKSUM.notReady]) {
      expect(decoded(bad, { checksum })).toMatchObject({ events: [], hasBadChecksum: false });
    }
  });
});

describe('IPv4 fragments', () => {
  test.each([
    ['the first', { moreFragments: true }, 0, true],
    ['one in the middle', { moreFragments: true, fragmentOffsetBytes: 1480 }, 1480, true],
    ['the last', { fragmentOffsetBytes: 2960 }, 2960, false],
    ['the last possible', { fragmentOffsetBytes: 65_528 }, 65_528, false],
  ])('%s', (_, fields, fragmentOffsetBytes, hasMoreFragments) => {
    const packet = decoded(buildIp({ protocol: 6, payload: 'the middle of something', id: 0xabcd, ...fields }));
    expect(packet).toMatchObject({
      isFragment: true,
      fragmentOffsetBytes,
      hasMoreFragments,
      fragmentId: 0xabcd,
      protocol: 6,
      sourcePort: 0,
      destinationPort: 0,
      transportStart: 20,
      payloadBytes: 0,
      events: [],
    });
    const data = packet.bytes.subarray(packet.transportStart, packet.ipEnd);
    expect(Buffer.from(data).toString()).toBe('the middle of something');
  });

  test("don't fragment and the reserved bit are no fragment", () => {
    expect(decoded(buildUdp({ dontFragment: true }))).toMatchObject({ isFragment: false, events: [] });
    const reserved = decoded(changed(buildUdp(), 6, 0x80), { checksum: CHECKSUM.trusted });
    expect(reserved).toMatchObject({ isFragment: false, events: ['ipv4.reserved_flag'] });
  });

  test('one that says that it must not be fragmented', () => {
    const packet = decoded(buildIp({ protocol: 17, dontFragment: true, moreFragments: true, payload: 'x'.repeat(8) }));
    expect(packet).toMatchObject({ isFragment: true, events: ['ipv4.frag_dont_fragment'] });
  });
});

describe('large packets', () => {
  test('65,535 bytes, as segmentation offload hands them over', () => {
    const packet = decoded(buildTcp({ payload: 'x'.repeat(65_535 - 40) }));
    expect(packet).toMatchObject({ events: [], payloadBytes: 65_495 });
  });

  test('BIG TCP: a total length of 0 where it does not fit', () => {
    const bytes = buildTcp({ payload: new Uint8Array(100_000) });
    const packet = decoded(changed(bytes, 2, 0, 0), { checksum: CHECKSUM.notReady });
    expect(packet).toMatchObject({ events: [], payloadBytes: 100_000, ipEnd: bytes.length });
  });

  test('BIG TCP that the source cut', () => {
    const bytes = changed(buildTcp({ payload: new Uint8Array(100_000) }), 2, 0, 0);
    const packet = decoded(bytes.subarray(0, 1000), { checksum: CHECKSUM.notReady, wireBytes: bytes.length });
    expect(packet).toMatchObject({ payloadBytes: 960, missingBytes: 99_040, events: ['capture.trunc_pkt'] });
  });

  test('a total length of 0 is wrong in a small packet, and with another protocol', () => {
    expect(decoded(changed(buildTcp({ payload: new Uint8Array(1000) }), 2, 0, 0)).events).toEqual([
      'ipv4.iplen_smaller_than_hlen',
    ]);
    expect(decoded(changed(buildUdp({ payload: new Uint8Array(70_000) }), 2, 0, 0)).events).toEqual([
      'ipv4.iplen_smaller_than_hlen',
    ]);
  });
});

describe('packets that the capture cut', () => {
  const bytes = buildTcp({ payload: 'x'.repeat(100) });

  test.each([
    [0, 0, 0],
    [10, 0, 0],
    [20, 0, 0],
    [39, 0, 0],
    [40, 0, 100],
    [100, 60, 40],
    [139, 99, 1],
  ])('at %i bytes', (length, payloadBytes, missingBytes) => {
    const packet = decoded(bytes.subarray(0, length), { wireBytes: bytes.length });
    expect(packet).toMatchObject({
      events: ['capture.trunc_pkt'],
      payloadBytes,
      missingBytes,
      isUnreadable: length < 40,
      hasBadChecksum: false,
      sourcePort: length < 40 ? 0 : 40_000,
    });
  });

  test('in the options of the header', () => {
    const long = withOptions('01'.repeat(12));
    expect(decoded(long.subarray(0, 25), { wireBytes: long.length })).toMatchObject({
      ipVersion: 4,
      events: ['capture.trunc_pkt'],
      isUnreadable: true,
    });
  });

  test('only what was on the wire is missing', () => {
    // The frame had four bytes of padding, and lost those only.
    expect(decoded(bytes, { wireBytes: bytes.length + 4 })).toMatchObject({ events: [], missingBytes: 0 });
    // It lost more than the packet says it had.
    expect(decoded(bytes.subarray(0, 100), { wireBytes: 120 }).events).toEqual(['ipv4.trunc_pkt']);
  });
});

test('ICMPv6 in IPv4 is remarkable, and not read', () => {
  const packet = decoded(buildIp({ protocol: 58, payload: hex('80000000 00000000') }));
  expect(packet).toMatchObject({ events: ['ipv4.icmpv6'], protocol: 58, icmpType: 0, payloadStart: 20 });
});
