import { pino } from 'pino';
import { expect, test } from 'vitest';
import { NativeError } from '../../src/base/native/addon.ts';
import { takeConnectionMarks } from '../../src/base/native/connection-marks.ts';
import { openRecall } from '../../src/service/bypassed-connections.ts';

function logged() {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  return { log, lines };
}

test('marks are taken back at once, and whenever it is asked for', () => {
  const { log, lines } = logged();
  const taken: number[] = [];
  const recall = openRecall(16, log, (bit) => taken.push(bit));
  recall?.();
  expect(taken).toEqual([16, 16]);
  expect(lines).toEqual([]);
});

test('a kernel that does not list its connections: none may be bypassed, and that is said', () => {
  const { log, lines } = logged();
  const recall = openRecall(16, log, () => {
    throw new NativeError('no such thing');
  });
  expect(recall).toBeNull();
  expect(lines).toEqual(['no connection is bypassed: no such thing']);
});

test('one that fails later is told of', () => {
  const { log, lines } = logged();
  let calls = 0;
  const recall = openRecall(16, log, () => {
    if (++calls > 1) throw new NativeError('not now');
    return 0;
  });
  expect(() => recall?.()).not.toThrow();
  expect(lines).toEqual(['connections that are bypassed stay so: not now']);
});

test.each([0, -1, 0.5, 2 ** 32])('%d is no bit of a mark', (bit) => {
  expect(() => takeConnectionMarks(bit)).toThrow(RangeError);
});
