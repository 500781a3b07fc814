import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { DeliveredMemory, StreamMemory } from '../../src/stream/delivered-bytes.ts';
import { fuzzRuns } from '../support/fuzz.ts';
import { Conversation, TO_CLIENT, TO_SERVER } from './conversation.ts';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz';
/** Ten bytes are delivered and not acknowledged, ten before them are. */
function delivered(options = {}): Conversation {
  const talk = new Conversation(options).handshake();
  talk.fromClient({ seq: 1, ack: 1, data: ALPHABET.slice(0, 10) });
  talk.fromServer({ seq: 1, ack: 11 });
  talk.fromClient({ seq: 11, ack: 1, data: ALPHABET.slice(10, 20) });
  talk.takeLog();
  return talk;
}

describe('data that was delivered and is not acknowledged', () => {
  test.each([
    ['whole', 11, 'klmnopqrst', ''],
    ['its head', 11, 'klm', ''],
    ['its tail', 18, 'rst', ''],
    ['a part of it', 13, 'mno', ''],
    ['with acknowledged bytes before it', 5, 'efghijklm', ''],
    ['with other acknowledged bytes before it', 5, 'EFGHIJklm', ''],
    ['with new bytes behind it', 18, 'rstuvw', '>uvw'],
  ])('passes again: %s', (_, seq, data, log) => {
    const talk = delivered();
    expect(talk.fromClient({ seq, ack: 1, data })).toBe('inspected');
    expect(talk.events).toEqual(['stream.pkt_retransmission']);
    expect(talk.takeLog()).toBe(log);
  });

  test.each([
    ['whole', 11, 'KLMNOPQRST', 10],
    ['its head', 11, 'klM', 12],
    ['its tail', 18, 'rsT', 19],
    ['a part of it', 13, 'Mno', 12],
    ['with acknowledged bytes before it', 5, 'efghijkLm', 11],
    ['with new bytes behind it', 18, 'rsTuvw', 19],
  ])('is refused with other bytes in its place: %s', (_, seq, data, offset) => {
    const talk = delivered();
    expect(talk.fromClient({ seq, ack: 1, data })).toBe('differs');
    expect(talk.events).toEqual(['tcp.retransmit_differs']);
    expect(talk.tracker.differingOffset).toBe(offset);
    expect(talk.takeLog()).toBe('');
    expect(talk.fromClient({ seq: 21, ack: 1, data: 'uvw' })).toBe('inspected');
  });

  test('is let go of as it is acknowledged', () => {
    const talk = delivered();
    expect(talk.tracker.keptBytes).toBeGreaterThan(0);
    talk.fromServer({ seq: 1, ack: 16 });
    expect(talk.fromClient({ seq: 11, ack: 1, data: 'KLMNOpqrst' })).toBe('inspected');
    expect(talk.fromClient({ seq: 11, ack: 1, data: 'klmnoPqrst' })).toBe('differs');
    talk.fromServer({ seq: 1, ack: 21 });
    expect(talk.tracker.keptBytes).toBe(0);
    expect(talk.fromClient({ seq: 11, ack: 1, data: 'KLMNOPQRST' })).toBe('inspected');
    expect(talk.events).toEqual(['stream.pkt_spurious_retransmission']);
  });

  test('is compared behind a FIN too, and let go of with a RST from its sender, or with the flow', () => {
    const talk = delivered();
    talk.fromClient({ flags: 'FA', seq: 21, ack: 1 });
    expect(talk.fromClient({ seq: 11, ack: 1, data: 'KLMNOPQRST' })).toBe('differs');
    talk.fromClient({ flags: 'RA', seq: 22, ack: 1 });
    expect(talk.tracker.keptBytes).toBe(0);
    const other = delivered();
    other.flows.release(other.slot);
    expect(other.tracker.keptBytes).toBe(0);
  });

  test('is kept when it waited behind a hole', () => {
    const talk = new Conversation().handshake();
    talk.fromClient({ seq: 4, ack: 1, data: 'def' });
    talk.fromClient({ seq: 1, ack: 1, data: 'abc' });
    expect(talk.fromClient({ seq: 2, ack: 1, data: 'bcdEf' })).toBe('differs');
    expect(talk.tracker.differingOffset).toBe(4);
    expect(talk.fromClient({ seq: 2, ack: 1, data: 'bcdef' })).toBe('inspected');
  });

  test('is compared across the wrap of sequence numbers', () => {
    const talk = new Conversation({}, { isn: 0xffff_fff8 }).handshake();
    talk.fromClient({ seq: 1, ack: 1, data: ALPHABET });
    expect(talk.fromClient({ seq: 5, ack: 1, data: 'efghijklm' })).toBe('inspected');
    expect(talk.fromClient({ seq: 5, ack: 1, data: 'efghijklM' })).toBe('differs');
  });

  test('is not kept where this host has sent it', () => {
    const talk = new Conversation().handshake();
    talk.fromClient({ seq: 1, ack: 1, data: 'abc', outInterface: 2 });
    expect(talk.tracker.keptBytes).toBe(0);
    expect(talk.fromClient({ seq: 1, ack: 1, data: 'aXc', outInterface: 2 })).toBe('inspected');
    // Somebody else who sends in its name.
    expect(talk.fromClient({ seq: 1, ack: 1, data: 'aXc' })).toBe('not-compared');
  });

  test('what came before a pick-up in the middle becomes its beginning, unless the receiver is known to have it', () => {
    const talk = new Conversation({ midstreamUntilMs: 2000 });
    talk.fromClient({ seq: 50, ack: 1, data: 'abc' });
    expect(talk.fromClient({ seq: 40, ack: 1, data: '0123456789abX' })).toBe('differs');
    expect(talk.fromClient({ seq: 45, ack: 1, data: '56789abc' })).toBe('inspected');
    expect(talk.received[TO_SERVER]).toBe('56789abc');
    talk.fromServer({ seq: 1, ack: 43 });
    expect(talk.fromClient({ seq: 40, ack: 1, data: '0123456789abc' })).toBe('inspected');
    expect(talk.received[TO_SERVER]).toBe('3456789abc');
    expect(talk.fromClient({ seq: 30, ack: 1, data: 'before' })).toBe('inspected');
    expect(talk.received[TO_SERVER]).toBe('3456789abc');
  });
});

