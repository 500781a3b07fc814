import { expect, test } from 'vitest';
import type { Overrides } from '../src/config/overrides.ts';
import { CONVERSATION_KINDS, CONVERSATION_RULES } from './random-conversations.ts';
import { fuzzRuns, fuzzTimeMs, isFuzzing } from './support/fuzz.ts';
import { inPieces } from './support/pieces.ts';
import { Player } from './support/play.ts';
import { Random } from './support/random.ts';
import { buildSegment, ENDPOINTS, honest, isData, NO_DATA, type Segment } from './support/segments.ts';

const ROUNDS = fuzzRuns(10);
/** Some hold what others need, others are packed, and a few ends are never seen. */
const CONNECTIONS_AT_ONCE = 30;
const SILENCE_MS = 3000;
const FIRST_PORT = 1024;
const SHORT_BYTES = 64 * 1024;
const MEMORY = ['flow.active', 'tcp.reassembly_memuse', 'app_layer.memuse', 'detect.stream_window_memuse'];
const RULES = { detect: CONVERSATION_RULES, prevent: CONVERSATION_RULES.replaceAll('alert ', 'drop ') };

/** What a client and a server send: some of it lost or out of order, cut off anywhere, or reset there. */
function brokenOff(random: Random): { readonly port: number; readonly segments: readonly Segment[] } {
  const { port, make } = random.pick(Object.values(CONVERSATION_KINDS));
  const [isLossy, isShuffled] = [random.below(3) === 0, random.below(3) === 0];
  const whole = honest(make(random), { segmentBytes: 60_000 }).flatMap((segment) => {
    if (!isData(segment)) return [segment];
    const pieces = inPieces(segment, random.between(1, 6), random).filter(() => !isLossy || random.below(5) > 0);
    return isShuffled ? random.shuffled(pieces) : pieces;
  });
  const segments = random.below(2) === 0 ? whole : whole.slice(0, random.between(1, whole.length));
  const last = segments[segments.length - 1]!;
  if (random.below(4) === 0) {
    segments.push({ ...last, sequence: last.sequence + last.data.length, data: NO_DATA, flags: 'RA' });
  }
  return { port, segments };
}

/** The same conversations for the same seed, mixed packet by packet. */
function converse(mode: 'detect' | 'prevent', seed: number, config: Overrides) {
  const player = new Player({ rules: RULES[mode], mode, config });
  const random = new Random(seed);
  const blocked = new Set<number>();
  const memory = (): number[] => {
    player.played.pipeline.updateGauges();
    return MEMORY.map((name) => player.played.pipeline.counters.get(name));
  };
  let peak = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const sent = Array.from({ length: CONNECTIONS_AT_ONCE }, (_, nth) => {
      const connection = round * CONNECTIONS_AT_ONCE + nth;
      const { port, segments } = brokenOff(random);
      const ends = { ...ENDPOINTS[4], ports: [FIRST_PORT + (connection % 60_000), port] as const };
      return segments.map((segment) => ({ connection, packet: buildSegment(segment, ends) }));
    });
    while (sent.some(({ length }) => length > 0)) {
      for (const rest of random.shuffled(sent)) {
        const next = rest.shift();
        if (next !== undefined && !player.send(next.packet)) blocked.add(next.connection);
        if (random.below(300) === 0) player.timeMs += SILENCE_MS;
      }
    }
    const [, ...bytes] = memory();
    peak = Math.max(peak, ...bytes);
  }
  player.finish();
  return { blocked, peak, left: memory() };
}

const seed = isFuzzing ? Date.now() : 1;
const timeout = fuzzTimeMs(60_000);

test.each(['detect', 'prevent'] as const)(
  'in %s mode, connections leave no memory behind, wherever they end',
  { timeout },
  (mode) => {
    const { peak, left } = converse(mode, seed, {});
    expect(peak).toBeGreaterThan(0);
    expect(left, `seed ${seed}`).toEqual(MEMORY.map(() => 0));
  },
);

test.each<[string, Overrides]>([
  ['streams', { stream: { memoryBytes: SHORT_BYTES } }],
  ['protocol parsers', { appLayer: { memoryBytes: SHORT_BYTES } }],
  ['both', { stream: { memoryBytes: SHORT_BYTES }, appLayer: { memoryBytes: SHORT_BYTES } }],
])('what is blocked otherwise is blocked where memory is short for %s', { timeout }, (_, config) => {
  const enough = converse('prevent', seed, {});
  const short = converse('prevent', seed, config);
  expect(enough.blocked.size).toBeGreaterThan(ROUNDS);
  expect(
    [...enough.blocked].filter((connection) => !short.blocked.has(connection)),
    `seed ${seed}`,
  ).toEqual([]);
  expect(short.left).toEqual(MEMORY.map(() => 0));
});
