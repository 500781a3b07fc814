import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { ServiceManager } from '../../src/service/service-manager.ts';

const log = pino({ level: 'silent' });

function setUp(environment: Record<string, string>) {
  const sent: [string, string][] = [];
  return { sent, manager: new ServiceManager(log, environment, (path, text) => sent.push([path, text])) };
}

test('says what systemd wants to hear', () => {
  const { sent, manager } = setUp({ NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '60000000' });
  expect(manager.watchdogMs).toBe(60_000);
  manager.ready('detect mode\nREADY=1');
  manager.alive();
  manager.status('prevent mode');
  manager.stopping();
  expect(sent).toEqual([
    ['/run/x', 'READY=1\nSTATUS=detect mode READY=1'],
    ['/run/x', 'WATCHDOG=1'],
    ['/run/x', 'STATUS=prevent mode'],
    ['/run/x', 'STOPPING=1'],
  ]);
});

test.each([[{}], [{ NOTIFY_SOCKET: '' }]])('says nothing where nobody listens: %j', (environment) => {
  const { sent, manager } = setUp(environment);
  manager.ready('x');
  manager.alive();
  expect(sent).toEqual([]);
  expect(manager.watchdogMs).toBeNull();
});

test('a watchdog of another process is not ours', () => {
  expect(setUp({ NOTIFY_SOCKET: '/x', WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' }).manager.watchdogMs).toBeNull();
});

test('a manager that cannot be reached is no reason to stop', () => {
  const manager = new ServiceManager(log, { NOTIFY_SOCKET: '/nowhere/socket' });
  expect(() => manager.ready('x')).not.toThrow();
});

test.each(['path', 'abstract name'])('reaches a real socket by its %s', async (kind) => {
  const folder = mkdtempSync(join(tmpdir(), 'vpatch-notify-'));
  const path = kind === 'path' ? join(folder, 'socket') : `@${folder}`;
  const script =
    'import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\np=sys.argv[1]\n' +
    's.bind("\\0"+p[1:] if p[0]=="@" else p)\nprint("bound",flush=True)\nprint(s.recv(4096).decode(),end="",flush=True)';
  const listener = spawn('python3', ['-c', script, path]);
  let heard = '';
  listener.stdout.on('data', (chunk: Buffer) => {
    heard += chunk.toString();
  });
  await new Promise<void>((resolve) => listener.stdout.once('data', () => resolve()));
  const ended = new Promise((resolve) => listener.once('close', resolve));
  new ServiceManager(log, { NOTIFY_SOCKET: path }).ready('detect mode');
  await ended;
  expect(heard).toBe('bound\nREADY=1\nSTATUS=detect mode');
  rmSync(folder, { recursive: true });
});
