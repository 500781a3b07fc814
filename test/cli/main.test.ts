import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { TO_SERVER } from '../../src/base/direction.ts';
import { writePcap } from '../support/packets.ts';
import { conversation, type Turn } from '../support/play.ts';
import { PROGRAM } from '../support/vpatch-process.ts';

// The program as it is installed, in a process of its own: what a shell sees of it.

/** More event lines than a pipe holds, fewer than a server leaves unanswered. */
const REQUESTS = 400;

let directory: string;
let args: readonly string[];
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vpatch-main-'));
  const path = (name: string): string => join(directory, name);
  const requests: Turn[] = Array.from({ length: REQUESTS }, (_, i) => ({
    direction: TO_SERVER,
    bytes: fromLatin1(`GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`),
  }));
  writePcap(path('many.pcap'), conversation(requests));
  writeFileSync(path('any.rules'), 'alert http any any -> any any (msg:"any"; http.uri; content:"/"; sid:1;)\n');
  writeFileSync(path('empty.yaml'), '');
  args = ['replay', '-c', path('empty.yaml'), '-S', path('any.rules'), path('many.pcap')];
});
afterAll(() => rmSync(directory, { recursive: true }));

const run = (...more: readonly string[]) => spawnSync(process.execPath, [PROGRAM, ...more], { encoding: 'utf8' });

test('what is not taken over from a suricata.yaml is in the log, as lines of JSON', () => {
  const file = join(directory, 'suricata.yaml');
  writeFileSync(file, 'vars: { address-groups: { HOME_NET: 10.0.0.0/8 } }\naf-packet: [{ interface: eth0 }]\n');
  const { stderr, status } = run(...args, '--suricata-yaml', file);
  expect(status).toBe(0);
  expect(JSON.parse(stderr)).toMatchObject({
    level: 'info',
    msg: expect.stringContaining('suricata.yaml: af-packet: '),
  });
});

test('commands that end read rules from a pipe, a service refuses them', () => {
  const check = `cat "$0" | ${process.execPath} ${PROGRAM} rules check /dev/stdin`;
  const checked = spawnSync('sh', ['-c', check, join(directory, 'any.rules')], { encoding: 'utf8' });
  expect(checked).toMatchObject({ status: 0, stdout: expect.stringContaining('1 loaded') });

  const pipe = join(directory, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const [, ...configured] = args.slice(0, 3);
  const started = run('run', ...configured, '--control', 'none', '-S', pipe);
  expect(started).toMatchObject({
    status: 2,
    stderr: expect.stringContaining(`${pipe} cannot be read: it is a pipe: give a file, which can be read again`),
  });
});

test('exit codes reach the shell', () => {
  expect(run('--version').status).toBe(0);
  expect(run(...args, '--fail-on-alert').status).toBe(1);
  expect(run('replay').status).toBe(2);
});

test('--eve - writes events to standard output and the summary elsewhere', () => {
  const { stdout, stderr, status } = run(...args, '--eve', '-');
  const lines = stdout.split('\n').slice(0, -1);
  expect(lines.length).toBeGreaterThanOrEqual(REQUESTS);
  for (const line of lines) expect(JSON.parse(line)).toHaveProperty('event_type');
  expect(stderr).toContain(`${REQUESTS} alerts`);
  expect(status).toBe(0);
});

test('a reader that stops early is no failure to talk about', async () => {
  const child = spawn(process.execPath, [PROGRAM, ...args, '--eve', '-', '--log-level', 'silent']);
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  child.stdout.once('data', () => child.stdout.destroy());
  await new Promise((resolve) => child.once('close', resolve));
  expect(stderr).not.toMatch(/EPIPE|\n\s+at /);
});

test('a slow reader gets every line', () => {
  const command = `${process.execPath} ${PROGRAM} ${args.join(' ')} --eve - | (sleep 1; wc -l)`;
  expect(
    Number(execFileSync('sh', ['-c', command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })),
  ).toBeGreaterThanOrEqual(REQUESTS);
});

test('reads a capture from standard input', () => {
  const command = `cat ${join(directory, 'many.pcap')} | ${process.execPath} ${PROGRAM} ${args.slice(0, -1).join(' ')} -`;
  expect(execFileSync('sh', ['-c', command], { encoding: 'utf8' })).toContain(`${REQUESTS} alerts`);
});
