import { describe, expect, test } from 'vitest';
import { MAX_EXTENSION_HEADERS } from '../../src/wire/ipv6.ts';
import { CHECKSUM, LINK } from '../../src/wire/packet.ts';
import { buildIp, buildTcp, buildUdp, hex } from '../support/packets.ts';
import { decoded, payloadOf } from './decoded.ts';

const V6 = { source: '2001:db8::1', destination: '2001:db8::2' } as const;

// Next header and length bytes; the builder fills in the first. Lengths count eight bytes beyond the first eight.
const header = (protocol: number, bytes: string) => ({ protocol, bytes: hex(bytes) });
const hopByHop = header(0, '00 00 05 02 0000 00 00');
const routing = header(43, '00 02 02 00 00000000 20010db8000000000000000000000009');
const atomic = header(44, '00 00 0000 00000007');
const authentication = header(51, '00 04 0000 00000001 00000001 000000000000000000000000');
const mobility = header(135, '00 00 0000 00000000');
const dstopts = header(60, '00 00 1e 04 00000000');

const chain = (...extensions: { protocol: number; bytes: Uint8Array }[]): Uint8Array =>
  buildUdp({ ...V6, extensions, payload: 'payload' });

describe('IPv6', () => {
  test('the fields of a packet', () => {
    const packet = decoded(buildUdp({ ...V6, ttl: 57, payload: 'abc' }));
    expect(packet).toMatchObject({
      ipVersion: 6,
      ipStart: 0,
      ipEnd: 51,
      ttl: 57,
      protocol: 17,
      isFragment: false,
      transportStart: 40,
      payloadStart: 48,
      payloadEnd: 51,
      events: [],
    });
    expect([...packet.source]).toEqual([0x20010db8, 0, 0, 1]);
    expect([...packet.destination]).toEqual([0x20010db8, 0, 0, 2]);
  });

  test('a header that is not there', () => {
    const bytes = buildUdp(V6);
    for (let length = 1; length < 40; length++) {
      expect(decoded(bytes.subarray(0, length))).toMatchObject({ ipVersion: 0, events: ['ipv6.pkt_too_small'] });
      expect(decoded(bytes.subarray(0, length), { wireBytes: 48 }).events).toEqual(['capture.trunc_pkt']);
    }
  });

  test('another version than the frame announces', () => {
    const frame = buildUdp({ ...V6, ethernet: true });
    frame[14] = 0x40;
    expect(decoded(frame, { linkType: LINK.ethernet })).toMatchObject({
      ipVersion: 0,
      events: ['ipv6.wrong_ip_version'],
    });
  });

  test('a payload length of one more than there is', () => {
    const bytes = buildUdp({ ...V6, payload: 'abc' });
    const packet = decoded(bytes.subarray(0, 50));
    expect(packet).toMatchObject({ ipVersion: 6, events: ['ipv6.trunc_pkt'], isUnreadable: true, payloadBytes: 0 });
    expect(packet.source[3]).toBe(1);
    expect(decoded(bytes.subarray(0, 50), { wireBytes: 51 })).toMatchObject({
      events: ['capture.trunc_pkt'],
      isUnreadable: false,
      missingBytes: 1,
    });
  });

  test('bytes behind the payload length are padding', () => {
    expect(decoded(new Uint8Array([...buildUdp({ ...V6, payload: 'abc' }), 1, 2]))).toMatchObject({
      events: [],
      payloadBytes: 3,
    });
  });

  test('a payload length of 0', () => {
    const bytes = buildTcp(V6);
    bytes.fill(0, 4, 6);
    expect(decoded(bytes)).toMatchObject({ events: ['tcp.pkt_too_small'], isUnreadable: true });
  });

  test('BIG TCP: a payload length of 0 where it does not fit, with and without the jumbo option', () => {
    const payload = new Uint8Array(100_000);
    for (const extensions of [[], [header(0, '00 00 c2 04 000186b4')]]) {
      const bytes = buildTcp({ ...V6, payload, extensions });
      bytes.fill(0, 4, 6);
      const packet = decoded(bytes, { checksum: CHECKSUM.notReady });
      expect(packet).toMatchObject({ events: [], payloadBytes: 100_000, ipEnd: bytes.length, protocol: 6 });
    }
  });

  test.each([
    ['ff02::1', '2001:db8::2', ['ipv6.src_multicast']],
    ['::1', '2001:db8::2', ['ipv6.src_loopback']],
    ['2001:db8::2', '2001:db8::2', ['ipv6.same_src_dst']],
    ['::', '::', ['ipv6.same_src_dst']],
    ['::', 'ff02::1:ff00:2', []],
    ['fe80::1', 'ff02::fb', []],
    ['::1', '::1', []],
    ['::2', '::1', []],
    ['0:0:0:1::1', '::1', []],
  ])('%s to %s', (source, target, events) => {
    const bytes = buildUdp({ source, destination: target });
    expect(decoded(bytes).events).toEqual(events);
    expect(decoded(bytes, { isLoopback: true }).events).toEqual(events.filter((event) => event.includes('cast')));
  });

  test('::1 to ::1 from an interface that is none', () => {
    expect(decoded(buildUdp({ source: '::1', destination: '::1' }), { inInterface: 2 }).events).toEqual([
      'ipv6.src_loopback',
    ]);
  });
});

