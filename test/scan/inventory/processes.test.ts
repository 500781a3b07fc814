import { afterEach, beforeEach, expect, test } from 'vitest';
import { exposureOf } from '../../../src/scan/exposure.ts';
import type { Component } from '../../../src/scan/inventory/component.ts';
import type { Inventory } from '../../../src/scan/inventory/inventory.ts';
import { readProcesses } from '../../../src/scan/inventory/processes.ts';
import { FakeRoot } from '../fake-root.ts';

let proc: FakeRoot;
beforeEach(() => {
  const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
  const line = (local: string, state: string, inode: number): string =>
    `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1\n`;
  proc = new FakeRoot()
    .file(
      'net/tcp',
      `${head}${line('00000000:0050', '0A', 11)}${line('0100007F:18EB', '0A', 12)}${line('0500000A:0050', '01', 13)}`,
    )
    .file(
      'net/tcp6',
      `${head}${line('00000000000000000000000000000000:1F90', '0A', 14)}${line('00000000000000000000000001000000:0019', '0A', 15)}`,
    )
    .file('net/udp', `${head}${line('00000000:0035', '07', 16)}`)
    .link('self/ns/mnt', 'mnt:[1]');
});
afterEach(() => proc.remove());

function process(
  pid: number,
  exe: string,
  inodes: readonly number[],
  more: { ns?: string; maps?: string; args?: string } = {},
): void {
  proc
    .link(`${pid}/exe`, exe)
    .link(`${pid}/cwd`, '/')
    .link(`${pid}/ns/mnt`, more.ns ?? 'mnt:[1]')
    .file(`${pid}/maps`, more.maps ?? '')
    .file(`${pid}/cmdline`, more.args ?? '');
  for (const inode of inodes) proc.link(`${pid}/fd/${inode}`, `socket:[${inode}]`);
}

test('who listens, where, and with which files', () => {
  process(7, '/usr/sbin/nginx (deleted)', [11, 13], {
    maps: '7f0-7f1 r-xp 0 08:01 9  /usr/lib/libssl.so.3\n7f2-7f3 rw-p 0 00:00 0 [heap]\n',
  });
  process(8, '/usr/bin/redis-server', [12]);
  process(9, '/usr/bin/java', [14, 15], { args: 'java\0-cp\0/opt/a.jar:/opt/b.jar\0-Dx=/srv/app\0Main\0' });
  process(10, '/usr/sbin/named', [16], { ns: 'mnt:[2]' });
  process(11, '/bin/sleep', []);
  proc.file('12/cmdline', '').file('13/cmdline', 'has ended since\0');
  const { processes, inContainers, isComplete } = readProcesses(proc.path);
  expect({ inContainers, isComplete }).toEqual({ inContainers: 1, isComplete: true });
  expect(processes.map(({ pid, name, listeners }) => ({ pid, name, listeners }))).toEqual([
    { pid: 7, name: 'nginx', listeners: [{ protocol: 'tcp', port: 80, isLocal: false }] },
    { pid: 8, name: 'redis-server', listeners: [{ protocol: 'tcp', port: 6379, isLocal: true }] },
    {
      pid: 9,
      name: 'java',
      listeners: [
        { protocol: 'tcp', port: 25, isLocal: true },
        { protocol: 'tcp', port: 8080, isLocal: false },
      ],
    },
  ]);
  expect([...processes[0]!.files]).toEqual(['/usr/sbin/nginx', '/', '/usr/lib/libssl.so.3']);
  expect([...processes[2]!.files]).toEqual(['/usr/bin/java', '/', '/opt/a.jar', '/opt/b.jar', '/srv/app']);
});

test('exposure follows from the files in use', () => {
  process(7, '/usr/sbin/nginx', [11]);
  process(8, '/usr/bin/redis-server', [12]);
  process(9, '/usr/bin/java', [14], { args: 'java\0-jar\0/opt/shop.war\0' });
  const packages = new Map([
    [7, 'nginx'],
    [8, 'redis'],
    [9, 'openjdk-17'],
  ]);
  const processes = readProcesses(proc.path).processes.map((listening) => ({
    ...listening,
    packages: new Set([packages.get(listening.pid)!]),
  }));
  const inventory = { isLive: true, processes } as unknown as Inventory;
  const stateOf = (component: Partial<Component>): string =>
    exposureOf(
      { ecosystem: 'Debian:12', name: 'x', version: '1', path: null, from: [], owner: null, ...component },
      inventory,
    ).state;
  expect(stateOf({ name: 'nginx' })).toBe('network');
  expect(stateOf({ name: 'redis' })).toBe('local');
  expect(stateOf({ name: 'exim4' })).toBe('idle');
  expect(stateOf({ ecosystem: 'Maven', path: '/opt/shop.war!WEB-INF/lib/log4j-core.jar' })).toBe('network');
  expect(stateOf({ ecosystem: 'Maven', path: '/opt/shop.war.old' })).toBe('idle');
  expect(stateOf({ ecosystem: 'Packagist', path: '/var/www/vendor/composer/installed.json' })).toBe('network');
  expect(exposureOf({} as Component, { ...inventory, isLive: false }).state).toBe('unknown');
});
