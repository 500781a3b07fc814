import { pino } from 'pino';
import { expect, test } from 'vitest';
import { textDestination } from '../../src/output/log.ts';

function logged(write: (log: ReturnType<typeof pino>) => void): string[] {
  const lines: string[] = [];
  const options = { base: null, formatters: { level: (level: string) => ({ level }) } };
  write(
    pino(
      options,
      textDestination((line) => lines.push(line)),
    ),
  );
  return lines;
}

test('a person reads one line for each message', () => {
  expect(logged((log) => log.info('started'))).toEqual(['started\n']);
  expect(logged((log) => log.warn({ queue: 3, name: 'eth0' }, 'lost'))).toEqual(['warn: lost (queue=3 name=eth0)\n']);
  expect(logged((log) => log.error(new Error('no such device'), 'eth0'))).toEqual(['error: eth0: no such device\n']);
  expect(logged((log) => log.error(new Error('no such device')))).toEqual(['error: no such device\n']);
});

test('a terminal obeys nothing of what is logged', () => {
  expect(logged((log) => log.info('a\x1b[31m\r\nb\x9b'))).toEqual(['a\\x1b[31m\\x0d\\x0ab\\x9b\n']);
});