describe('IPv6 extension headers', () => {
  test.each([
    ['hop-by-hop', [hopByHop], []],
    ['destination options', [dstopts], ['ipv6.dstopts_unknown_opt']],
    ['routing', [routing], []],
    ['an atomic fragment', [atomic], ['ipv6.exthdr_useless_fh']],
    ['authentication', [authentication], []],
    ['mobility', [mobility], []],
    [
      'all in the order of RFC 8200',
      [hopByHop, dstopts, routing, atomic, authentication, dstopts],
      ['ipv6.dstopts_unknown_opt', 'ipv6.exthdr_useless_fh'],
    ],
    ['hop-by-hop that is not the first', [dstopts, hopByHop], ['ipv6.dstopts_unknown_opt', 'ipv6.exthdr_misordered']],
    ['routing behind a fragment header', [atomic, routing], ['ipv6.exthdr_useless_fh', 'ipv6.exthdr_misordered']],
    [
      'a fragment header behind authentication',
      [authentication, atomic],
      ['ipv6.exthdr_useless_fh', 'ipv6.exthdr_misordered'],
    ],
    [
      'authentication behind the last options',
      [routing, dstopts, authentication],
      ['ipv6.dstopts_unknown_opt', 'ipv6.exthdr_misordered'],
    ],
    ['hop-by-hop twice', [hopByHop, hopByHop], ['ipv6.exthdr_dupl_hh']],
    ['routing twice', [routing, routing], ['ipv6.exthdr_dupl_rh']],
    ['fragment headers twice', [atomic, atomic], ['ipv6.exthdr_useless_fh', 'ipv6.exthdr_dupl_fh']],
    ['authentication twice', [authentication, authentication], ['ipv6.exthdr_dupl_ah']],
    ['destination options twice', [dstopts, dstopts], ['ipv6.dstopts_unknown_opt']],
    ['destination options thrice', [dstopts, dstopts, dstopts], ['ipv6.dstopts_unknown_opt', 'ipv6.exthdr_dupl_dh']],
    ['one that is four times there', [routing, routing, routing, routing], ['ipv6.exthdr_dupl_rh']],
  ])('%s', (_, extensions, events) => {
    const packet = decoded(chain(...extensions));
    expect(packet.events).toEqual(events);
    const transportStart = 40 + extensions.reduce((sum, { bytes }) => sum + bytes.length, 0);
    expect(packet).toMatchObject({ protocol: 17, transportStart, sourcePort: 40_000, isUnreadable: false });
    expect(Buffer.from(payloadOf(packet)).toString()).toBe('payload');
  });

  test('as many as there may be, and one more', () => {
    const many = Array.from({ length: MAX_EXTENSION_HEADERS }, () => mobility);
    expect(decoded(chain(...many))).toMatchObject({ events: [], sourcePort: 40_000 });
    expect(decoded(chain(...many, mobility))).toMatchObject({
      events: ['ipv6.exthdr_too_many'],
      isUnreadable: false,
      sourcePort: 40_000,
    });
    const full = Array.from({ length: 4000 }, () => mobility);
    expect(decoded(chain(...full))).toMatchObject({ events: ['ipv6.exthdr_too_many'], sourcePort: 40_000 });
  });

  test('headers that run beyond the packet', () => {
    for (const extension of [hopByHop, dstopts, routing, atomic, authentication, mobility]) {
      const { length } = extension.bytes;
      for (let kept = 0; kept < length; kept++) {
        const cut = buildIp({ ...V6, protocol: extension.protocol, payload: extension.bytes.subarray(0, kept) });
        const packet = decoded(cut);
        expect(packet, `${extension.protocol} cut at ${kept}`).toMatchObject({
          events: ['ipv6.trunc_exthdr'],
          isUnreadable: true,
          protocol: extension.protocol,
        });
        const whole = chain(extension);
        expect(decoded(whole.subarray(0, 40 + kept), { wireBytes: whole.length }).events).toEqual([
          'capture.trunc_pkt',
        ]);
      }
    }
  });

  test('a header that announces another, of which nothing or one byte is there', () => {
    for (const payload of ['', 'x']) {
      const bytes = buildIp({ ...V6, protocol: 17, payload, extensions: [atomic] });
      expect(decoded(bytes).events).toEqual(['ipv6.exthdr_useless_fh', 'ipv6.trunc_exthdr']);
    }
    const none = buildIp({ ...V6, protocol: 59, extensions: [routing] });
    expect(decoded(none)).toMatchObject({ events: [], isUnreadable: false });
    expect(decoded(buildIp({ ...V6, protocol: 17, payload: 'xy', extensions: [routing] })).events).toEqual([
      'udp.hlen_too_small',
    ]);
  });

  test('a header that says that it is longer than the packet', () => {
    const bytes = chain(hopByHop);
    bytes[41] = 3;
    expect(decoded(bytes).events).toEqual(['ipv6.trunc_exthdr']);
  });

  test('routing header of type 0', () => {
    const type0 = header(43, '00 02 00 01 00000000 20010db8000000000000000000000009');
    expect(decoded(chain(type0)).events).toContain('ipv6.rh_type_0');
    expect(decoded(chain(type0, type0)).events).toEqual(['ipv6.rh_type_0', 'ipv6.exthdr_dupl_rh']);
  });

  test('no next header: whatever follows is nothing', () => {
    expect(decoded(buildIp({ ...V6, protocol: 59 }))).toMatchObject({ events: [], protocol: 59, payloadBytes: 0 });
    expect(decoded(buildIp({ ...V6, protocol: 59, payload: 'x' })).events).toEqual(['ipv6.data_after_none_header']);
  });

  test('ESP: what follows is encrypted', () => {
    const packet = decoded(buildIp({ ...V6, protocol: 50, payload: 'a secret' }));
    expect(packet).toMatchObject({ events: [], protocol: 50, payloadBytes: 8, transportStart: 40 });
    const short = decoded(buildIp({ ...V6, protocol: 50, payload: 'secret' }));
    expect(short).toMatchObject({ events: ['esp.pkt_too_small'], isUnreadable: true });
  });

  test('a protocol that is not read', () => {
    expect(decoded(buildIp({ ...V6, protocol: 89, payload: 'ospf' }))).toMatchObject({
      events: ['ipv6.unknown_next_header'],
      payloadBytes: 4,
    });
    expect(decoded(buildIp({ ...V6, protocol: 1, payload: 'icmp' })).events).toEqual(['ipv6.icmpv4']);
  });
});

