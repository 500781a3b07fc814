import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { FlowTable } from '../../src/flow/table.ts';
import type { StreamConsumer } from '../../src/stream/consumer.ts';
import { STREAM_EVENTS } from '../../src/stream/events.ts';
import { DEFAULT_TCP_TRACKER_OPTIONS } from '../../src/stream/options.ts';
import { TcpTracker } from '../../src/stream/tracker.ts';
import { Packet } from '../../src/wire/packet.ts';
import { fuzzRuns } from '../support/fuzz.ts';
import { growthOf, LINEAR } from '../support/growth.ts';
import { usedMemory } from '../support/heap.ts';
import { Conversation, type Side, setSegment, TO_CLIENT, TO_SERVER } from './conversation.ts';

const isn = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.integer({ min: 0xffff_ff00, max: 0xffff_ffff }),
  fc.constantFrom(0x7fff_fff0, 0x7fff_ffff, 0x8000_0000),
);

/** Slices of a stream that together cover it, with overlaps, shuffled, some several times. */
const slices = (length: number) =>
  fc
    .tuple(
      fc.uniqueArray(fc.integer({ min: 1, max: length - 1 }), { maxLength: 40 }),
      fc.array(fc.tuple(fc.nat(length - 1), fc.integer({ min: 1, max: 80 })), { maxLength: 30 }),
    )
    .map(([cuts, extra]) => {
      const edges = [0, ...cuts.sort((a, b) => a - b), length];
      const cover = edges.slice(1).map((end, i): [number, number] => [edges[i]!, end]);
      const again = extra.map(([start, bytes]): [number, number] => [start, Math.min(start + bytes, length)]);
      return [...cover, ...again];
    })
    .chain((all) => fc.shuffledSubarray(all, { minLength: all.length }));

describe('any segmentation, order and duplication of the same bytes', () => {
  test('delivers them exactly once and in order, and lets go of all memory', () => {
    fc.assert(
      fc.property(
        isn,
        fc
          .uint8Array({ minLength: 2, maxLength: 2000 })
          .chain((bytes) => fc.tuple(fc.constant(bytes), slices(bytes.length))),
        fc.boolean(),
        (initial, [bytes, parts], isLate) => {
          const talk = new Conversation({}, { isn: initial }).handshake();
          talk.fromServer({ seq: 1, ack: 1, window: 65_535 });
          const finAt = isLate ? parts.length : Math.floor(parts.length / 2);
          parts.forEach(([start, end], index) => {
            if (index === finAt) talk.fromClient({ flags: 'FA', seq: 1 + bytes.length, ack: 1 });
            const outcome = talk.fromClient({ seq: 1 + start, ack: 1, data: bytes.slice(start, end) });
            expect(['inspected', 'kept']).toContain(outcome);
          });
          if (isLate) talk.fromClient({ flags: 'FA', seq: 1 + bytes.length, ack: 1 });
          expect(talk.received[TO_SERVER]).toBe(latin1(bytes));
          expect(talk.ended).toEqual([1, 0]);
          talk.fromServer({ seq: 1, ack: 2 + bytes.length });
          expect(talk.tracker.keptBytes).toBe(0);
          talk.flows.release(talk.slot);
          expect(talk.ended).toEqual([1, 1]);
        },
      ),
      { numRuns: fuzzRuns(400) },
    );
  });

  test('losing slices, then acknowledging all: every byte is delivered or in a gap', () => {
    fc.assert(
      fc.property(
        isn,
        fc
          .uint8Array({ minLength: 2, maxLength: 2000 })
          .chain((bytes) => fc.tuple(fc.constant(bytes), slices(bytes.length))),
        fc.array(fc.boolean(), { minLength: 80, maxLength: 80 }),
        (initial, [bytes, parts], isLost) => {
          const talk = new Conversation({ mayMissPackets: true }, { isn: initial }).handshake();
          parts.forEach(([start, end], index) => {
            if (!isLost[index % isLost.length])
              talk.fromClient({ seq: 1 + start, ack: 1, data: bytes.slice(start, end) });
          });
          talk.fromClient({ flags: 'FA', seq: 1 + bytes.length, ack: 1 });
          talk.fromServer({ seq: 1, ack: 2 + bytes.length });
          const got = talk.received[TO_SERVER];
          const whole = latin1(bytes);
          expect(got.length).toBe(whole.length);
          for (let i = 0; i < got.length; i++) if (got[i] !== '?') expect(got[i]).toBe(whole[i]);
          expect(talk.ended[TO_SERVER]).toBe(1);
          expect(talk.tracker.keptBytes).toBe(0);
        },
      ),
      { numRuns: fuzzRuns(200) },
    );
  });

  test('re-sent differing bytes never reach the consumer where others were kept', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 60 }), fc.integer({ min: 1, max: 60 }), isn, (seq, length, initial) => {
        const talk = new Conversation({}, { isn: initial }).handshake();
        const stream = 'a'.repeat(200);
        talk.fromClient({ seq: 20, ack: 1, data: stream.slice(0, 30) });
        const overlaps = seq < 50 && seq + length > 20;
        const outcome = talk.fromClient({ seq, ack: 1, data: 'b'.repeat(length) });
        expect(outcome).toBe(overlaps ? 'differs' : 'kept');
      }),
      { numRuns: fuzzRuns(100) },
    );
  });
});

