import { configureGlobal } from 'fast-check';

/** `make fuzz` sets it; an ordinary test run is 1. */
const factor = Number(process.env.FUZZ_RUNS ?? 1);
const DEFAULT_RUNS = 100;

if (!Number.isFinite(factor) || factor <= 0) throw new Error(`FUZZ_RUNS is ${process.env.FUZZ_RUNS}, not a number`);
configureGlobal({ numRuns: DEFAULT_RUNS * factor });

export const isFuzzing = process.env.FUZZ_RUNS !== undefined;

/** Sizes that take minutes are for `make fuzz` alone, and not for the short run of `make check`. */
export const isLong = factor >= 10;

/** For suites of which an ordinary run tries the same cases each time: nobody's change shall fail by chance. */
export const SEED: { readonly seed?: number } = isFuzzing ? {} : { seed: 1 };

/** How long a test may take that tries `fuzzRuns` cases, by what it may take in an ordinary run. */
export const fuzzTimeMs = (usualMs: number): number => usualMs * Math.max(1, factor);

/** How many cases a property tries that has its own idea of enough: `{ numRuns: fuzzRuns(20) }`. */
export const fuzzRuns = (usual: number): number => Math.ceil(usual * factor);
