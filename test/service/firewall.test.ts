import { describe, expect, test } from 'vitest';
import type { CommandResult, RunCommand } from '../../src/service/command.ts';
import { chooseFirewall, FirewallError, installedFirewalls } from '../../src/service/firewall.ts';
import { INTERCEPTION } from '../support/interception.ts';

const OK: CommandResult = { status: 0, output: '', error: '' };
const MISSING: CommandResult = { status: null, output: '', error: 'spawnSync nft ENOENT' };
const NO_QUEUE_EXPRESSION: CommandResult = {
  status: 1,
  output: '',
  error: '/dev/stdin:3:34-38: Error: Could not process rule: No such file or directory\nadd rule ...',
};

/** A machine: what each program answers; programs that are not named do not exist. */
const machine =
  (programs: Record<string, CommandResult | ((args: readonly string[], input: string) => CommandResult)>): RunCommand =>
  (program, args, input = '') => {
    const answer = programs[program] ?? MISSING;
    return typeof answer === 'function' ? answer(args, input) : answer;
  };

describe('which firewall is taken', () => {
  test('nftables, where the kernel has its queue expression', () => {
    const { firewall, remarks } = chooseFirewall(machine({ nft: OK, iptables: OK, 'iptables-restore': OK }));
    expect(firewall?.name).toBe('nftables');
    expect(firewall?.families).toEqual([4, 6]);
    expect(remarks).toEqual([]);
  });

  test('iptables, where it has not; the remark says what nft said', () => {
    const run = machine({
      nft: NO_QUEUE_EXPRESSION,
      iptables: { ...OK, output: 'iptables v1.8.9 (nf_tables)\n' },
      'iptables-restore': OK,
      'ip6tables-restore': OK,
    });
    const { firewall, remarks } = chooseFirewall(run);
    expect(firewall?.name).toBe('iptables v1.8.9 (nf_tables)');
    expect(firewall?.families).toEqual([4, 6]);
    expect(remarks).toEqual([expect.stringContaining('No such file or directory')]);
  });

  test('a machine without ip6tables: IPv6 is not inspected, and that is said', () => {
    const { firewall, remarks } = chooseFirewall(machine({ iptables: OK, 'iptables-restore': OK }));
    expect(firewall?.families).toEqual([4]);
    expect(remarks.at(-1)).toContain('IPv6 is not inspected');
  });

  test('the other kind of iptables, where the first has no NFQUEUE', () => {
    const run = machine({
      'iptables-restore': { status: 2, output: '', error: '# Warning: tables present\nNFQUEUE: unknown target' },
      'iptables-legacy': { ...OK, output: 'iptables v1.8.9 (legacy)\n' },
      'iptables-legacy-restore': OK,
      'ip6tables-legacy-restore': OK,
    });
    const { firewall, remarks } = chooseFirewall(run);
    expect(firewall?.name).toBe('iptables v1.8.9 (legacy)');
    expect(remarks).toContain('iptables cannot queue here: NFQUEUE: unknown target');
  });

  test('is found out by one transaction for each family, and one by one only where that fails', () => {
    const inputs: string[] = [];
    const run = machine({
      iptables: OK,
      'iptables-restore': (_args, input) => {
        inputs.push(input);
        return OK;
      },
      'ip6tables-restore': (_args, input) => {
        inputs.push(input);
        return input.includes('CONNMARK') ? { status: 2, output: '', error: 'no CONNMARK' } : OK;
      },
    });
    const { firewall, remarks } = chooseFirewall(run);
    expect(inputs.map((text) => [...text.matchAll(/^\*(\w+)/gm)].map(([, table]) => table).join())).toEqual([
      'mangle,security,filter',
      'mangle,security,filter',
      'mangle',
      'security,filter',
      'mangle,security',
    ]);
    expect(inputs.map((text) => text.includes('u32'))).toEqual([true, false, false, false, false]);
    expect(firewall).toMatchObject({ families: [4, 6], canReject: true, canBypass: false, canSeePorts: true });
    expect(remarks.at(-1)).toMatch(/ip6tables.*no CONNMARK/);
  });

  test('nftables that cannot do everything still queues', () => {
    const nft = (_args: readonly string[], input: string): CommandResult =>
      input.includes('symhash') ? NO_QUEUE_EXPRESSION : OK;
    const { firewall, remarks } = chooseFirewall(machine({ nft }));
    expect(firewall).toMatchObject({ name: 'nftables', canReject: true, canBypass: true, canSeePorts: false });
    expect(remarks).toEqual([]);
  });

  test('none: null, with a remark for each', () => {
    const { firewall, remarks } = chooseFirewall(machine({}));
    expect(firewall).toBeNull();
    expect(remarks).toHaveLength(4);
  });
});

