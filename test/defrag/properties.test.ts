import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { LINK } from '../../src/wire/packet.ts';
import { fuzzRuns } from '../support/fuzz.ts';
import { buildIp, buildUdp, framed, hex } from '../support/packets.ts';
import { conversation, Player, playPackets } from '../support/play.ts';
import { type FragmentFields, fragmentOf, transportOf } from './fragments.ts';

const V4 = { source: '192.0.2.1', destination: '192.0.2.2' } as const;
const V6 = { source: '2001:db8::1', destination: '2001:db8::2' } as const;
/** The smallest first piece that the checks accept, over IPv4. */
const MIN_PIECE_BYTES = 104;

/** Where a payload of this length may be cut: at multiples of eight, and not too early. */
const cutsOf = (length: number): fc.Arbitrary<number[]> =>
  length <= MIN_PIECE_BYTES
    ? fc.constant([])
    : fc
        .uniqueArray(fc.integer({ min: MIN_PIECE_BYTES / 8, max: Math.floor((length - 1) / 8) }), { maxLength: 12 })
        .map((blocks) => blocks.sort((a, b) => a - b).map((block) => block * 8));

function cut(fields: FragmentFields, cuts: readonly number[]): Uint8Array[] {
  const ends = [...cuts, fields.payload.length];
  return ends.map((end, i) => fragmentOf(fields, { start: i === 0 ? 0 : ends[i - 1]!, end }));
}

/** As they are, or in another order, and some of them twice. */
const shuffled = (fragments: Uint8Array[]): fc.Arbitrary<Uint8Array[]> =>
  fc
    .tuple(fc.shuffledSubarray(fragments, { minLength: fragments.length }), fc.subarray(fragments))
    .map(([all, again]) => {
      // The one that completes the packet comes once, or its copy would begin another packet.
      const last = all.at(-1)!;
      return [...all.slice(0, -1), ...again.filter((bytes) => bytes !== last && all.includes(bytes)), last];
    });

