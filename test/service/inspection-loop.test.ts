import { describe, expect, test } from 'vitest';
import { VERDICT, type Verdict } from '../../src/capture/source.ts';
import { drain, inspect, type LiveSource, type LoopHooks } from '../../src/service/inspection-loop.ts';
import type { Packet } from '../../src/wire/packet.ts';

/** Gives the batches one after the other, then nothing; a packet is its number. */
class ScriptedSource implements LiveSource {
  timeMs = 1_000_000;
  hasOverflowed = false;
  readonly answers = new Map<number, Verdict>();
  readonly marks = new Map<number, number>();
  flushes = 0;
  readonly #batches: number[][];
  readonly #whenUndecided: Verdict;
  #batch: number[] = [];

  constructor(batches: number[][], whenUndecided: Verdict) {
    this.#batches = batches;
    this.#whenUndecided = whenUndecided;
  }

  elapsedMs(): number {
    return 0;
  }
  receive(timeoutMs: number): number {
    this.#batch = this.#batches.shift() ?? [];
    if (this.#batch.length === 0) this.timeMs += timeoutMs;
    for (const number of this.#batch) this.answers.set(number, this.#whenUndecided);
    return this.#batch.length;
  }
  read(row: number, packet: Packet): void {
    packet.number = this.#batch[row]!;
    packet.mark = this.#batch[row]!;
  }
  decide(row: number, verdict: Verdict, mark: number): void {
    if (mark !== 0) this.marks.set(this.#batch[row]!, mark);
    this.answers.set(this.#batch[row]!, verdict);
  }
  flush(): void {
    this.flushes++;
  }
  close(): void {}
}

/** Drops even packets, throws at multiples of 5. */
const inspector = {
  expiries: 0,
  mark: 0,
  process(packet: Packet): Verdict {
    if (packet.number % 5 === 0) throw new Error(`at ${packet.number}`);
    return packet.number % 2 === 0 ? VERDICT.drop : VERDICT.accept;
  },
  failures: 0,
  noteFailure(): void {
    this.failures++;
  },
  noteLapse(): void {},
  expire(): boolean {
    this.expiries++;
    return false;
  },
};

function hooks(turns: number): LoopHooks & { failures: string[] } {
  const failures: string[] = [];
  let left = turns;
  return {
    failures,
    onTurn: () => --left > 0,
    isBusy: () => false,
    pause: () => null,
    takeLapse: () => false,
    onReceived() {},
    onWorked() {},
    onAnswered() {},
    onFailure: (error) => failures.push((error as Error).message),
  };
}

describe.each([
  ['open', VERDICT.accept],
  ['closed', VERDICT.drop],
] as const)('fail %s', (_name, whenUndecided) => {
  test('a packet at which the inspection throws gets the failure verdict, the others their own', async () => {
    inspector.failures = 0;
    const source = new ScriptedSource([[1, 2, 5, 6, 7], [10], [11]], whenUndecided);
    const given = hooks(3);
    await inspect(source, inspector, given);
    expect(Object.fromEntries(source.answers)).toEqual({
      1: VERDICT.accept,
      2: VERDICT.drop,
      5: whenUndecided,
      6: VERDICT.drop,
      7: VERDICT.accept,
      10: whenUndecided,
      11: VERDICT.accept,
    });
    expect(source.flushes).toBe(3);
    expect(given.failures).toEqual(['at 5', 'at 10']);
    expect(inspector.failures).toBe(2);
  });
});

test('behind a batch it looks once more before it does anything else, and packets wait between two looks', async () => {
  const source = new ScriptedSource([[1], [2], [3]], VERDICT.accept);
  const told: string[] = [];
  const note =
    <T>(what: string, value: T) =>
    (): T => {
      told.push(what);
      return value;
    };
  let turns = 3;
  await inspect(
    source,
    { mark: 0, process: note('judge', VERDICT.accept), noteFailure() {}, noteLapse() {}, expire: () => false },
    {
      ...hooks(2),
      onReceived: note('received', undefined),
      pause: note('pause', null),
      onTurn: () => {
        told.push('turn');
        return --turns > 0;
      },
      onWorked: note('worked', undefined),
    },
  );
  const answered = ['received', 'judge', 'worked'];
  const withTurn = ['received', 'judge', 'pause', 'turn', 'worked'];
  const silent = ['received', 'pause', 'turn', 'worked'];
  expect(told).toEqual([...answered, ...withTurn, ...answered, ...silent, ...silent]);
  expect(source.timeMs).toBe(1_000_100);
});

test('as long as flows are left to be forgotten and no packets come, they are, without waiting', async () => {
  const source = new ScriptedSource([], VERDICT.accept);
  const expiredAt: number[] = [];
  const forgetful = {
    mark: 0,
    process: () => VERDICT.accept,
    noteFailure() {},
    noteLapse() {},
    expire(nowMs: number): boolean {
      expiredAt.push(nowMs);
      return expiredAt.length % 3 !== 0;
    },
  };
  await inspect(source, forgetful, hooks(8));
  // The first look waits for packets. Then all are forgotten, and it is time again 300 ms later.
  const first = 1_000_100;
  expect(expiredAt).toEqual([first, first, first, first + 300, first + 300, first + 300]);
});

test('what is to be rejected is accepted with the mark, which is added to the one that it has', async () => {
  const source = new ScriptedSource([[1, 2, 3, 4]], VERDICT.accept);
  let number = 0;
  const rejecting = {
    process(packet: Packet): Verdict {
      number = packet.number;
      return number <= 2 ? VERDICT.drop : VERDICT.accept;
    },
    get mark(): number {
      return number === 2 ? 2 ** 31 : 0;
    },
    noteFailure(): void {},
    noteLapse(): void {},
    expire: () => false,
  };
  await inspect(source, rejecting, hooks(1));
  expect([...source.answers.values()]).toEqual([VERDICT.drop, VERDICT.accept, VERDICT.accept, VERDICT.accept]);
  expect([...source.marks]).toEqual([[2, 2 ** 31 + 2]]);
});

test('an empty wait sends nothing, and the loop ends when told', async () => {
  const source = new ScriptedSource([], VERDICT.accept);
  await inspect(source, inspector, hooks(4));
  expect(source.flushes).toBe(0);
  expect(source.timeMs).toBe(1_000_400);
});

test('what needs the event loop gets its turn between batches', async () => {
  const source = new ScriptedSource([[1], [2], [3], [4], [5]], VERDICT.accept);
  const story: string[] = [];
  const pauses = [
    null,
    () => new Promise<void>((resolve) => setImmediate(resolve)).then(() => void story.push('paused')),
    null,
  ];
  const telling = {
    ...inspector,
    process(packet: Packet): Verdict {
      story.push(`packet ${packet.number}`);
      return VERDICT.accept;
    },
  };
  await inspect(source, telling, { ...hooks(3), pause: () => pauses.shift()?.() ?? null });
  expect(story).toEqual(['packet 1', 'packet 2', 'packet 3', 'packet 4', 'paused', 'packet 5']);
});

test('of packets that passed uninspected the inspector learns before it gets the next ones', async () => {
  const source = new ScriptedSource([[1], [], [2], [3]], VERDICT.accept);
  const story: string[] = [];
  const telling = {
    mark: 0,
    process(packet: Packet): Verdict {
      story.push(`packet ${packet.number}`);
      source.hasOverflowed = packet.number === 2;
      return VERDICT.accept;
    },
    noteFailure(): void {},
    noteLapse: (nowMs: number) => void story.push(`lapse at ${nowMs}`),
    expire: () => false,
  };
  const lapses = [false, true, false, false];
  await inspect(source, telling, { ...hooks(4), takeLapse: () => lapses.shift()! });
  expect(story).toEqual(['packet 1', 'lapse at 1000000', 'packet 2', 'lapse at 1000000', 'packet 3']);
});

test('silent flows are looked for a few times a second, not at every batch', async () => {
  const source = new ScriptedSource([[1], [1], [1], [1]], VERDICT.accept);
  inspector.expiries = 0;
  await inspect(source, inspector, hooks(10));
  // Four batches at one instant, then six waits of 100 ms.
  expect(inspector.expiries).toBe(3);
});

test('draining answers what waits and ends with the first silence', () => {
  const source = new ScriptedSource([[1, 2], [3], [], [4]], VERDICT.accept);
  drain(source, inspector, hooks(0));
  expect([...source.answers.keys()]).toEqual([1, 2, 3]);
});

test('draining ends although a queue never falls silent', () => {
  const source = new ScriptedSource([], VERDICT.accept);
  source.receive = () => {
    source.timeMs += 500;
    return 1;
  };
  source.read = () => {};
  source.decide = () => {};
  drain(
    source,
    { process: () => VERDICT.accept, mark: 0, noteFailure() {}, noteLapse() {}, expire: () => false },
    hooks(0),
  );
  expect(source.flushes).toBe(7);
});
