import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromLatin1, latin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { EVASIONS, MD5_SIGNATURE } from '../support/evasions.ts';
import { fuzzRuns, SEED } from '../support/fuzz.ts';
import { Testbed, whyNoTestbed } from '../support/netns.ts';
import type { Turn } from '../support/play.ts';
import { Random } from '../support/random.ts';
import { honest, NO_DATA, type Segment } from '../support/segments.ts';
import { Oracle, type Seen, UNSEEN } from './oracle.ts';

const reason = whyNoTestbed();
if (reason !== null) console.warn(`SKIPPED, NOTHING IS COMPARED WITH THE KERNEL: ${reason}`);

/** What a socket of the kernel reads was inspected before: it is how some stream began that we handed on. */
function expectInspected({ read, delivered, events }: Seen, name: string): void {
  for (const bytes of read) {
    const isInspected = bytes === '' || delivered.some((stream) => stream.startsWith(bytes) && !bytes.includes(UNSEEN));
    expect(isInspected, `${name}\nread ${read}\ninspected ${delivered}\n${events.join(' ')}`).toBe(true);
  }
}

const TEXT = Array.from({ length: 12 }, (_, i) => `line ${i} of what is honest; `).join('');

const turns = (direction: Direction): Turn[] => [{ direction, bytes: fromLatin1(TEXT) }];

describe.skipIf(reason !== null)('what a socket of the kernel reads is what was inspected', () => {
  let testbed: Testbed;
  let oracle: Oracle;
  beforeAll(async () => {
    testbed = new Testbed();
    testbed.set('server', 'ipv4/tcp_fastopen', FAST_OPEN_WITHOUT_COOKIE);
    oracle = await Oracle.start(testbed);
  });
  afterAll(() => {
    oracle?.close();
    testbed?.close();
  });

  test.each([4, 6] as const)('IPv%d: each trick alone', async (version) => {
    const lists = EVASIONS.map(({ needsTimestamps, apply }, index) => {
      const segments = honest(turns(TO_SERVER), {
        hasTimestamps: needsTimestamps ?? index % 2 === 1,
        segmentBytes: 100,
      });
      return apply(segments, TO_SERVER, new Random(index));
    });
    const seen = await oracle.play(lists, version);
    seen.forEach((one, index) => {
      const { name, isHarmless } = EVASIONS[index]!;
      expectInspected(one, name);
      if (isHarmless) expect(one.read, `${name}\n${one.events.join(' ')}`).toEqual([TEXT]);
    });
  });

  test.each([4, 6] as const)('IPv%d: each trick alone, of a server', async (version) => {
    const lists = EVASIONS.map(({ needsTimestamps, apply }, index) => {
      const segments = honest(turns(TO_CLIENT), {
        hasTimestamps: needsTimestamps ?? index % 2 === 1,
        segmentBytes: 100,
      });
      return apply(segments, TO_CLIENT, new Random(index));
    });
    (await oracle.playToClient(lists, version)).forEach((one, index) => {
      const { name, isHarmless } = EVASIONS[index]!;
      expectInspected(one, name);
      if (isHarmless) expect(one.read, `${name}\n${one.events.join(' ')}`).toEqual([TEXT]);
    });
  });

  test.each([4, 6] as const)('IPv%d: whatever a server may send', async (version) => {
    const lists = fc.sample(anyAnswer, { numRuns: fuzzRuns(200), ...SEED });
    let readBytes = 0;
    for (let at = 0; at < lists.length; at += AT_ONCE) {
      const some = lists.slice(at, at + AT_ONCE);
      (await oracle.playToClient(some, version)).forEach((seen, index) => {
        expectInspected(seen, some[index]!.map(textOf).join('\n'));
        readBytes += seen.read.join('').length;
      });
    }
    expect(readBytes / lists.length).toBeGreaterThan(TEXT.length / 3);
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
/** Clients, servers, every listener unasked, data without a cookie (ip-sysctl.rst of the kernel's documentation). */
const FAST_OPEN_WITHOUT_COOKIE = 0x603;

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

const anySteps = fc.array(anyStep, { minLength: 1, maxLength: 30 });
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

/** Segments that more or less say TEXT. */
function saying(steps: readonly Step[], from: Direction, timestamp: number | null): Segment[] {
  let next = 0;
  return steps.map(({ distance, bytes, isOther, shift, ackShift, age, ...fields }): Segment => {
    const start = Math.max(next + distance, 0);
    const text = fromLatin1(TEXT.slice(start, start + bytes));
    if (shift === 0 && !isOther && distance <= 0) next = Math.max(next, start + text.length);
    return {
      ...fields,
      from,
      sequence: 1 + start + shift,
      acknowledgement: 1 + ackShift,
      data: isOther ? text.map((byte) => byte ^ 1) : text,
      timestamp: timestamp === null ? null : timestamp + age,
    };
  });
}

const anySynData = usually(NO_DATA, fc.constant(fromLatin1(TEXT.slice(0, 20))), fc.constant(fromLatin1('other data')));

/** Of a client, behind its SYN: others, with data that a server may take, and some that lack something. */
const anyOpening = fc.array(
  fc.record({
    flags: usually('S', fc.constantFrom('SA', 'A', 'R', 'SU', 'SP')),
    sequence: usually(0, fc.constantFrom(-1, 1, 1000, 2 ** 31)),
    data: anySynData,
    urgentPointer: usually(0, fc.constant(3)),
  }),
  { maxLength: 3 },
);

/** A handshake, then steps, then TEXT again, with or without timestamps. */
const anyList = fc
  .tuple(anySynData, anyOpening, anySteps, fc.boolean())
  .map(([data, opening, steps, hasTimestamps]): Segment[] => {
    const [syn, , ack, ...rest] = honest(turns(TO_SERVER), { hasTimestamps, segmentBytes: 60 });
    const others = opening.map((segment) => ({ ...syn!, ...segment }));
    return [{ ...syn!, data }, ...others, ack!, ...saying(steps, TO_SERVER, ack!.timestamp), ...rest];
  });

/** Of a server: a SYN of its own, SYN-ACKs that are not quite right, data before they come. */
const anyBeginning = fc.array(
  fc.record({
    flags: fc.constantFrom('S', 'SA', 'SA', 'SAU', 'A', 'PA', 'RA', 'R', 'SFA'),
    sequence: usually(0, fc.constantFrom(-1, 1, 1000, 2 ** 31)),
    acknowledgement: usually(1, fc.constantFrom(0, 2, 1000)),
    data: anySynData,
    urgentPointer: usually(0, fc.constant(3)),
  }),
  { maxLength: 3 },
);
const anyAnswer = fc.tuple(anyBeginning, anySteps, fc.boolean()).map(([beginning, steps, hasTimestamps]): Segment[] => {
  const [, synAck, ...rest] = honest(turns(TO_CLIENT), { hasTimestamps, segmentBytes: 60 });
  const first = beginning.map((segment) => ({ ...synAck!, ...segment }));
  return [...first, synAck!, ...saying(steps, TO_CLIENT, synAck!.timestamp), ...rest];
});

const textOf = ({ sequence, acknowledgement, flags, data, timestamp, ...rest }: Segment): string =>
  `${sequence} ack ${acknowledgement} ${flags} ts ${timestamp} "${latin1(data)}" ${JSON.stringify(rest)}`;