/** Small numbers, so that packets meet; far ones, so that they do not. */
const hostileSegment = fc.record({
  isFromClient: fc.boolean(),
  flags: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(0x10, 0x18, 0x02, 0x12, 0x11, 0x04) }, fc.nat(255)),
  seq: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: -3, max: 60 }) },
    fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
  ),
  ack: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: -3, max: 60 }) },
    fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
  ),
  window: fc.constantFrom(0, 1, 100, 65_535),
  data: fc.uint8Array({ maxLength: 40 }),
  options: fc.oneof(fc.constant([] as number[]), fc.array(fc.nat(255), { minLength: 4, maxLength: 40 })),
  timeMs: fc.integer({ min: 0, max: 500_000 }),
  /** Before it, packets passed unseen. */
  isBehindLapse: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true)),
});

describe('hostile packets', () => {
  test('never throw, stay within all bounds, keep offsets and ends right, and leave nothing behind', () => {
    const limits = { maxOutOfOrderBytes: 60, maxOutOfOrderSegments: 5, maxTotalBytes: 3000 };
    fc.assert(
      fc.property(
        fc.array(hostileSegment, { maxLength: 60 }),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        isn,
        (segments, isOpen, isMidstream, mayMissPackets, initial) => {
          const talk = new Conversation(
            { ...limits, mayMissPackets, midstreamUntilMs: isMidstream ? 250_000 : 0 },
            { isn: initial },
          );
          if (isOpen) talk.handshake();
          for (const { isFromClient, flags, isBehindLapse, ...rest } of segments) {
            if (isBehindLapse) talk.tracker.noteLapse();
            const [from, to] = isFromClient ? [talk.client, talk.server] : [talk.server, talk.client];
            setSegment(talk.packet, from, to, rest);
            talk.packet.tcpFlags = flags;
            talk.packet.acknowledgement = (to.isn + rest.ack) >>> 0;
            talk.flows.lookup(talk.packet);
            talk.tracker.packet(talk.packet);
            expect(talk.tracker.keptBytes).toBeGreaterThanOrEqual(0);
            expect(talk.tracker.keptBytes).toBeLessThanOrEqual(limits.maxTotalBytes);
            for (const event of talk.packet.events) expect(STREAM_EVENTS).toHaveProperty([event]);
            talk.flows.expire(rest.timeMs, 10);
          }
          talk.flows.forEach((slot) => {
            talk.flows.release(slot);
          });
          expect(talk.tracker.keptBytes).toBe(0);
          expect(talk.tracker.sessionCount).toBe(0);
          expect(talk.flows.size).toBe(0);
          expect(talk.ended[TO_SERVER]).toBe(talk.ended[TO_CLIENT]);
        },
      ),
      { numRuns: fuzzRuns(600) },
    );
  });

  test('one-byte segments in the worst order cost about the same each', async () => {
    const growth = await growthOf((scale) => () => {
      const talk = new Conversation({ maxOutOfOrderSegments: 1024 }).handshake();
      for (let i = 0; i < 4000 * scale; i++) talk.fromClient({ seq: 60_000 - ((i * 2) % 50_000), ack: 1, data: 'x' });
    });
    expect(growth).toBeLessThan(LINEAR);
  });
});

