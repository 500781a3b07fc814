import { readFileSync } from 'node:fs';
import { constants, getPriority } from 'node:os';
import { expect, test } from 'vitest';
import { type CommandOutcome, runCommandProcess } from '../../src/service/command-process.ts';

const LONG_MS = 60_000;

function run(script: string, options: { program?: string; timeLimitMs?: number; signal?: AbortSignal } = {}) {
  return runCommandProcess({
    program: options.program ?? process.execPath,
    args: ['-e', script],
    timeLimitMs: options.timeLimitMs ?? LONG_MS,
    signal: options.signal ?? new AbortController().signal,
  });
}

test.each<[string, string, CommandOutcome]>([
  ['tells what it printed', 'console.log("2 found\\npolicy x")', { result: 'ok', text: '2 found\npolicy x' }],
  ['that failed tells why', 'console.error("no disk"); process.exit(2)', { result: 'failed', text: 'no disk' }],
  ['that failed in silence', 'process.exit(3)', { result: 'failed', text: 'it ended with exit code 3' }],
  ['that was ended', 'process.kill(process.pid, "SIGTERM")', { result: 'failed', text: 'it ended with SIGTERM' }],
])('a command that %s', async (_, script, outcome) => {
  expect(await run(script)).toEqual(outcome);
});

test('of much output the end is kept', async () => {
  const { text } = await run('process.stdout.write("x".repeat(100_000) + "end")');
  expect(text).toMatch(/^x{4093}end$/);
});

test('a program that there is not', async () => {
  expect(await run('', { program: '/nowhere/node' })).toEqual({
    result: 'failed',
    text: expect.stringContaining('ENOENT'),
  });
});

test('a scan that takes too long is ended', async () => {
  expect(await run('setInterval(() => {}, 1000)', { timeLimitMs: 20 })).toMatchObject({ result: 'out of time' });
});

test('a scan is ended with the service', async () => {
  const abort = new AbortController();
  const outcome = run('setInterval(() => {}, 1000)', { signal: abort.signal });
  abort.abort();
  expect(await outcome).toEqual({ result: 'stopped', text: '' });
});

test('a scan gets what others leave, and is the first to go when memory ends', async () => {
  const script = `setTimeout(() => console.log(
    require('node:os').getPriority(),
    require('node:fs').readFileSync('/proc/self/oom_score_adj', 'utf8').trim()), 50)`;
  const own = { priority: getPriority(), oomScore: readFileSync('/proc/self/oom_score_adj', 'utf8').trim() };
  expect(own).not.toEqual({ priority: constants.priority.PRIORITY_LOW, oomScore: '1000' });
  expect(await run(script)).toEqual({ result: 'ok', text: `${constants.priority.PRIORITY_LOW} 1000` });
});
