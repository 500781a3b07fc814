import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ControlAnswer, failed } from '../../src/service/control-protocol.ts';
import { ControlServer } from '../../src/service/control-server.ts';
import { vpatch } from '../support/command-line.ts';
import { STATUS } from '../support/service-status.ts';

let folder: string;
let path: string;
let server: ControlServer | null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-health-'));
  path = join(folder, 'control.sock');
  server = null;
});
afterEach(() => {
  server?.close();
  process.exitCode = undefined;
  rmSync(folder, { recursive: true });
});

async function serve(answer: ControlAnswer): Promise<void> {
  server = await ControlServer.claim(path, pino({ level: 'silent' }));
  server.serve(async () => answer);
}

const health = (...args: readonly string[]) => vpatch('health', '--control', path, ...args);

test('the code and the line are those of a plug-in', async () => {
  await serve({ status: 'ok', result: STATUS });
  const { exitCode, stdout } = await health();
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^VPATCH OK - prevent mode, .* \| packets=100c .*\n$/);
});

test('--max-refused and --json', async () => {
  const ruleset = { ...STATUS.ruleset, rules: { ...STATUS.ruleset.rules, refused: 2 } };
  await serve({ status: 'ok', result: { ...STATUS, ruleset } });
  const warned = await health('--json');
  expect(warned.exitCode).toBe(1);
  expect(JSON.parse(warned.stdout)).toMatchObject({
    state: 'WARNING',
    reasons: [expect.stringContaining('rules refused')],
    figures: { packets: 100, refused: 2 },
  });
  process.exitCode = undefined;
  expect((await health('--max-refused', '2')).exitCode).toBe(0);
  expect(await health('--max-refused', 'all')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('whole') });
});

test('a service that is not there is CRITICAL', async () => {
  expect(await health()).toMatchObject({
    exitCode: 2,
    stdout: expect.stringMatching(/^VPATCH CRITICAL - vpatch is not running: .*\n$/),
  });
});

test('what is no service, and one that knows no answer, are UNKNOWN', async () => {
  await serve(failed('usage', 'the running service does not know this request'));
  expect(await health()).toMatchObject({
    exitCode: 3,
    stdout: expect.stringContaining('VPATCH UNKNOWN - the running'),
  });
  writeFileSync(join(folder, 'file'), '');
  const file = await vpatch('health', '--control', join(folder, 'file', 'socket'));
  expect(file).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('VPATCH UNKNOWN') });
});