describe('IPv6 options', () => {
  test.each([
    ['padding of one byte each', '00 00 00 00 00 00 00 00', ['hopopts_only_padding']],
    ['padding of four', '00 00 01 04 00 00 00 00', ['hopopts_only_padding']],
    // How every multicast listener report of Linux begins.
    ['padding of nothing', '00 00 05 02 00 00 01 00', ['zero_len_padn']],
    ['an unknown option', '00 00 3e 04 00 00 00 00', ['hopopts_unknown_opt']],
    ['two unknown options', '00 00 3e 01 00 3e 01 00', ['hopopts_unknown_opt']],
    ['an option beyond the header', '00 00 3e 05 00 00 00 00', ['exthdr_invalid_optlen']],
    ['an option without a length', '00 00 01 03 00 00 00 3e', ['exthdr_invalid_optlen']],
    ['a router alert of three bytes', '00 00 05 03 00 00 00 00', ['exthdr_invalid_optlen']],
    ['a jumbo payload of two bytes', '00 00 c2 02 00 00 00 00', ['exthdr_invalid_optlen']],
    ['a home address of two bytes', '00 00 c9 02 00 00 00 00', ['exthdr_invalid_optlen']],
  ])('%s', (_, bytes, events) => {
    expect(decoded(chain(header(0, bytes))).events).toEqual(events.map((event) => `ipv6.${event}`));
    const inDestination = events.map((event) => `ipv6.${event.replace('hopopts', 'dstopts')}`);
    expect(decoded(chain(header(60, bytes))).events).toEqual(inDestination);
  });

  test('the reserved bytes of authentication and fragment headers', () => {
    expect(decoded(chain(header(51, `00 04 0001 ${'00'.repeat(20)}`))).events).toEqual(['ipv6.exthdr_ah_res_not_null']);
    expect(decoded(chain(header(44, '00 01 0000 00000007'))).events).toEqual([
      'ipv6.fh_non_zero_reserved_field',
      'ipv6.exthdr_useless_fh',
    ]);
  });
});

