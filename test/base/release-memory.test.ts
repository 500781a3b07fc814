import { expect, test } from 'vitest';
import { GradualRelease } from '../../src/base/release-memory.ts';

/** Lets the event loop turn at each look, and returns how many there were up to this time. */
async function looksUntil(release: GradualRelease, clock: { nowMs: number }, untilMs: number): Promise<number> {
  let looks = 0;
  for (; clock.nowMs <= untilMs; clock.nowMs += 10) {
    const look = release.goOn();
    if (look === null) continue;
    looks++;
    await look;
  }
  return looks;
}

test('memory is released in turns, which come to an end', async () => {
  const clock = { nowMs: 1000 };
  const release = new GradualRelease(
    () => clock.nowMs,
    () => new Promise(() => {}),
  );
  expect(release.goOn()).toBeNull();
  release.begin();
  expect(await looksUntil(release, clock, 1090)).toBe(0);
  expect(await looksUntil(release, clock, 2000)).toBe(10);
  // A request that is never met is given up.
  await looksUntil(release, clock, 61_000);
  expect(await looksUntil(release, clock, 200_000)).toBe(0);
  release.begin();
  expect(await looksUntil(release, clock, clock.nowMs + 500)).toBe(5);
});

test.each([
  ['met', () => Promise.resolve()],
  ['refused', () => Promise.reject(new Error('not now'))],
])('a request that is %s ends it after two looks', async (_what, requestCollection) => {
  const clock = { nowMs: 1000 };
  const release = new GradualRelease(() => clock.nowMs, requestCollection);
  release.begin();
  await new Promise(setImmediate);
  expect(await looksUntil(release, clock, 10_000)).toBe(2);
});

test('what was asked for is done: garbage is collected', { timeout: 60_000 }, async () => {
  const release = new GradualRelease();
  const heard: string[] = [];
  const registry = new FinalizationRegistry((what: string) => heard.push(what));
  (() => registry.register({}, 'garbage'))();
  release.begin();
  while (heard.length === 0) {
    await release.goOn();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(heard).toEqual(['garbage']);
});
