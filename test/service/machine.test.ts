import { describe, expect, test } from 'vitest';
import { DEFAULTS } from '../../src/config/config.ts';
import { CAPABILITY, hasCapability, parseCapabilities } from '../../src/service/capabilities.ts';
import type { CommandResult, RunCommand } from '../../src/service/command.ts';
import { carriesTls, parseListening } from '../../src/service/listening-ports.ts';
import { inspectMachine, kernel, nodeVersion, privileges } from '../../src/service/machine.ts';
import { ipv6, offloadsOf, otherEngines } from '../../src/service/network-findings.ts';
import { disks, memory } from '../../src/service/resource-findings.ts';

test('Node 20.19 is the oldest', () => {
  expect(nodeVersion('20.18.3').status).toBe('missing');
  expect(nodeVersion('18.20.0').status).toBe('missing');
  expect(nodeVersion('20.19.0').status).toBe('ok');
  expect(nodeVersion('22.0.0').status).toBe('ok');
});

test('capabilities of /proc/self/status', () => {
  const root = parseCapabilities('Name:\tnode\nCapInh:\t0000000000000000\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n');
  expect(hasCapability(root!, CAPABILITY.netAdmin)).toBe(true);
  expect(parseCapabilities('CapEff:\t0000000000001000\n')).toBe(1n << 12n);
  expect(parseCapabilities('nothing of the kind')).toBeNull();
  expect(privileges(1n << 12n).status).toBe('ok');
  expect(privileges(1n << 13n).status).toBe('missing');
  expect(privileges(null).status).toBe('unknown');
});

test('memory', () => {
  const withAvailable = (kib: number): string => `MemTotal: 9999999 kB\nMemAvailable:   ${kib} kB\nBuffers: 1 kB\n`;
  expect(memory(withAvailable(100 * 1024)).status).toBe('missing');
  expect(memory(withAvailable(300 * 1024)).status).toBe('warning');
  expect(memory(withAvailable(2000 * 1024))).toMatchObject({ status: 'ok', detail: '2000 MiB available' });
  expect(memory('').status).toBe('unknown');
});

test('kernels from 3.10 on', () => {
  expect(kernel('2.6.32-754.el6').status).toBe('missing');
  expect(kernel('3.9.0').status).toBe('missing');
  expect(kernel('3.10.0-1160.el7.x86_64').status).toBe('ok');
  expect(kernel('6.1.0-18-amd64').status).toBe('ok');
});

test('disks: a finding for each file system that is written to', () => {
  const free = (mib: number) => (folder: string) => ({
    system: folder.startsWith('/var/log') ? 'log' : 'root',
    bytes: (folder.startsWith('/var/log') ? 5000 : mib) * 2 ** 20,
  });
  const config = {
    ...DEFAULTS,
    outputs: { ...DEFAULTS.outputs, eve: { ...DEFAULTS.outputs.eve, file: '/var/log/vpatch/eve.json' } },
  };
  expect(disks(config, free(2000)).map(({ status, detail }) => `${status}: ${detail}`)).toEqual([
    'ok: 2000 MiB free for /var/lib/vpatch, /var/cache/vpatch',
    'ok: 5000 MiB free for /var/log/vpatch',
  ]);
  expect(disks(DEFAULTS, free(500))).toMatchObject([{ status: 'warning', advice: expect.stringContaining('du ') }]);
  expect(disks(DEFAULTS, () => null)).toEqual([]);
  expect(disks(DEFAULTS)[0]!.detail).toMatch(/^\d+ MiB free for/);
});

test('other engines are known by the names of their processes', () => {
  expect(otherEngines(['systemd', 'nginx', 'node']).status).toBe('ok');
  expect(otherEngines(['Suricata-Main', 'snort3'])).toMatchObject({ status: 'warning', detail: 'Suricata, Snort' });
});