describe('iptables', () => {
  /** Keeps what was restored last in each table and shows it as saved, as far as it is in iptables-save's own form. */
  function fakeTables(): { run: RunCommand; saved: Map<string, string[]> } {
    const saved = new Map<string, string[]>();
    const run = machine({
      iptables: OK,
      'iptables-restore': (_args, input) => {
        if (input.includes('VPATCH-PROBE')) return OK;
        for (const text of input.split(/(?=^\*)/m)) {
          const lines = text.split('\n').filter((line) => !/^-[DFX] /.test(line));
          saved.set(
            /^\*(\w+)/.exec(text)![1]!,
            lines.map((line) => line.replace(/^-I /, '-A ')),
          );
        }
        return OK;
      },
      'iptables-save': () => ({ ...OK, output: [...saved.values()].flat().join('\n') }),
    });
    return { run, saved };
  }

  test('notices when somebody else takes the rules away, or changes them', () => {
    const { run, saved } = fakeTables();
    const { firewall } = chooseFirewall(run);
    firewall!.install({ ...INTERCEPTION, rejectMark: 0x10 });
    expect([...saved.keys()].at(-1)).toBe('mangle');
    expect(firewall!.isInPlace()).toBe(true);

    for (const table of ['mangle', 'filter', 'security']) {
      const whole = saved.get(table)!;
      const jumpless = whole.filter((line) => !line.startsWith('-A INPUT'));
      saved.set(table, jumpless);
      expect(firewall!.isInPlace(), table).toBe(false);
      saved.set(table, []);
      expect(firewall!.isInPlace(), table).toBe(false);
      saved.set(table, whole);
      expect(firewall!.isInPlace(), table).toBe(true);
    }
  });

  test('what rejects stays while packets may wait, and goes at the end', () => {
    const { run, saved } = fakeTables();
    const { firewall } = chooseFirewall(run);
    firewall!.install({ ...INTERCEPTION, rejectMark: 0x10 });
    const own = (table: string): boolean => saved.get(table)!.join().includes('VPATCH');
    firewall!.remove();
    expect(['mangle', 'filter', 'security'].map(own)).toEqual([false, true, true]);
    expect(firewall!.installedQueues()).toEqual([]);
    firewall!.dispose();
    expect(['mangle', 'filter', 'security'].map(own)).toEqual([false, false, false]);
    expect(firewall!.installedQueues()).toBeNull();
  });

  test('without a target that rejects, marked packets are nowhere expected', () => {
    const { run, saved } = fakeTables();
    const { firewall, remarks } = chooseFirewall((program, args, input) =>
      input?.includes('REJECT') === true ? { status: 2, output: '', error: 'no REJECT' } : run(program, args, input),
    );
    expect(firewall!.canReject).toBe(false);
    expect(remarks.at(-1)).toContain('no REJECT');
    firewall!.install({ ...INTERCEPTION, rejectMark: 0x10 });
    expect([...saved.keys()]).toEqual(['mangle']);
  });

  test('names the queues of rules that are there', () => {
    const { run } = fakeTables();
    const { firewall } = chooseFirewall(run);
    expect(firewall!.installedQueues()).toBeNull();
    firewall!.install({ ...INTERCEPTION, firstQueue: 4, queueCount: 2 });
    expect(firewall!.installedQueues()).toEqual([4, 5]);
  });

  test('is found once, under whatever names it has', () => {
    const version = { ...OK, output: 'iptables v1.8.9 (nf_tables)\n' };
    const asked: string[] = [];
    const run = machine({ iptables: version, 'iptables-nft': version });
    const found = installedFirewalls((program, args, input) => {
      asked.push(program);
      if (program !== 'iptables-save') return run(program, args, input);
      return { ...OK, output: '*mangle\n:VPATCH-IN - [0:0]\n-A VPATCH-IN -j NFQUEUE --queue-num 3\nCOMMIT\n' };
    });
    expect(found.map(({ name }) => name)).toEqual(['iptables v1.8.9 (nf_tables)']);
    expect(found[0]!.installedQueues()).toEqual([3]);
    expect(asked).not.toContain('iptables-nft-save');
  });

  test('a refusal names the tool and what it said', () => {
    const run = machine({
      iptables: OK,
      'iptables-save': OK,
      'iptables-restore': (_args, input) =>
        input.includes('VPATCH-PROBE') ? OK : { status: 1, output: '', error: 'line 5 failed\n' },
    });
    const { firewall } = chooseFirewall(run);
    expect(() => firewall!.install(INTERCEPTION)).toThrow(
      new FirewallError("iptables refuses vpatch's rules: line 5 failed"),
    );
  });

  test('a bad argument never reaches the tool', () => {
    const { run, saved } = fakeTables();
    const { firewall } = chooseFirewall(run);
    expect(() => firewall!.install({ ...INTERCEPTION, interfaces: ['x -j ACCEPT'] })).toThrow(RangeError);
    expect(saved.size).toBe(0);
  });
});
