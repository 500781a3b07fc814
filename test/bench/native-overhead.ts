// What one call into the addon costs. Build, then: node dist/tools/test/bench/native-overhead.js
import { Matcher } from '../../src/base/native/matcher.ts';
import { Regex } from '../../src/base/native/regex.ts';

const ROUNDS = 5;
const CALLS_PER_ROUND = 500_000;

/** Printable, and of no pattern below. */
function subjectOf(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return 32 + ((state >>> 16) % 90);
  });
}

const matcher = Matcher.compile(
  Array.from({ length: 1000 }, (_, i) => ({
    bytes: Buffer.from(`pattern-${(Math.imul(i, 0x9e3779b1) >>> 0).toString(36)}`),
    flags: 0,
  })),
);
const regex = new Regex('foo(\\d+)bar', 0, { matchLimit: 3500, depthLimit: 1500 });

// One function for each kind of call, so that the engine sees them as the call sites of a pipeline are.
function scan(bytes: Uint8Array): void {
  for (let i = 0; i < CALLS_PER_ROUND; i++) matcher.scan(bytes, 0, bytes.length);
}
function match(bytes: Uint8Array): void {
  for (let i = 0; i < CALLS_PER_ROUND; i++) regex.match(bytes, 0, bytes.length, 0);
}

for (const [name, run] of [
  ['Matcher.scan, 1,000 patterns', scan],
  ['Regex.match', match],
] as const) {
  for (const length of [0, 100, 1448]) {
    const bytes = subjectOf(length);
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < ROUNDS; round++) {
      const startedAt = process.hrtime.bigint();
      run(bytes);
      best = Math.min(best, Number(process.hrtime.bigint() - startedAt) / CALLS_PER_ROUND);
    }
    console.log(`${name.padEnd(30)} ${String(length).padStart(5)} bytes ${best.toFixed(0).padStart(6)} ns`);
  }
}
