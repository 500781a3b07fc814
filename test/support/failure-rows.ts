import { expect } from 'vitest';
import type { Failure } from '../../src/config/config.ts';
import type { LoadResult } from './load.ts';

// What the tests of the rows of docs/failure.md have in common. What `tell` prints is what the page tells.

export const WAYS = ['open', 'closed'] as const satisfies readonly Failure[];

/** Drops every request whose address has "/evil" in it. */
export const EVIL_RULE =
  'drop http any any -> any any (msg:"evil"; flow:established,to_server; http.uri; content:"/evil"; sid:1;)\n';

/** Of an ordinary load, each with one connection. */
export const CLIENTS = 4;
/** How long a situation lasts that does not end by itself: several times what TCP needs to send again. */
export const OUTAGE_MS = 2_500;
/** For a test that waits for the machine. */
export const LONG_MS = 120_000;

export function tell(situation: string, way: Failure, { requests, failures, longestGapMs }: LoadResult): void {
  const gap = `${Math.round(longestGapMs)} ms without an answer`;
  console.log(`${situation}, ${way}: ${requests} requests, ${failures.length} failed, ${gap}`);
}

/** The service was on the air: none failed. */
export const expectServed = (result: LoadResult): void => expect(result.failures).toEqual([]);

/** It was off the air for as long as the situation lasted. */
export const expectOutage = (result: LoadResult): void => {
  expect(result.longestGapMs).toBeGreaterThan(OUTAGE_MS - 500);
};

export const pause = (durationMs: number): Promise<void> => new Promise((done) => setTimeout(done, durationMs));