describe('memory', () => {
  class Counting implements StreamConsumer {
    bytes = 0;
    onData(_flow: number, _direction: number, _bytes: Uint8Array, start: number, end: number): void {
      this.bytes += end - start;
    }
    onGap(): void {}
    onRestart(): void {}
    onEnd(): void {}
  }

  // One object of 16 bytes for every other packet would be 16,000; the question itself allocates a little.
  test.each([
    ['from this host', 2, 4000],
    // What is kept of a packet is copied through a view of it, which is all that it costs.
    ['from elsewhere', 0, 110_000],
  ])('a million in-order packets %s leave the heap as it was', (_, outInterface, maxGrownBytes) => {
    const consumer = new Counting();
    const flows: FlowTable = new FlowTable([1, 2], (slot) => tracker.end(slot));
    const tracker: TcpTracker = new TcpTracker(flows, consumer, { mayMissPackets: false });
    const client: Side = { address: 1, port: 40_000, isn: 0xff00_0000 };
    const server: Side = { address: 2, port: 80, isn: 5 };
    const packet = new Packet();
    const send = (from: Side, to: Side, flags: string, seq: number, ack: number): void => {
      setSegment(packet, from, to, { flags, seq, ack });
      flows.lookup(packet);
      tracker.packet(packet);
    };
    send(client, server, 'S', 0, 0);
    send(server, client, 'SA', 0, 1);
    send(client, server, 'A', 1, 1);

    const data = setSegment(new Packet(), client, server, { seq: 1, ack: 1, data: new Uint8Array(1448) });
    data.outInterface = outInterface;
    const answer = setSegment(new Packet(), server, client, { seq: 1, ack: 1 });
    const exchange = (count: number): void => {
      for (let i = 0; i < count; i++) {
        flows.lookup(data);
        tracker.packet(data);
        data.sequence = (data.sequence + 1448) >>> 0;
        answer.acknowledgement = data.sequence;
        flows.lookup(answer);
        tracker.packet(answer);
      }
    };
    exchange(20_000);
    const grownBytes: number[] = [];
    for (let batch = 0; batch < 500; batch++) {
      const before = process.memoryUsage().heapUsed;
      exchange(1000);
      grownBytes.push(process.memoryUsage().heapUsed - before);
    }
    expect(consumer.bytes).toBe(520_000 * 1448);
    expect(data.events).toEqual([]);
    expect(tracker.keptBytes).toBe(0);
    // The median, since a collection in between makes some negative.
    const median = grownBytes.sort((a, b) => a - b)[250]!;
    expect(median).toBeLessThan(maxGrownBytes);
  });

  test('a flood of SYNs takes less than a KiB for each connection', () => {
    const maxTcpFlows = 20_000;
    const talk = new Conversation({}, { flows: { maxTcpFlows } });
    const flood = (count: number): void => {
      for (let i = 0; i < count; i++) {
        talk.client.address++;
        talk.fromClient({ flags: 'S', data: i % 2 === 0 ? '' : 'x' });
      }
      talk.log.length = 0;
      talk.received = ['', ''];
    };
    const before = usedMemory();
    flood(maxTcpFlows);
    const full = usedMemory();
    expect(talk.tracker.sessionCount).toBe(maxTcpFlows);
    expect((full.heapBytes - before.heapBytes) / maxTcpFlows).toBeLessThan(1024);
    // Data of SYNs has a share of the memory, however many there are.
    expect(talk.tracker.keptBytes).toBeLessThanOrEqual(DEFAULT_TCP_TRACKER_OPTIONS.maxTotalBytes / 8);
    expect(full.bufferBytes - before.bufferBytes).toBeLessThan(DEFAULT_TCP_TRACKER_OPTIONS.maxTotalBytes / 4);
  });

  test('connections coming and going leave neither sessions nor flows', () => {
    const talk = new Conversation({}, { flows: { maxTcpFlows: 50 } });
    for (let i = 0; i < 20_000; i++) {
      talk.client.port = 1024 + i;
      talk.handshake();
      talk.fromClient({ flags: 'FA', seq: 1, ack: 1, data: 'x' });
      talk.fromServer({ flags: 'FA', seq: 1, ack: 3 });
      talk.fromClient({ seq: 3, ack: 2 });
      talk.takeLog();
    }
    expect(talk.received[TO_SERVER].length).toBe(20_000);
    expect(talk.flows.size).toBe(50);
    expect(talk.tracker.sessionCount).toBe(50);
    expect(talk.ended).toEqual([20_000, 20_000]);
    expect(new Set(talk.endReasons)).toEqual(new Set(['evicted']));
  });
});
