import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { vpatch } from '../support/command-line.ts';

let folder: string;
let server: Server;
let bodies: string[];
let status: number;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-notify-'));
  bodies = [];
  status = 200;
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    bodies.push(body);
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  process.exitCode = undefined;
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

function config(text: string): string {
  const file = join(folder, 'vpatch.yaml');
  writeFileSync(file, text);
  return file;
}

const webhook = (): string => {
  const { port } = server.address() as AddressInfo;
  return config(`notify: { webhook: { url: 'http://127.0.0.1:${port}/' } }\n`);
};

test('sends a test message, and says what the server answered', async () => {
  expect(await vpatch('notify', 'test', '-c', webhook())).toEqual({
    exitCode: 0,
    stdout: 'webhook: taken: 200 OK\n',
    stderr: '',
  });
  expect(bodies.map((body) => JSON.parse(body).notices)).toMatchObject([[{ title: 'This is a test' }]]);
});

test('says why it was not taken', async () => {
  status = 403;
  const { exitCode, stdout } = await vpatch('notify', 'test', '-c', webhook());
  expect(stdout).toMatch(/^webhook: FAILED: 127\.0\.0\.1:\d+: the server answers 403 Forbidden\n$/);
  expect(exitCode).toBe(1);
});

test('says where nobody is to be told', async () => {
  const { exitCode, stderr } = await vpatch('notify', 'test', '-c', config('mode: detect\n'));
  expect(stderr).toContain('notify.mail');
  expect(exitCode).toBe(2);
});
