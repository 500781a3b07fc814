import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TCP_STATE } from '../../src/stream/session.ts';
import { fuzzRuns } from '../support/fuzz.ts';
import { Conversation, type Segment, TO_SERVER } from './conversation.ts';

// Where a connection is met in the middle, or met again behind packets that nobody saw, its sender could make us begin
// elsewhere than its receiver is. What the receiver then reads must have been inspected all the same.

const live = { midstreamUntilMs: Number.POSITIVE_INFINITY, mayMissPackets: true };
const data = (seq: number, text: string, ack = 1): Segment => ({ flags: 'PA', seq, ack, data: text });

describe('a connection that is picked up', () => {
  test('too late, by data that was sent ahead: what comes before it is inspected, and what came once more', () => {
    const talk = new Conversation(live);
    expect(talk.fromClient(data(506, 'ttack'))).toBe('inspected');
    expect(talk.fromClient(data(500, 'GET /a'))).toBe('inspected');
    expect(talk.takeLog()).toBe('>ttack >| >GET /a >ttack');
    expect(talk.fromServer({ seq: 1, ack: 511 })).toBe('inspected');
    expect(talk.fromClient(data(520, 'more'))).toBe('kept');
  });

  test('too early, by data of the past: what the server reads next does not pass before that is known', () => {
    const talk = new Conversation(live);
    expect(talk.fromClient(data(100, 'old'))).toBe('inspected');
    expect(talk.fromClient(data(500, 'attack'))).toBe('unplaced');
    expect(talk.takeLog()).toBe('>old');
    talk.fromServer({ seq: 1, ack: 500 });
    expect(talk.takeLog()).toBe('>[397] >attack');
    expect(talk.fromClient(data(500, 'attack'))).toBe('inspected');
    expect(talk.fromClient(data(500, 'attacK'))).toBe('differs');
  });

  test('by what carries nothing is not placed: it may have been overtaken', () => {
    const talk = new Conversation(live);
    talk.fromClient({ seq: 100, ack: 1 });
    expect(talk.fromClient(data(500, 'request'))).toBe('inspected');
    expect(talk.takeLog()).toBe('>request');
  });

  test('far too late, by a number out of nowhere', () => {
    const talk = new Conversation(live);
    talk.fromClient(data(900_000_000, 'nothing'));
    talk.fromServer({ seq: 1, ack: 500 });
    expect(talk.fromClient(data(500, 'attack'))).toBe('inspected');
    expect(talk.takeLog()).toBe('>nothing >| >attack');
    expect(talk.fromServer({ seq: 1, ack: 506 })).toBe('inspected');
    expect(talk.fromClient(data(506, 'more'))).toBe('inspected');
    expect(talk.takeLog()).toBe('>more');
  });

  test('by a FIN or a RST out of place is not over', () => {
    const talk = new Conversation(live);
    talk.fromClient({ ...data(900, 'bye'), flags: 'FA' });
    expect(talk.takeLog()).toBe('>bye');
    talk.fromClient({ flags: 'R', seq: 904 });
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.established);
    talk.fromServer({ seq: 1, ack: 500 });
    expect(talk.fromClient(data(500, 'attack'))).toBe('inspected');
    expect(talk.takeLog()).toBe('>| >attack');
  });

  test('while its data is under way goes on, and data from before is not asked for again', () => {
    const talk = new Conversation(live);
    talk.fromClient(data(500, 'abc'));
    talk.fromServer({ seq: 1, ack: 480 });
    expect(talk.fromClient(data(503, 'def'))).toBe('inspected');
    talk.fromServer({ seq: 1, ack: 503 });
    talk.fromServer({ seq: 1, ack: 506 });
    // Now a hole is a hole again.
    expect(talk.fromClient(data(510, 'xyz'))).toBe('kept');
    expect(talk.fromClient(data(506, 'ghij'))).toBe('inspected');
    expect(talk.takeLog()).toBe('>abc >def >ghij >xyz');
  });

  test('again and again from further back: it ends', () => {
    const talk = new Conversation(live);
    talk.fromClient(data(5000, 'x'));
    talk.fromServer({ seq: 1, ack: 1 });
    const outcomes = Array.from({ length: 20 }, (_, i) => talk.fromClient(data(4999 - i, 'x')));
    expect(outcomes.filter((outcome) => outcome === 'inspected')).toHaveLength(8);
    expect(outcomes.slice(8)).toEqual(Array(12).fill('unplaced'));
  });

  test('whatever its client sends first: what the server reads was inspected, in one piece', () => {
    const text = 'GET /attack HTTP/1.1';
    const piece = fc.record({ at: fc.nat(text.length - 1), length: fc.integer({ min: 1, max: 8 }) });
    const fake = fc.record({
      seq: fc.integer({ min: 0, max: 2000 }),
      text: fc.constantFrom('a', 'decoy', 'x'.repeat(30)),
    });
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fake), { maxLength: 12 }), fc.boolean(), (steps, hasLapse) => {
        const talk = new Conversation(live);
        const START = 500;
        if (hasLapse) {
          talk.handshake();
          talk.fromClient(data(1, 'GET /'));
          talk.tracker.noteLapse();
        }
        const server = new Receiver(START);
        const deliver = (segment: Segment): void => {
          const outcome = talk.fromClient(segment);
          if (!PASSING.has(outcome)) return;
          server.take(segment.seq!, segment.data as string);
          // Behind each packet that it got, and some time later.
          talk.fromServer({ seq: 1, ack: server.next });
        };
        for (const step of steps) {
          if ('at' in step) deliver(data(START + step.at, text.slice(step.at, step.at + step.length)));
          else if (step.seq + step.text.length <= START || step.seq >= START + text.length + 100) {
            deliver(data(step.seq, step.text));
          }
        }
        // What was dropped comes again, in order.
        while (server.next < START + text.length) {
          const before = server.next;
          deliver(data(server.next, text.slice(server.next - START)));
          if (server.next === before) break;
        }
        expect(server.text).toBe(text);
        expect(talk.received[TO_SERVER]).toContain(text);
      }),
      { numRuns: fuzzRuns(500) },
    );
  });
});

