import { expect } from 'vitest';
import type { FailureMode } from '../../src/config/config.ts';
import { Load, type LoadOptions, type LoadResult } from './load.ts';
import type { WebBed } from './web-bed.ts';
import { PAGE } from './web-server.ts';

// What the tests of the rows of docs/failure.md have in common. What `tell` prints is what the page tells.

export const WAYS = ['open', 'closed'] as const satisfies readonly FailureMode[];

/** Drops every request whose address has "/evil" in it. */
export const EVIL_RULE =
  'drop http any any -> any any (msg:"evil"; flow:established,to_server; http.uri; content:"/evil"; sid:1;)\n';

/** Of an ordinary load, each with one connection. */
const CLIENTS = 4;
/** A request without an answer for so long has failed. */
const REQUEST_LIMIT_MS = 1_500;
/** How long a situation lasts that does not end by itself: several times what TCP needs to send again. */
export const OUTAGE_MS = 2_500;
/** For a test that waits for the machine. */
export const LONG_MS = 120_000;

/** Small pages, one after the other; `more` is what is otherwise. */
export const startLoad = (bed: WebBed, more: Partial<LoadOptions> = {}): Promise<Load> =>
  Load.start(bed.testbed, { url: bed.url(), page: PAGE, limitMs: REQUEST_LIMIT_MS, clients: CLIENTS, ...more });

export function tell(situation: string, way: FailureMode, { requests, failures, longestGapMs }: LoadResult): void {
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