describe('bounds', () => {
  test('of one direction the newest bytes are kept', () => {
    const talk = new Conversation({ maxOutOfOrderBytes: 20_000 }).handshake();
    talk.fromServer({ seq: 1, ack: 1, window: 65_535 });
    const data = 'x'.repeat(1000);
    for (let n = 0; n < 60; n++) talk.fromClient({ seq: 1 + n * 1000, ack: 1, data });
    expect(talk.tracker.keptBytes).toBeLessThan(110_000);
    expect(talk.fromClient({ seq: 59_001, ack: 1, data })).toBe('inspected');
    expect(talk.fromClient({ seq: 59_001, ack: 1, data: `${data.slice(1)}y` })).toBe('differs');
    expect(talk.fromClient({ seq: 1, ack: 1, data })).toBe('not-compared');
    expect(talk.events).toEqual(['stream.pkt_retransmission', 'tcp.retransmit_not_compared']);
  });

  test('of all connections it is a half, and goes on when there is room again', () => {
    const talk = new Conversation({ maxTotalBytes: 2 * 1280 }).handshake();
    talk.fromClient({ seq: 1, ack: 1, data: 'abc' });
    expect(talk.tracker.keptBytes).toBe(1280);
    expect(talk.fromServer({ seq: 1, ack: 1, data: 'abc' })).toBe('inspected');
    expect(talk.fromServer({ seq: 1, ack: 1, data: 'abX' })).toBe('not-compared');
    expect(talk.received[TO_CLIENT]).toBe('abc');
    talk.fromServer({ seq: 4, ack: 4 });
    expect(talk.tracker.keptBytes).toBe(0);
    talk.fromClient({ seq: 4, ack: 4 });
    expect(talk.fromServer({ seq: 4, ack: 4, data: 'def' })).toBe('inspected');
    expect(talk.fromServer({ seq: 4, ack: 4, data: 'deX' })).toBe('differs');
  });
});

