import { describe, expect, test } from 'vitest';
import { Defragmenter, FRAGMENT, type FragmentOutcome } from '../../src/defrag/defragmenter.ts';
import { DEFAULT_DEFRAG_OPTIONS, type DefragOptions } from '../../src/defrag/options.ts';
import { Decoder } from '../../src/wire/decode.ts';
import { LINK, type LinkType, Packet } from '../../src/wire/packet.ts';
import { buildIp, buildTcp, buildUdp, framed, hex } from '../support/packets.ts';
import { type FragmentFields, fragmentOf, fragmentsOf, type Piece, transportOf } from './fragments.ts';

const V6 = { source: 'fd00::1', destination: 'fd00::2' } as const;
const text = (length: number, first = 0): string =>
  Array.from({ length }, (_, i) => String.fromCharCode(97 + ((i + first) % 26))).join('');
const datagram = (bytes: number): Uint8Array => buildUdp({ payload: text(bytes - 8) });
const inIpv4 = (bytes: number): FragmentFields => ({ protocol: 17, payload: transportOf(datagram(bytes)) });

/** A defragmenter with its decoder, as the pipeline has them. */
class Bench {
  readonly defragmenter: Defragmenter;
  readonly #decoder = new Decoder();
  readonly #linkType: LinkType;
  readonly whole = new Packet();
  timeMs = 1_700_000_000_000;

  constructor(options: Partial<DefragOptions> = {}, linkType: LinkType = LINK.rawIp) {
    this.defragmenter = new Defragmenter({ ...DEFAULT_DEFRAG_OPTIONS, ...options });
    this.#linkType = linkType;
  }

