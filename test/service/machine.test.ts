import { describe, expect, test } from 'vitest';
import { CAPABILITY, hasCapability, parseCapabilities } from '../../src/service/capabilities.ts';
import type { CommandResult, RunCommand } from '../../src/service/command.ts';
import { carriesTls, parseListening } from '../../src/service/listening-ports.ts';
import { inspectMachine, memory, nodeVersion, privileges } from '../../src/service/machine.ts';

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
  const firewallOf = (run: RunCommand) => inspectMachine(run).find(({ check }) => check === 'firewall');

  test('what works there is what would be taken', () => {
    const { run, outside } = machine((program) => (program === 'nft' ? { ...OK, status: 1, error: 'no queue' } : OK));
    expect(firewallOf(run)).toMatchObject({ status: 'ok', detail: expect.stringContaining('iptables') });
    expect(outside.filter((command) => /restore|-A |-f /.test(command))).toEqual([]);
  });

  test('without ip6tables: a warning', () => {
    const { run } = machine((program) => (/^(nft|ip6)/.test(program) ? { ...OK, status: 1, error: 'no' } : OK));
    expect(firewallOf(run)).toMatchObject({ status: 'warning', advice: expect.stringContaining('IPv6') });
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