test('keeps the range that it says, whatever is appended and released', () => {
  const step = fc.oneof(
    fc.record({ append: fc.integer({ min: 1, max: 3000 }) }),
    fc.record({ release: fc.integer({ min: -50, max: 3000 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), fc.integer(), fc.nat(30_000), (steps, initial, maxBytes) => {
      const memory = new StreamMemory(1_000_000);
      const pool = new DeliveredMemory(memory, 1_000_000);
      const kept = pool.open();
      const source = Uint8Array.from({ length: 3000 * 25 }, (_, i) => (i * 7919) >>> 3);
      let at = 0;
      for (const each of steps) {
        if ('append' in each) {
          const from = (initial + at) | 0;
          expect(kept.append(from, source, at, at + each.append, maxBytes)).toBe(true);
          at += each.append;
          expect(kept.end).toBe((initial + at) | 0);
        } else if (!kept.isEmpty) kept.release((kept.start + each.release) | 0);
        if (kept.isEmpty) continue;
        const start = (kept.start - initial) | 0;
        const length = at - start;
        expect(kept.firstDifference(kept.start, source, start, length)).toBe(-1);
        const changed = source.slice(start, at);
        const place = (length * 7) % length || length - 1;
        changed[place] = changed[place]! ^ 1;
        expect(kept.firstDifference(kept.start, changed, 0, length)).toBe(place);
      }
      pool.close(kept);
      expect(memory.usedBytes).toBe(0);
    }),
    { numRuns: fuzzRuns(80) },
  );
});

/**
 * A receiver that is free to lose whatever it likes, and to prefer the first or the last of what arrives in one place:
 * what it reads is what was inspected, since it gets only packets that passed.
 */
test('whatever the receiver makes of what passes, it reads what was inspected', () => {
  const segment = fc.record({
    seq: fc.integer({ min: 1, max: 60 }),
    length: fc.integer({ min: 1, max: 30 }),
    fill: fc.constantFrom('true', 'true', 'false'),
    isLost: fc.boolean(),
    prefersLast: fc.boolean(),
    isAcked: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 60 }), fc.integer(), (segments, isn) => {
      const talk = new Conversation({}, { isn: isn >>> 0 }).handshake();
      const held: string[] = [];
      let read = 0;
      for (const { seq, length, fill, isLost, prefersLast, isAcked } of segments) {
        const at = seq - 1;
        const data = Array.from({ length }, (_, i) => (fill === 'true' ? ALPHABET[(at + i) % 26]! : '#')).join('');
        const outcome = talk.fromClient({ seq, ack: 1, data });
        if ((outcome === 'inspected' || outcome === 'kept') && !isLost) {
          for (let i = 0; i < length; i++) {
            if (at + i >= read && (prefersLast || held[at + i] === undefined)) held[at + i] = data[i]!;
          }
        }
        while (held[read] !== undefined) read++;
        expect(held.slice(0, read).join('')).toBe(talk.received[TO_SERVER].slice(0, read));
        if (isAcked) talk.fromServer({ seq: 1, ack: 1 + read });
      }
    }),
    { numRuns: fuzzRuns(500) },
  );
});

test('a differing byte is found wherever it is', () => {
  const talk = new Conversation().handshake();
  const bytes = Uint8Array.from({ length: 30_000 }, (_, i) => i & 0xff);
  talk.fromClient({ seq: 1, ack: 1, data: bytes.slice(0, 1000) });
  talk.fromClient({ seq: 1001, ack: 1, data: bytes.slice(1000) });
  for (const at of [0, 999, 1000, 1023, 1024, 9215, 9216, 29_999]) {
    const changed = bytes.slice();
    changed[at] = changed[at]! ^ 0x80;
    expect(talk.fromClient({ seq: 1, ack: 1, data: changed })).toBe('differs');
    expect(talk.tracker.differingOffset).toBe(at);
  }
  expect(talk.received[TO_SERVER]).toBe(latin1(bytes));
});
