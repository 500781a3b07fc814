import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromLatin1, latin1 } from '../../src/base/bytes.ts';
import { TO_SERVER } from '../../src/base/direction.ts';
import { EVASIONS, MD5_SIGNATURE } from '../support/evasions.ts';
import { fuzzRuns, SEED } from '../support/fuzz.ts';
import { Testbed, whyNoTestbed } from '../support/netns.ts';
import type { Turn } from '../support/play.ts';
import { Random } from '../support/random.ts';
import { honest, NO_DATA, type Segment } from '../support/segments.ts';
import { Oracle, type Seen, UNSEEN } from './oracle.ts';

const reason = whyNoTestbed();
if (reason !== null) console.warn(`SKIPPED, NOTHING IS COMPARED WITH THE KERNEL: ${reason}`);

/** What a server's socket reads was inspected before: it is how some stream began that we handed on. */
function expectInspected({ read, delivered, events }: Seen, name: string): void {
  for (const bytes of read) {
    const isInspected = bytes === '' || delivered.some((stream) => stream.startsWith(bytes) && !bytes.includes(UNSEEN));
    expect(isInspected, `${name}\nread ${read}\ninspected ${delivered}\n${events.join(' ')}`).toBe(true);
  }
}

const TEXT = Array.from({ length: 12 }, (_, i) => `line ${i} of what is honest; `).join('');

const TURNS: Turn[] = [{ direction: TO_SERVER, bytes: fromLatin1(TEXT) }];

describe.skipIf(reason !== null)('what a socket of the kernel reads is what was inspected', () => {
  let testbed: Testbed;
  let oracle: Oracle;
  beforeAll(async () => {
    testbed = new Testbed();
    oracle = await Oracle.start(testbed);
  });
  afterAll(() => {
    oracle?.close();
    testbed?.close();
  });

  test.each([4, 6] as const)('IPv%d: each trick alone', async (version) => {
    const lists = EVASIONS.map(({ needsTimestamps, apply }, index) => {
      const segments = honest(TURNS, { hasTimestamps: needsTimestamps ?? index % 2 === 1, segmentBytes: 100 });
      return apply(segments, TO_SERVER, new Random(index));
    });
    const seen = await oracle.play(lists, version);
    seen.forEach((one, index) => {
      const { name, isHarmless } = EVASIONS[index]!;
      expectInspected(one, name);
      if (isHarmless) expect(one.read, `${name}\n${one.events.join(' ')}`).toEqual([TEXT]);
    });
  });

  test.each([4, 6] as const)('IPv%d: whatever a client may send', async (version) => {
    const lists = fc.sample(anyList, { numRuns: fuzzRuns(200), ...SEED });
    let readBytes = 0;
    for (let at = 0; at < lists.length; at += AT_ONCE) {
      const some = lists.slice(at, at + AT_ONCE);
      (await oracle.play(some, version)).forEach((seen, index) => {
        expectInspected(seen, some[index]!.map(textOf).join('\n'));
        readBytes += seen.read.join('').length;
      });
    }
    // It would prove little if nothing ever arrived.
    expect(readBytes / lists.length).toBeGreaterThan(TEXT.length / 3);
  });
});

const AT_ONCE = 100;

/** Mostly what a receiver takes, and now and then anything else. */
const usually = <T>(common: T, ...rare: readonly fc.Arbitrary<T>[]): fc.Arbitrary<T> =>
  fc.oneof({ arbitrary: fc.constant(common), weight: 8 }, ...rare.map((arbitrary) => ({ arbitrary, weight: 1 })));

const anyStep = fc.record({
  /** From where the last step that went ahead ended. */
  distance: usually(0, fc.integer({ min: -40, max: 40 })),
  bytes: fc.oneof({ arbitrary: fc.integer({ min: 1, max: 40 }), weight: 5 }, { arbitrary: fc.constant(0), weight: 1 }),
  flags: usually('PA', fc.constantFrom('A', 'FA', 'FPA', 'R', 'RA', 'S', 'SA', 'SFA', 'P', '', 'F', 'PAU')),
  isOther: usually(false, fc.constant(true)),
  shift: usually(0, fc.constantFrom(-1, 1, 1000, -1000, 70_000, 2 ** 30, -(2 ** 30), 2 ** 31)),
  ackShift: usually(0, fc.constantFrom(-1, 1, 1000, -1000, 70_000, 2 ** 30, -(2 ** 30))),
  age: usually(0, fc.constantFrom(-1, 1, -500, -100_000, 5)),
  window: usually(64_240, fc.constantFrom(0, 1, 65_535)),
  options: usually(NO_DATA, fc.constant(MD5_SIGNATURE)),
  hasBadChecksum: usually(false, fc.constant(true)),
  urgentPointer: usually(0, fc.integer({ min: 0, max: 60 })),
});

/** A handshake, then steps that more or less say TEXT, then TEXT again, with or without timestamps. */
const anyList = fc
  .tuple(fc.array(anyStep, { minLength: 1, maxLength: 30 }), fc.boolean())
  .map(([steps, hasTimestamps]): Segment[] => {
    const [syn, , ack, ...rest] = honest(TURNS, { hasTimestamps, segmentBytes: 60 });
    let next = 0;
    const segments = steps.map(({ distance, bytes, isOther, shift, ackShift, age, ...fields }): Segment => {
      const start = Math.max(next + distance, 0);
      const text = fromLatin1(TEXT.slice(start, start + bytes));
      if (shift === 0 && !isOther && distance <= 0) next = Math.max(next, start + text.length);
      return {
        ...fields,
        from: TO_SERVER,
        sequence: 1 + start + shift,
        acknowledgement: 1 + ackShift,
        data: isOther ? text.map((byte) => byte ^ 1) : text,
        timestamp: hasTimestamps ? ack!.timestamp! + age : null,
      };
    });
    return [syn!, ack!, ...segments, ...rest];
  });

const textOf = ({ sequence, acknowledgement, flags, data, timestamp, ...rest }: Segment): string =>
  `${sequence} ack ${acknowledgement} ${flags} ts ${timestamp} "${latin1(data)}" ${JSON.stringify(rest)}`;
