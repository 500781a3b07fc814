import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CONVERSATION_KINDS, CONVERSATION_RULES, describeTurns } from './random-conversations.ts';
import { fuzzRuns, fuzzTimeMs, SEED } from './support/fuzz.ts';
import { inPieces } from './support/pieces.ts';
import { Player, type Turn } from './support/play.ts';
import { Random } from './support/random.ts';
import { buildSegment, ENDPOINTS, honest, isData, type Segment } from './support/segments.ts';

/** Behind the longest, a connection that says nothing is packed. */
const PAUSES_MS = [0, 0, 300, 4000];
const FIRST_PORT = 1024;
const PORTS = 60_000;

interface Sent {
  readonly segment: Segment;
  readonly pauseMs: number;
}

/** One pipeline, and a connection from another port for each time that something is sent. */
class Bed {
  readonly #player: Player;
  #connections = 0;

  constructor(mode: 'detect' | 'prevent') {
    const rules = mode === 'prevent' ? CONVERSATION_RULES.replaceAll('alert ', 'drop ') : CONVERSATION_RULES;
    // All answers of a turn may come in one packet, or each in one of its own.
    this.#player = new Player({ rules, mode, config: { rules: { maxAlertsPerPacket: 10_000 } } });
  }

  /** In streams and packets (ids below 100), a rule may match as often as there are places; the others are counted. */
  send(sent: readonly Sent[], serverPort: number) {
    const player = this.#player;
    const { alerts, anomalies, dropped } = player.played;
    const before = { alerts: alerts.length, anomalies: anomalies.length, dropped: dropped.length };
    const nth = this.#connections++;
    const ports = [FIRST_PORT + (nth % PORTS), serverPort] as const;
    // Somewhere in most of them, the numbers of a side begin again at 0.
    const initial = [2 ** 32 - 1 - ((nth * 37) % 1000), 2 ** 32 - 1 - ((nth * 53) % 3000)] as const;
    const ends = { ...ENDPOINTS[4], ports, initial };
    for (const { segment, pauseMs } of sent) {
      player.timeMs += pauseMs;
      player.send(buildSegment(segment, ends));
    }
    const told = alerts.slice(before.alerts);
    const ofApplications = anomalies.slice(before.anomalies).filter(({ type }) => type === 'applayer');
    return {
      ofStreams: [...new Set(told.filter((sid) => sid < 100))].sort(),
      ofTransactions: told.filter((sid) => sid >= 100).sort(),
      events: ofApplications.map(({ event }) => event).sort(),
      isBlocked: dropped.length > before.dropped,
    };
  }
}

const inOneGo = (turns: readonly Turn[]): Sent[] =>
  honest(turns, { segmentBytes: 60_000 }).map((segment) => ({ segment, pauseMs: 0 }));

/** The same bytes: each turn cut anywhere, in any order, some of it again, with pauses. */
function cutAnywhere(turns: readonly Turn[], random: Random): Sent[] {
  const [isShuffled, isRepeated, isSlow] = [random.below(2) === 0, random.below(2) === 0, random.below(2) === 0];
  const maxPieces = random.pick([2, 6, 30, 300]);
  const segments = honest(turns, { segmentBytes: 60_000 }).flatMap((segment) => {
    if (!isData(segment)) return [segment];
    const pieces = inPieces(segment, random.between(1, maxPieces), random);
    if (isRepeated)
      pieces.push(...inPieces(segment, random.between(1, maxPieces), random).filter(() => random.below(4) === 0));
    return isShuffled ? random.shuffled(pieces) : pieces;
  });
  return segments.map((segment) => ({ segment, pauseMs: isSlow ? random.pick(PAUSES_MS) : 0 }));
}

const CASES = Object.keys(CONVERSATION_KINDS).flatMap((kind) => [
  ['detect', kind] as const,
  ['prevent', kind] as const,
]);

test.each(CASES)(
  'in %s mode, %s says and does the same however it is cut',
  { timeout: fuzzTimeMs(60_000) },
  (mode, kind) => {
    const { port, make } = CONVERSATION_KINDS[kind]!;
    const bed = new Bed(mode);
    let matches = 0;
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = new Random(seed);
        const turns = make(random);
        const wanted = bed.send(inOneGo(turns), port);
        matches += wanted.ofTransactions.length;
        const got = bed.send(cutAnywhere(turns, random), port);
        // Behind a packet that drops its connection nothing is looked into, and how much is before it depends on the
        // cuts.
        const [seen, expected] = mode === 'prevent' ? [got.isBlocked, wanted.isBlocked] : [got, wanted];
        expect(seen, describeTurns(turns)).toEqual(expected);
      }),
      { ...SEED, numRuns: fuzzRuns(100) },
    );
    expect(matches).toBeGreaterThan(50);
  },
);