  add(bytes: Uint8Array, wireBytes = bytes.length): { outcome: FragmentOutcome; events: string[] } {
    const packet = framed(bytes, { linkType: this.#linkType, timeMs: this.timeMs, wireBytes });
    this.#decoder.decode(packet);
    expect(packet.isFragment).toBe(true);
    const outcome = this.defragmenter.add(packet, this.whole);
    return { outcome, events: packet.events };
  }

  condemn(bytes: Uint8Array): void {
    const packet = framed(bytes, { linkType: this.#linkType, timeMs: this.timeMs });
    this.#decoder.decode(packet);
    this.defragmenter.condemn(packet);
  }

  /** Adds all; nothing may be wrong with any, and only the last may complete the packet, whose bytes are returned. */
  complete(fragments: readonly Uint8Array[]): Uint8Array {
    fragments.forEach((bytes, index) => {
      const isLast = index === fragments.length - 1;
      expect(this.add(bytes)).toEqual({ outcome: isLast ? FRAGMENT.completes : FRAGMENT.waits, events: [] });
    });
    return this.wholeBytes();
  }

  wholeBytes(): Uint8Array {
    this.#decoder.decode(this.whole);
    expect(this.whole).toMatchObject({ events: [], isUnreadable: false, isFragment: false });
    return this.whole.bytes.slice(this.whole.start, this.whole.end);
  }
}

const WAITS = FRAGMENT.waits;

describe('a packet in fragments is what it was', () => {
  test('IPv4', () => {
    expect(new Bench().complete(fragmentsOf(inIpv4(3000), 1480))).toEqual(datagram(3000));
  });

  test('IPv6', () => {
    const whole = buildTcp({ ...V6, payload: text(3000) });
    const fragments = fragmentsOf({ ...V6, protocol: 6, payload: transportOf(whole) }, 1448);
    expect(new Bench().complete(fragments)).toEqual(whole);
  });

  test('IPv6 with headers in front of the fragment header', () => {
    const extensions = [{ protocol: 0, bytes: hex('00 00 05 02 0000 00 00') }];
    const whole = buildUdp({ ...V6, payload: text(200), extensions });
    const fragments = fragmentsOf({ ...V6, protocol: 17, payload: whole.slice(48), extensions }, 104);
    expect(new Bench().complete(fragments)).toEqual(whole);
  });

  test('with IPv4 options, of which the first fragment has all', () => {
    const ipOptions = hex('94040000 00000000');
    const whole = buildUdp({ payload: text(300), ipOptions });
    const fields = { protocol: 17, payload: whole.slice(28) };
    const fragments = [
      fragmentOf(fields, { start: 160, end: 308 }),
      fragmentOf({ ...fields, ipOptions }, { start: 0, end: 160 }),
    ];
    expect(new Bench().complete(fragments)).toEqual(whole);
  });

  test('with its VLAN', () => {
    const bench = new Bench({}, LINK.ethernet);
    const whole = buildUdp({ payload: text(300), vlans: [5, 7] });
    expect(bench.complete(fragmentsOf({ ...inIpv4(308), vlans: [5, 7] }, 160))).toEqual(whole);
    expect(bench.whole.vlanId).toBe(5);
  });

  test('of the largest size', () => {
    const whole = buildUdp({ payload: text(65_535 - 28) });
    const fields = { protocol: 17, payload: transportOf(whole) };
    expect(new Bench().complete(fragmentsOf(fields, 1480))).toEqual(whole);
    const whole6 = buildUdp({ ...V6, payload: text(65_535 - 8) });
    expect(new Bench().complete(fragmentsOf({ ...V6, protocol: 17, payload: transportOf(whole6) }, 1232))).toEqual(
      whole6,
    );
  });

  test('of a host that ends at a multiple of eight, and from the largest down to the smallest pieces', () => {
    for (const pieceBytes of [1024, 512, 8]) {
      const bench = new Bench({ minFirstBytes: 0, minOffsetBytes: 0 });
      expect(bench.complete(fragmentsOf(inIpv4(2048), pieceBytes))).toEqual(datagram(2048));
    }
  });
});

test('a fragment out of a packet that was put together keeps its bytes', () => {
  const bench = new Bench();
  const inner = inIpv4(400);
  bench.add(fragmentOf({ ...inner, id: 7 }, { start: 0, end: 200 }));
  const carrier = { protocol: 4, payload: fragmentOf({ ...inner, id: 7 }, { start: 200, end: 400 }) };
  bench.complete(fragmentsOf(carrier, 160));
  const { bytes, transportStart, ipEnd } = bench.whole;
  const before = bytes.slice(transportStart, ipEnd);
  const packet = framed(bytes, { start: transportStart, end: ipEnd, timeMs: bench.timeMs });
  new Decoder().decode(packet);
  const whole = new Packet();
  expect(bench.defragmenter.add(packet, whole)).toBe(FRAGMENT.completes);
  expect(bytes.slice(transportStart, ipEnd)).toEqual(before);
  expect(whole.bytes.slice(whole.start, whole.end)).toEqual(buildIp({ protocol: 17, payload: inner.payload, id: 7 }));
});

describe('order and repetition', () => {
  const [first, second, third] = fragmentsOf(inIpv4(3000), 1024) as [Uint8Array, Uint8Array, Uint8Array];

  test('any order', () => {
    for (const order of [
      [first, third, second],
      [second, first, third],
      [third, second, first],
    ]) {
      expect(new Bench().complete(order)).toEqual(datagram(3000));
    }
  });

  test('the same fragment twice, which a network does', () => {
    expect(new Bench().complete([first, first, third, third, second])).toEqual(datagram(3000));
  });

  test('the next packet may have the same identification', () => {
    const bench = new Bench();
    expect(bench.complete([first, second, third])).toEqual(datagram(3000));
    expect(bench.complete([third, second, first])).toEqual(datagram(3000));
    expect(bench.defragmenter).toMatchObject({ size: 0, usedBytes: 0 });
  });

  test('packets side by side: addresses, protocol, identification and VLAN tell them apart', () => {
    const bench = new Bench({}, LINK.ethernet);
    const base = { ...inIpv4(400), vlans: [1] };
    const others: FragmentFields[] = [
      base,
      { ...base, source: '10.0.0.3' },
      { ...base, destination: '10.0.0.3' },
      { ...base, protocol: 250 },
      { ...base, id: 2 },
      { ...base, vlans: [2] },
      { ...base, ...V6 },
      { ...base, ...V6, id: 2 },
    ];
    for (const fields of others) expect(bench.add(fragmentOf(fields, { start: 0, end: 200 })).outcome).toBe(WAITS);
    expect(bench.defragmenter.size).toBe(others.length);
    for (const fields of others) {
      expect(bench.add(fragmentOf(fields, { start: 200, end: 400 }))).toEqual({
        outcome: FRAGMENT.completes,
        events: [],
      });
    }
    expect(bench.defragmenter.size).toBe(0);
  });

  test('the fragments of one IPv6 packet may name different next headers: the first one counts', () => {
    const bench = new Bench();
    const fields = { ...V6, payload: transportOf(buildUdp({ ...V6, payload: text(392) })) };
    bench.add(fragmentOf({ ...fields, protocol: 6 }, { start: 200, end: 400 }));
    expect(bench.add(fragmentOf({ ...fields, protocol: 17 }, { start: 0, end: 200 })).outcome).toBe(FRAGMENT.completes);
    bench.wholeBytes();
    expect(bench.whole.protocol).toBe(17);
  });
});

describe('overlaps: the first data wins, and there is an event', () => {
  const fields = inIpv4(400);
  const other: FragmentFields = { protocol: 17, payload: Uint8Array.from(fields.payload, (byte) => byte ^ 0x20) };
  const kept: Piece = { start: 160, end: 240 };

  test.each<[string, Piece]>([
    ['the same place, other data', kept],
    ['within', { start: 168, end: 200 }],
    ['around', { start: 152, end: 248 }],
    ['from before into it', { start: 120, end: 168 }],
    ['from it to behind', { start: 232, end: 280 }],
    ['the same beginning, longer', { start: 160, end: 248 }],
    ['the same end', { start: 200, end: 240 }],
  ])('%s', (_, piece) => {
    for (const [family, addresses] of [
      ['ipv4', {}],
      ['ipv6', V6],
    ] as const) {
      const bench = new Bench();
      bench.add(fragmentOf({ ...fields, ...addresses }, kept));
      const { events } = bench.add(fragmentOf({ ...other, ...addresses }, piece));
      expect(events).toContain(`${family}.frag_overlap`);
    }
  });

  test('what was there is not replaced', () => {
    const bench = new Bench({ minFirstBytes: 0, minOffsetBytes: 0 });
    bench.add(fragmentOf(fields, { start: 0, end: 104 }));
    expect(bench.add(fragmentOf(other, { start: 0, end: 104 })).events).toEqual(['ipv4.frag_overlap']);
    expect(bench.add(fragmentOf(other, { start: 40, end: 104 })).events).toEqual(['ipv4.frag_overlap']);
    expect(bench.add(fragmentOf(fields, { start: 104, end: 400 })).outcome).toBe(FRAGMENT.completes);
    expect(bench.wholeBytes()).toEqual(datagram(400));
  });

  test('the same data in other pieces is an overlap too', () => {
    const bench = new Bench();
    bench.add(fragmentOf(fields, { start: 0, end: 200 }));
    expect(bench.add(fragmentOf(fields, { start: 104, end: 200 })).events).toEqual(['ipv4.frag_overlap']);
  });

  test('across the borders of the pieces in which memory is claimed', () => {
    const bench = new Bench();
    const large = inIpv4(12_000);
    bench.add(fragmentOf(large, { start: 4000, end: 8400 }));
    expect(bench.add(fragmentOf(large, { start: 4000, end: 8400 })).events).toEqual([]);
    const changed = { ...large, payload: large.payload.slice() };
    changed.payload[8399]! ^= 1;
    expect(bench.add(fragmentOf(changed, { start: 4000, end: 8400 })).events).toEqual(['ipv4.frag_overlap']);
    bench.add(fragmentOf(large, { start: 8400, end: 12_000 }));
    expect(bench.add(fragmentOf(large, { start: 0, end: 4000 })).outcome).toBe(FRAGMENT.completes);
    expect(bench.wholeBytes()).toEqual(datagram(12_000));
  });
});

describe('ends that contradict each other', () => {
  const fields = inIpv4(400);

  test.each<[string, readonly (readonly [Piece, boolean])[]]>([
    [
      'a second end',
      [
        [{ start: 160, end: 200 }, true],
        [{ start: 200, end: 240 }, true],
      ],
    ],
    [
      'data behind the end',
      [
        [{ start: 160, end: 200 }, true],
        [{ start: 240, end: 280 }, false],
      ],
    ],
    [
      'an end before data that is there',
      [
        [{ start: 240, end: 280 }, false],
        [{ start: 160, end: 200 }, true],
      ],
    ],
  ])('%s', (_, pieces) => {
    const bench = new Bench();
    const events = pieces.flatMap(([piece, isLast]) => bench.add(fragmentOf(fields, piece, isLast)).events);
    expect(events).toEqual(['ipv4.frag_wrong_end']);
  });
});

describe('sizes', () => {
  const fields = inIpv4(400);

  test.each<[string, Piece, string[]]>([
    ['a first fragment of 119 bytes', { start: 0, end: 96 }, ['ipv4.frag_first_too_small']],
    ['of 124 bytes', { start: 0, end: 104 }, []],
    ['an offset of 8', { start: 8, end: 200 }, ['ipv4.frag_offset_too_small']],
    ['an offset of 56', { start: 56, end: 200 }, ['ipv4.frag_offset_too_small']],
    ['an offset of 64', { start: 64, end: 200 }, []],
    ['a small last fragment', { start: 392, end: 400 }, []],
    ['a length that is no multiple of eight', { start: 160, end: 203 }, ['ipv4.frag_invalid_length']],
    ['a last one of any length', { start: 160, end: 400 }, []],
    ['no data', { start: 160, end: 160 }, ['ipv4.frag_invalid_length']],
  ])('%s', (_, piece, events) => {
    expect(new Bench().add(fragmentOf(fields, piece)).events).toEqual(events);
  });

  test('of IPv6, with its own names', () => {
    const small = fragmentOf({ ...fields, ...V6 }, { start: 0, end: 64 });
    expect(new Bench().add(small).events).toEqual(['ipv6.frag_first_too_small']);
    const early = fragmentOf({ ...fields, ...V6 }, { start: 16, end: 160 });
    expect(new Bench().add(early).events).toEqual(['ipv6.frag_offset_too_small']);
  });

  test('both can be switched off', () => {
    const bench = new Bench({ minFirstBytes: 0, minOffsetBytes: 0 });
    expect(bench.add(fragmentOf(fields, { start: 0, end: 8 })).events).toEqual([]);
    expect(bench.add(fragmentOf(fields, { start: 8, end: 16 })).events).toEqual([]);
  });
});

describe('beyond 65,535 bytes', () => {
  test('a fragment that ends behind it', () => {
    const payload = new Uint8Array(70_000);
    const last = { start: 65_504, end: 65_516 };
    expect(new Bench().add(fragmentOf({ protocol: 1, payload }, last, true)).events).toEqual([
      'ipv4.frag_pkt_too_large',
    ]);
    const fits = { start: 65_504, end: 65_515 };
    expect(new Bench().add(fragmentOf({ protocol: 1, payload }, fits, true)).events).toEqual([]);
    const last6 = { start: 65_528, end: 65_536 };
    expect(new Bench().add(fragmentOf({ ...V6, protocol: 58, payload }, last6)).events).toEqual([
      'ipv6.frag_pkt_too_large',
    ]);
    const fits6 = { start: 65_528, end: 65_535 };
    expect(new Bench().add(fragmentOf({ ...V6, protocol: 58, payload }, fits6, true)).events).toEqual([]);
  });

  test('only with the headers of the first, which comes last', () => {
    const bench = new Bench();
    const payload = new Uint8Array(65_512);
    const fields = { protocol: 250, payload };
    for (const bytes of fragmentsOf(fields, 1400).slice(1)) expect(bench.add(bytes).events).toEqual([]);
    const first = fragmentOf({ ...fields, ipOptions: new Uint8Array(40).fill(1) }, { start: 0, end: 1400 });
    expect(bench.add(first)).toEqual({ outcome: WAITS, events: ['ipv4.frag_pkt_too_large'] });
    const bench6 = new Bench();
    const fields6 = { ...V6, protocol: 250, payload: new Uint8Array(65_528) };
    for (const bytes of fragmentsOf(fields6, 1400).slice(1)) expect(bench6.add(bytes).events).toEqual([]);
    const extensions = [{ protocol: 0, bytes: Uint8Array.from([0, 0, 5, 2, 0, 0, 0, 0]) }];
    expect(bench6.add(fragmentOf({ ...fields6, extensions }, { start: 0, end: 1400 }))).toEqual({
      outcome: WAITS,
      events: ['ipv6.frag_pkt_too_large'],
    });
  });
});

describe('what a receiver does not accept is no part of the packet', () => {
  const fields = inIpv4(400);

  test('a header checksum that is wrong', () => {
    const bench = new Bench();
    const bad = fragmentOf(fields, { start: 0, end: 200 });
    bad[11]! ^= 1;
    expect(bench.add(bad)).toEqual({ outcome: WAITS, events: ['ipv4.invalid_checksum'] });
    expect(bench.defragmenter.size).toBe(0);
  });

  test('a fragment of which the capture cut the end', () => {
    const bench = new Bench();
    const bytes = fragmentOf(fields, { start: 160, end: 400 });
    expect(bench.add(bytes.subarray(0, 100), bytes.length).events).toEqual(['capture.trunc_pkt']);
    expect(bench.defragmenter.size).toBe(0);
  });
});

describe('condemned packets', () => {
  const fields = inIpv4(400);
  const first = fragmentOf(fields, { start: 0, end: 200 });
  const last = fragmentOf(fields, { start: 200, end: 400 });

  test('no fragment arrives any more, and no memory is held', () => {
    const bench = new Bench();
    bench.add(first);
    bench.condemn(first);
    expect(bench.add(last)).toEqual({ outcome: FRAGMENT.condemned, events: [] });
    expect(bench.add(first).outcome).toBe(FRAGMENT.condemned);
    expect(bench.defragmenter.usedBytes).toBe(0);
    expect(bench.add(fragmentOf({ ...fields, id: 2 }, { start: 0, end: 200 })).outcome).toBe(WAITS);
  });

  test('also where nothing was kept', () => {
    const bench = new Bench();
    bench.condemn(first);
    expect(bench.add(last).outcome).toBe(FRAGMENT.condemned);
  });

  test('until the time for the packet is over', () => {
    const bench = new Bench();
    bench.add(first);
    bench.timeMs += 59_000;
    bench.condemn(first);
    expect(bench.add(last).outcome).toBe(FRAGMENT.condemned);
    bench.timeMs += 1000;
    expect(bench.add(first).outcome).toBe(WAITS);
    expect(bench.defragmenter.timeouts).toBe(0);
  });
});

describe('bounds', () => {
  const fields = inIpv4(400);
  const firstOf = (id: number): Uint8Array => fragmentOf({ ...fields, id }, { start: 0, end: 200 });
  const lastOf = (id: number): Uint8Array => fragmentOf({ ...fields, id }, { start: 200, end: 400 });

  test('time: from the first fragment, whatever comes later', () => {
    const bench = new Bench();
    bench.add(firstOf(1));
    bench.timeMs += 59_999;
    expect(bench.add(firstOf(1)).outcome).toBe(WAITS);
    bench.timeMs += 1;
    expect(bench.add(lastOf(1)).outcome).toBe(WAITS);
    expect(bench.defragmenter).toMatchObject({ timeouts: 1, size: 1 });
    bench.defragmenter.expire(bench.timeMs + 60_000);
    expect(bench.defragmenter).toMatchObject({ timeouts: 2, size: 0, usedBytes: 0 });
  });

  test('time that goes back keeps nothing, nor what began behind it', () => {
    const bench = new Bench({ maxDatagrams: 3 });
    bench.add(firstOf(1));
    bench.condemn(firstOf(2));
    bench.timeMs -= 86_400_000;
    bench.add(firstOf(3));
    bench.timeMs += 59_999;
    expect(bench.add(firstOf(4)).events).toEqual(['ipv4.frag_ignored', 'defrag.max_datagrams']);
    bench.timeMs += 1;
    expect(bench.add(firstOf(4)).events).toEqual([]);
    expect(bench.defragmenter).toMatchObject({ timeouts: 2, size: 1 });
  });

  test('number: those that are there go on', () => {
    const bench = new Bench({ maxDatagrams: 3 });
    for (const id of [1, 2, 3]) expect(bench.add(firstOf(id)).events).toEqual([]);
    expect(bench.add(firstOf(4)).events).toEqual(['ipv4.frag_ignored', 'defrag.max_datagrams']);
    expect(bench.add(lastOf(2)).outcome).toBe(FRAGMENT.completes);
    expect(bench.add(firstOf(4)).events).toEqual([]);
  });

  test('number: those that are condemned count', () => {
    const bench = new Bench({ maxDatagrams: 3 });
    for (let id = 1; id <= 10; id++) bench.condemn(firstOf(id));
    expect(bench.defragmenter.size).toBe(3);
  });

  test('memory: a flood of fragments that begin far behind', () => {
    const memoryBytes = 2 ** 20;
    const bench = new Bench({ memoryBytes });
    const payload = new Uint8Array(65_000);
    let ignored = 0;
    for (let id = 0; id < 900; id++) {
      const { events } = bench.add(fragmentOf({ protocol: 17, payload, id }, { start: 64_000, end: 64_008 }));
      if (events.length === 0) continue;
      expect(events).toEqual(['ipv4.frag_ignored', 'defrag.memcap']);
      ignored++;
    }
    expect(ignored).toBeGreaterThan(0);
    expect(bench.defragmenter.usedBytes).toBeLessThanOrEqual(memoryBytes);
    bench.defragmenter.expire(bench.timeMs + 60_000);
    expect(bench.defragmenter).toMatchObject({ size: 0, usedBytes: 0 });
  });

  test('memory: headers count', () => {
    const bench = new Bench({ memoryBytes: 5000 });
    expect(bench.add(firstOf(1)).events).toEqual([]);
    expect(bench.defragmenter.usedBytes).toBe(4096 + 512 + 20);
  });

  test('a flood leaves nothing behind', () => {
    const bench = new Bench();
    for (let id = 0; id < 20_000; id++) {
      bench.add(firstOf(id % 65_536));
      bench.timeMs += 10;
    }
    bench.defragmenter.expire(bench.timeMs + 60_000);
    expect(bench.defragmenter).toMatchObject({ size: 0, usedBytes: 0 });
  });
});