/** In prevent mode. */
const PASSING: ReadonlySet<string> = new Set(['inspected', 'kept', 'gap']);

/** A socket: it takes what is in its window, each byte once. */
class Receiver {
  text = '';
  next: number;
  readonly #ahead = new Map<number, string>();

  constructor(next: number) {
    this.next = next;
  }

  take(seq: number, text: string): void {
    for (let i = 0; i < text.length; i++) {
      const at = seq + i;
      if (at >= this.next && at < this.next + 65 && !this.#ahead.has(at)) this.#ahead.set(at, text[i]!);
    }
    for (let byte = this.#ahead.get(this.next); byte !== undefined; byte = this.#ahead.get(this.next)) {
      this.text += byte;
      this.next++;
    }
  }
}

describe('a connection of which packets passed unseen', () => {
  const opened = (tracker = live): Conversation => {
    const talk = new Conversation(tracker).handshake();
    talk.fromClient(data(1, 'first'));
    talk.fromServer({ ...data(1, 'answer'), ack: 6 });
    talk.fromClient({ seq: 6, ack: 7 });
    talk.takeLog();
    return talk;
  };

  test('is out of its window for good, unless it is said that some passed', () => {
    const talk = opened();
    expect(talk.fromClient(data(5_000_000, 'GET /', 8_000_000))).toBe('invalid');
    expect(talk.events).toEqual(['stream.est_packet_out_of_window']);
  });

  test('goes on where it is, on both sides, and what was missed is told', () => {
    const talk = opened();
    talk.tracker.noteLapse();
    expect(talk.fromClient(data(5_000_000, 'GET /', 8_000_000))).toBe('inspected');
    expect(talk.events).toEqual(['tcp.picked_up_again']);
    expect(talk.tracker.hasResumed).toBe(true);
    expect(talk.fromServer({ ...data(8_000_000, '200'), ack: 5_000_005 })).toBe('inspected');
    expect(talk.events).toEqual(['tcp.picked_up_again']);
    expect(talk.fromClient(data(5_000_005, 'next', 8_000_003))).toBe('inspected');
    expect(talk.events).toEqual([]);
    expect(talk.tracker.hasResumed).toBe(false);
    expect(talk.takeLog()).toBe('>[4999994] >GET / <[7999993] <200 >next');
    // Everything is as strict as before.
    expect(talk.fromClient(data(9_000_000, 'x', 8_000_003))).toBe('invalid');
    expect(talk.fromServer({ ...data(8_000_000, '201'), ack: 5_000_009 })).toBe('inspected');
    expect(talk.fromServer({ ...data(8_000_003, 'ab'), ack: 5_000_009 })).toBe('inspected');
    expect(talk.fromServer({ ...data(8_000_003, 'aX'), ack: 5_000_009 })).toBe('differs');
  });

  test('and that carried more than half of the number space', () => {
    const talk = opened();
    talk.tracker.noteLapse();
    expect(talk.fromServer({ ...data(3_000_000_007, 'x'), ack: 6 })).toBe('inspected');
    expect(talk.takeLog()).toBe('<[3000000000] <x');
    expect(talk.fromClient({ seq: 6, ack: 3_000_000_008 })).toBe('inspected');
    expect(talk.fromServer({ ...data(3_000_000_008, 'y'), ack: 6 })).toBe('inspected');
    expect(talk.takeLog()).toBe('<y');
  });

  test('that said nothing meanwhile goes on without a gap', () => {
    const talk = opened();
    talk.tracker.noteLapse();
    // RFC 1122 §4.2.3.6: a keep-alive probe, and its answer.
    expect(talk.fromClient({ seq: 5, ack: 7 })).toBe('inspected');
    expect(talk.fromServer({ seq: 7, ack: 6 })).toBe('inspected');
    expect(talk.fromClient(data(6, ' and second', 7))).toBe('inspected');
    expect(talk.fromServer({ ...data(7, 'ok'), ack: 17 })).toBe('inspected');
    expect(talk.events).toEqual([]);
    expect(talk.takeLog()).toBe('> and second <ok');
  });

  test('its client cannot make us jump ahead of the server', () => {
    const talk = opened();
    talk.tracker.noteLapse();
    talk.fromClient(data(70_000, 'decoy', 7));
    talk.fromServer({ seq: 7, ack: 6 });
    expect(talk.fromClient(data(6, 'attack', 7))).toBe('inspected');
    expect(talk.received[TO_SERVER]).toBe('attack');
    // Nor once more.
    talk.fromServer({ seq: 7, ack: 12 });
    expect(talk.fromClient(data(60_000_000, 'decoy', 7))).toBe('invalid');
  });

  test('nor lag behind it', () => {
    const talk = opened();
    talk.tracker.noteLapse();
    talk.fromClient(data(6, 'decoy', 7));
    expect(talk.fromClient(data(3000, 'attack', 7))).toBe('unplaced');
    talk.fromServer({ flags: 'PA', seq: 9000, ack: 3000, data: 'x' });
    expect(talk.fromClient(data(3000, 'attack', 9001))).toBe('inspected');
    expect(talk.takeLog()).toBe('>decoy <[8993] >[2989] >attack <x');
  });

  test('whose handshake was going on is taken as established', () => {
    const talk = new Conversation(live);
    talk.fromClient({ flags: 'S' });
    talk.tracker.noteLapse();
    expect(talk.fromClient(data(400, 'hello', 900))).toBe('inspected');
    expect(talk.fromServer({ ...data(900, 'hi'), ack: 405 })).toBe('inspected');
    expect(talk.isEstablished).toBe(true);
    expect(talk.takeLog()).toBe('>hello <hi');
  });

  test('that is not to be followed is not', () => {
    const talk = opened({ ...live, midstreamUntilMs: 0 });
    talk.tracker.noteLapse();
    expect(talk.fromClient(data(5_000_000, 'GET /', 8_000_000))).toBe('invalid');
  });

  test('of which one side only is seen goes on with what that side says', () => {
    const talk = new Conversation({ ...live, isOneSided: true });
    talk.fromClient({ flags: 'S' });
    talk.fromClient(data(1, 'first'));
    talk.tracker.noteLapse();
    talk.fromClient(data(90_000, 'then', 7_000_000));
    expect(talk.fromClient(data(90_008, 'last', 7_000_000))).toBe('kept');
    expect(talk.fromClient(data(90_004, ' and', 7_000_000))).toBe('inspected');
    expect(talk.takeLog()).toBe('>first >[89994] >then > and >last');
  });

  test('ends by the FINs that come then', () => {
    const talk = opened();
    talk.tracker.noteLapse();
    talk.fromClient({ flags: 'FA', seq: 50_000, ack: 80_000 });
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.established);
    talk.fromServer({ flags: 'FA', seq: 80_000, ack: 50_001 });
    talk.fromClient({ seq: 50_001, ack: 80_001 });
    expect(talk.tracker.isOver(talk.slot)).toBe(true);
    expect(talk.takeLog()).toBe('>[49994] <[79993] >. <.');
  });
});
