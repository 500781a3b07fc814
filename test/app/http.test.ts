import { describe, expect, test } from 'vitest';
import { HTTP_EVENTS } from '../../src/app/http/events.ts';
import { httpCases, play, type Step, step, type Trace } from './http-pages.ts';

const cases = httpCases();

/** Bytes of one side in a row are one stream: only there may they be cut. */
function cutAt(steps: readonly Step[], index: number, at: number): Step[] {
  const { direction, bytes } = steps[index]!;
  return [
    ...steps.slice(0, index),
    step(direction, bytes.subarray(0, at)),
    step(direction, bytes.subarray(at)),
    ...steps.slice(index + 1),
  ];
}

const outcome = (trace: Trace): unknown => [trace.lines, [...trace.buffers]];

function expectEachOnce(trace: Trace): void {
  for (const [key, count] of trace.completed) expect([key, count]).toEqual([key, 1]);
  for (const line of trace.lines) {
    const id = /^\d+/.exec(line)?.[0];
    if (id === undefined) continue;
    expect(trace.completed.get(`${id} request`), line).toBe(1);
    expect(trace.completed.get(`${id} response`), line).toBe(1);
  }
}

test('the pages were found', () => {
  expect(cases.length).toBeGreaterThanOrEqual(40);
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
});

test('every event is in some page', () => {
  const shown = new Set(cases.flatMap(({ events }) => events.map((line) => line.split(' ')[2])));
  expect(Object.keys(HTTP_EVENTS).filter((event) => !shown.has(event))).toEqual(NEEDS_MORE_THAN_A_PAGE);
});

describe.each(cases)('$name', ({ steps, events, buffers }) => {
  const whole = play(steps);

  test('says what the page says', () => {
    expect(events.length).toBeGreaterThan(0);
    expect(whole.lines).toEqual(events);
    const known = buffers.map((line) => {
      const [, key] = /^(\d+ \S+ \S+) /.exec(line)!;
      return `${key} ${whole.buffers.get(key!)}`;
    });
    expect(known).toEqual(buffers);
    expectEachOnce(whole);
  });

  test('says the same however it is cut', () => {
    for (const [index, { bytes }] of steps.entries()) {
      for (let at = 1; at < bytes.length; at++) {
        expect(outcome(play(cutAt(steps, index, at))), `step ${index} cut at ${at}`).toEqual(outcome(whole));
      }
    }
    const bytewise = steps.flatMap((one) =>
      one.missingBytes > 0 ? [one] : Array.from(one.bytes, (byte) => step(one.direction, Uint8Array.of(byte))),
    );
    expect(outcome(play(bytewise))).toEqual(outcome(whole));
  });

  test('ends in an orderly way wherever it breaks off', () => {
    for (const [index, { direction, bytes }] of steps.entries()) {
      for (let end = 0; end < bytes.length; end++) {
        expectEachOnce(play([...steps.slice(0, index), step(direction, bytes.subarray(0, end))]));
      }
    }
  });
});

/** Shown in http-limits.test.ts. */
const NEEDS_MORE_THAN_A_PAGE: readonly string[] = [
  'http.request_field_too_long',
  'http.request_head_too_long',
  'http.request_too_many_fields',
  'http.response_field_too_long',
  'http.response_head_too_long',
  'http.response_too_many_fields',
  'http.compression_bomb',
  'http.too_many_open_transactions',
];