describe('IPv6 fragments', () => {
  test.each([
    ['the first', { moreFragments: true }, 0, true],
    ['one in the middle', { moreFragments: true, fragmentOffsetBytes: 1448 }, 1448, true],
    ['the last', { fragmentOffsetBytes: 2896 }, 2896, false],
    ['the last possible', { fragmentOffsetBytes: 65_528 }, 65_528, false],
  ])('%s', (_, fields, fragmentOffsetBytes, hasMoreFragments) => {
    const packet = decoded(
      buildIp({ ...V6, protocol: 6, payload: 'twenty-four bytes here:)', id: 0xdeadbeef, ...fields }),
    );
    expect(packet).toMatchObject({
      isFragment: true,
      fragmentOffsetBytes,
      hasMoreFragments,
      fragmentId: 0xdeadbeef,
      protocol: 6,
      sourcePort: 0,
      transportStart: 48,
      payloadBytes: 0,
      ipEnd: 72,
      fragmentHeadersEnd: 40,
      fragmentNextHeaderAt: 6,
      events: [],
    });
  });

  test('one that is not the last, with a length that is no multiple of eight', () => {
    const fields = { ...V6, protocol: 6, payload: 'twenty-five bytes here :)' };
    expect(decoded(buildIp({ ...fields, moreFragments: true })).events).toEqual(['ipv6.frag_invalid_length']);
    expect(decoded(buildIp({ ...fields, fragmentOffsetBytes: 8 })).events).toEqual([]);
  });

  test('what follows its header is not looked at', () => {
    const packet = decoded(buildIp({ ...V6, protocol: 0, payload: 'x'.repeat(16), fragmentOffsetBytes: 80 }));
    expect(packet).toMatchObject({ isFragment: true, protocol: 0, ipEnd: 64, events: [] });
  });

  test('in the first one, all headers are there up to the one of the transport', () => {
    const first = (protocol: number, payload: string): Uint8Array =>
      buildIp({ ...V6, protocol, payload: hex(payload), moreFragments: true });
    const options = '11 00 01 04 00000000';
    expect(decoded(first(60, `${options} 9c40 0035 0010 0000`)).events).toEqual([]);
    expect(decoded(first(60, options)).events).toEqual(['ipv6.frag_incomplete_headers']);
    expect(decoded(first(60, '11 07 01 04 00000000')).events).toEqual(['ipv6.frag_incomplete_headers']);
    expect(decoded(first(6, '00'.repeat(16))).events).toEqual(['ipv6.frag_incomplete_headers']);
    expect(decoded(first(132, '00'.repeat(8))).events).toEqual(['ipv6.frag_incomplete_headers']);
    // Nobody can tell of what the capture cut.
    const whole = first(60, `${options} 9c40 0035 0010 0000`);
    expect(decoded(whole.subarray(0, 56), { wireBytes: whole.length }).events).toEqual(['capture.trunc_pkt']);
  });

  test('behind other headers, the last of them has to name what follows', () => {
    const packet = decoded(
      buildIp({ ...V6, protocol: 17, payload: 'x'.repeat(16), moreFragments: true, extensions: [hopByHop] }),
    );
    expect(packet).toMatchObject({ fragmentHeadersEnd: 48, fragmentNextHeaderAt: 40, transportStart: 56 });
  });
});

describe('checksums over IPv6 extension headers', () => {
  const wrong = { ...V6, checksum: 0x1234 };

  test('are judged where the addresses are the final ones', () => {
    expect(decoded(buildUdp({ ...wrong, extensions: [hopByHop, routing] })).events).toContain('udp.invalid_checksum');
  });

  test('are not judged where another host, or another address of it, is meant', () => {
    const onTheWay = header(43, '00 02 04 01 00000000 20010db8000000000000000000000009');
    const homeAddress = header(60, '00 02 01 02 0000 c9 10 20010db8000000000000000000000009');
    expect(decoded(buildUdp({ ...wrong, extensions: [onTheWay] }))).toMatchObject({
      events: [],
      hasBadChecksum: false,
    });
    expect(decoded(buildUdp({ ...wrong, extensions: [homeAddress] }))).toMatchObject({ events: [] });
  });
});