describe('a packet cut into legal fragments, in any order, is the same packet', () => {
  const rules =
    'drop udp any any -> any any (content:"attack"; offset:100; sid:1;)\nalert udp any any -> any any (dsize:>200; sid:2;)';

  test.each([
    ['IPv4', V4],
    ['IPv6', V6],
  ] as const)('%s', (_, addresses) => {
    fc.assert(
      fc.property(
        fc.tuple(fc.integer({ min: 120, max: 3000 }), fc.integer({ min: 0, max: 2900 })).chain(([length, at]) => {
          const payload = new Uint8Array(length).fill(0x2e);
          payload.set(Buffer.from('attack').subarray(0, Math.max(0, length - at)), Math.min(at, length));
          const whole = buildUdp({ ...addresses, payload });
          const fields = { ...addresses, protocol: 17, payload: transportOf(whole) };
          return cutsOf(fields.payload.length)
            .filter((cuts) => cuts.length > 0)
            .chain((cuts) => fc.tuple(fc.constant(whole), shuffled(cut(fields, cuts))));
        }),
        ([whole, fragments]) => {
          const plain = playPackets([whole], { rules, mode: 'prevent' });
          const pieces = playPackets(fragments, { rules, mode: 'prevent' });
          expect(pieces.alerts).toEqual(plain.alerts);
          expect(pieces.anomalies).toEqual([]);
          // Only the last fragment can fail, as the whole packet does.
          expect(pieces.dropped).toEqual(plain.dropped.map(() => fragments.length));
        },
      ),
      { numRuns: fuzzRuns(60) },
    );
  });

  test('a connection of which every packet comes in pieces', () => {
    const rules = 'drop http any any -> any any (http.uri; content:"/attack"; sid:1;)';
    const packets = conversation([
      { direction: TO_SERVER, bytes: Buffer.from(`GET /attack HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(900)}\r\n\r\n`) },
      { direction: TO_CLIENT, bytes: Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n') },
    ]);
    const plain = playPackets(packets, { rules, mode: 'prevent' });
    expect(plain.blockedAlerts).toEqual([1]);
    fc.assert(
      fc.property(fc.array(fc.nat(100), { minLength: packets.length, maxLength: packets.length }), (seeds) => {
        const player = new Player({ rules, mode: 'prevent' });
        packets.forEach((packet, i) => {
          const from = packet.subarray(12, 16).join('.');
          const payload = transportOf(packet);
          const fields = { source: from, destination: packet.subarray(16, 20).join('.'), protocol: 6, payload, id: i };
          const at = MIN_PIECE_BYTES + seeds[i]! * 8;
          for (const bytes of payload.length > at ? cut(fields, [at]).reverse() : [packet]) player.send(bytes);
        });
        const played = player.finish();
        expect(played.alerts).toEqual(plain.alerts);
        expect(played.appProtocols).toEqual(plain.appProtocols);
      }),
      { numRuns: fuzzRuns(30) },
    );
  });
});

describe('hostile fragments', () => {
  const memoryBytes = 2 ** 20;
  const maxDatagrams = 40;
  const config = { defrag: { memoryBytes, maxDatagrams } };
  const rules =
    'alert ip any any -> any any (content:"attack"; sid:1;)\nalert udp any any -> any any (dsize:>10; sid:2;)\n' +
    'alert pkthdr any any -> any any (decode-event:ipv4.frag_overlap; sid:3;)';

  const number16 = fc.oneof(fc.constantFrom(0, 1, 7, 8, 20, 40, 0x1fff, 0x2000, 0x3fff, 0xffff), fc.nat(0xffff));
  const fragment = fc
    .record({
      isV6: fc.boolean(),
      id: fc.nat(3),
      protocol: fc.constantFrom(0, 1, 4, 6, 17, 41, 43, 44, 47, 51, 58, 60, 132),
      block: fc.oneof(fc.nat(40), fc.constantFrom(0, 1, 8185, 8190, 8191)),
      length: fc.oneof(
        fc.nat(30).map((n) => n * 8),
        fc.nat(400),
        fc.constantFrom(1480, 9000),
      ),
      isLast: fc.boolean(),
      fill: fc.nat(3),
    })
    .map(({ isV6, id, protocol, block, length, isLast, fill }) =>
      buildIp({
        ...(isV6 ? V6 : V4),
        id,
        protocol,
        payload: new Uint8Array(length).fill(fill),
        fragmentOffsetBytes: block * 8,
        moreFragments: !isLast,
      }),
    );
  /** Into which tunnel it goes, what of its header is overwritten, where it is cut and by whom. */
  const packet = fc
    .record({
      bytes: fragment,
      wrap: fc.constantFrom('', '', '', '4', '41', '47', 'vxlan', 'teredo'),
      changes: fc.array(fc.record({ at: fc.nat(60), value: number16 }), { maxLength: 2 }),
      kept: fc.oneof(
        { weight: 4, arbitrary: fc.constant(1) },
        { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
      ),
      isCutByCapture: fc.boolean(),
      stepMs: fc.constantFrom(0, 1, 1000, 61_000, -5000),
    })
    .map(({ bytes, wrap, changes, kept, isCutByCapture, stepMs }) => {
      const copy = wrapped(bytes, wrap).slice();
      for (const { at, value } of changes) {
        if (at + 1 < copy.length) copy.set([value >> 8, value & 0xff], at);
      }
      const cutBytes = copy.subarray(0, Math.ceil(copy.length * kept));
      return { bytes: cutBytes, wireBytes: isCutByCapture ? copy.length : cutBytes.length, stepMs };
    });

  function wrapped(bytes: Uint8Array, wrap: string): Uint8Array {
    const behind = (header: string): Uint8Array => new Uint8Array(Buffer.concat([hex(header), bytes]));
    if (wrap === '4' || wrap === '41') return buildIp({ ...V4, protocol: Number(wrap), payload: bytes });
    if (wrap === '47') return buildIp({ ...V6, protocol: 47, payload: behind('0000 0800') });
    if (wrap === 'teredo') return buildUdp({ ...V4, destinationPort: 3544, payload: bytes });
    if (wrap === '') return bytes;
    const frame = behind('08000000 00000100 020000000002 020000000001 0800');
    return buildUdp({ ...V4, destinationPort: 4789, payload: frame });
  }

  test.each(['drop', 'report', 'off'] as const)('checks: %s. Nothing throws, nothing grows', (policy) => {
    fc.assert(
      fc.property(fc.array(packet, { minLength: 1, maxLength: 60 }), (packets) => {
        const { played } = new Player({ rules, mode: 'prevent', config: { ...config, checks: { policy } } });
        const { pipeline } = played;
        let timeMs = 1_700_000_000_000;
        packets.forEach(({ bytes, wireBytes, stepMs }, i) => {
          timeMs += stepMs;
          pipeline.process(framed(bytes, { wireBytes, timeMs, number: i + 1, linkType: LINK.rawIp }));
        });
        pipeline.updateGauges();
        expect(pipeline.counters.get('defrag.memuse')).toBeLessThanOrEqual(memoryBytes);
        expect(pipeline.counters.get('decoder.pkts')).toBe(packets.length);
        pipeline.expire(timeMs + 10 * 61_000);
        pipeline.updateGauges();
        expect(pipeline.counters.get('defrag.memuse')).toBe(0);
        pipeline.finish();
      }),
      { numRuns: fuzzRuns(80) },
    );
  });
});
