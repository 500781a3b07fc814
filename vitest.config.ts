import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './test/support/summary-reporter.ts';

const isFuzzing = process.env.FUZZ_RUNS !== undefined;
const TEST_TIMEOUT_MS = 30_000;
const FUZZ_TIMEOUT_MS = 600_000;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Two cores are the smallest machine that we promise to run on; inline tests share them with nginx and curl.
    maxWorkers: 2,
    testTimeout: isFuzzing ? FUZZ_TIMEOUT_MS : TEST_TIMEOUT_MS,
    globalSetup: ['test/support/test-programs.ts'],
    setupFiles: isFuzzing ? ['test/support/fuzz.ts'] : [],
    reporters: ['default', new SummaryReporter()],
  },
});