test('IPv6 is told apart by scope', () => {
  const loopback = '00000000000000000000000000000001 01 80 10 80       lo\n';
  const link = 'fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n';
  const global = 'fd000000000000000000000000000002 04 40 00 82     eth0\n';
  expect(ipv6('').detail).toBe('not in use');
  expect(ipv6(loopback + link).detail).toContain('only on the link');
  expect(ipv6(loopback + link + global).detail).toContain('in use on eth0');
});

test('offloads that hide packets', () => {
  const features = 'Features for eth0:\nlarge-receive-offload: on\n\thw-tc-offload: off [fixed]\nrx-checksumming: on\n';
  expect(offloadsOf('eth0', features)).toMatchObject([
    { status: 'warning', detail: 'large-receive-offload of eth0', advice: 'ethtool -K eth0 lro off' },
  ]);
  expect(offloadsOf('eth0', 'large-receive-offload: off [fixed]\n')).toEqual([]);
});

test('whoever is told of something is told what follows and what to do', () => {
  const told = inspectMachine(DEFAULTS).filter(({ status }) => status === 'warning' || status === 'missing');
  for (const { meaning, advice } of told) expect([meaning, advice]).not.toContain(null);
});

test('listening ports are the lines in state LISTEN', () => {
  const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 12346 1 0000 100 0 0 10 0
   0: 00000000000000000000000000000000:20FB 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 777 1 0 100 0 0 10 0
`;
  expect(parseListening(text)).toEqual([
    { port: 443, inode: '12345' },
    { port: 8443, inode: '777' },
  ]);
  expect(parseListening('')).toEqual([]);
  expect([443, 8443, 993].every(carriesTls)).toBe(true);
  expect([80, 22, 8080].some(carriesTls)).toBe(false);
});

describe('the firewall is tried out in a network namespace of its own', () => {
  const OK: CommandResult = { status: 0, output: '', error: '' };
  const MISSING: CommandResult = { status: null, output: '', error: 'spawnSync x ENOENT' };

  /** Records what would change something if it ran outside of `unshare`. */
  const machine = (inside: (program: string) => CommandResult): { run: RunCommand; outside: string[] } => {
    const outside: string[] = [];
    const run: RunCommand = (program, args) => {
      if (program === 'unshare') return args.includes('true') ? OK : inside(args[args.indexOf('--net') + 1]!);
      outside.push([program, ...args].join(' '));
      return MISSING;
    };
    return { run, outside };
  };
  const firewallOf = (run: RunCommand) => inspectMachine(DEFAULTS, run).find(({ check }) => check === 'firewall');

  test('what works there is what would be taken', () => {
    const { run, outside } = machine((program) => (program === 'nft' ? { ...OK, status: 1, error: 'no queue' } : OK));
    expect(firewallOf(run)).toMatchObject({ status: 'ok', detail: expect.stringContaining('iptables') });
    expect(outside.filter((command) => /restore|-A |-f /.test(command))).toEqual([]);
  });

  test('without ip6tables: a warning', () => {
    const { run } = machine((program) => (/^(nft|ip6)/.test(program) ? { ...OK, status: 1, error: 'no' } : OK));
    expect(firewallOf(run)).toMatchObject({ status: 'warning', meaning: expect.stringContaining('IPv6') });
  });

  test('nothing there: missing, with the reasons', () => {
    const failed = 'unshare: failed to execute x: No such file or directory';
    const { run } = machine(() => ({ status: 127, output: '', error: failed }));
    expect(firewallOf(run)).toMatchObject({ status: 'missing', detail: expect.stringContaining('not installed') });
  });

  test('no namespace may be made: unknown, and nothing is tried outside', () => {
    const commands: string[] = [];
    const run: RunCommand = (program, args) => {
      commands.push([program, ...args].join(' '));
      return MISSING;
    };
    expect(firewallOf(run)).toMatchObject({ status: 'unknown' });
    expect(commands.filter((command) => /restore|-f -/.test(command))).toEqual([]);
  });
});
