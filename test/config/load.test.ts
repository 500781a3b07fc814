import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DEFAULTS } from '../../src/config/config.ts';
import { type ConfigSources, loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vpatch-config-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(name: string, text: string): string {
  mkdirSync(join(directory, name, '..'), { recursive: true });
  writeFileSync(join(directory, name), text);
  return name;
}

function load(sources: ConfigSources) {
  const loaded = loadConfig({ directory, ...sources });
  if (loaded.status === 'invalid') throw new Error(loaded.problems.map(formatProblem).join('\n'));
  return loaded.config;
}

/** What a user would read, with the place of the file taken away. */
function problems(text: string, sources: ConfigSources = {}): string[] {
  const loaded = loadConfig({ directory, file: write('vpatch.yaml', text), ...sources });
  return loaded.status === 'ok' ? [] : loaded.problems.map(formatProblem);
}

describe('loadConfig', () => {
  test('without any source gives the defaults', () => {
    expect(load({})).toEqual(DEFAULTS);
  });

  test('takes an empty file, and one with nothing but comments', () => {
    expect(load({ file: write('empty.yaml', '') })).toEqual(DEFAULTS);
    expect(load({ file: write('comments.yaml', '# mode: prevent\n') })).toEqual(DEFAULTS);
    expect(load({ file: write('headings.yaml', 'flow:\nstream:\n') })).toEqual(DEFAULTS);
  });

  test('gives what can be sent to other threads', () => {
    expect(structuredClone(load({}))).toEqual(DEFAULTS);
  });

  test('refuses a file that is far too large, and what never ends', () => {
    const file = write('vpatch.yaml', '');
    truncateSync(join(directory, file), 64 * 2 ** 20 + 1);
    expect(() => load({ file })).toThrow('vpatch.yaml: cannot be read: it has more than 64 MiB');
    expect(() => load({ file: '/dev/zero' })).toThrow('/dev/zero: cannot be read: it has more than 64 MiB');
  });

  test('lays the command line over the file and the file over the defaults', () => {
    const file = write('vpatch.yaml', 'mode: prevent\nstream:\n  memory: 32MiB\n  depth: 2MiB\n');
    const config = load({ file, overrides: { stream: { depthBytes: 4096 } } });
    expect(config.mode).toBe('prevent');
    expect(config.stream).toEqual({ ...DEFAULTS.stream, memoryBytes: 32 * 2 ** 20, depthBytes: 4096 });
  });

  test('gives a value that nobody can change', () => {
    const config = load({});
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.queue.hooks)).toBe(true);
    expect(Object.isFrozen(config.variables.addresses)).toBe(true);
  });

  test.each([
    ['127.0.0.1:9469', { address: '127.0.0.1', port: 9469 }],
    ['9469', { address: '127.0.0.1', port: 9469 }],
    ['"[::1]:80"', { address: '::1', port: 80 }],
    ['0.0.0.0:65535', { address: '0.0.0.0', port: 65535 }],
    ['none', null],
  ])('listens at %s', (text, listen) => {
    expect(load({ file: write('vpatch.yaml', `metrics: { listen: ${text} }\n`) }).metrics).toEqual({ listen });
  });

  test('reads sizes and durations with their units', () => {
    const config = load({
      file: write(
        'vpatch.yaml',
        'stream: { depth: 1.5MiB, max-out-of-order: 65536 }\ntimeouts: { tcp-new: 500ms, udp-new: 2m }\n',
      ),
    });
    expect(config.stream.depthBytes).toBe(1.5 * 2 ** 20);
    expect(config.stream.maxOutOfOrderBytes).toBe(65536);
    expect(config.timeouts.tcpNewMs).toBe(500);
    expect(config.timeouts.udpNewMs).toBe(120_000);
  });

  test('reads the words that stand for no number', () => {
    const config = load({ file: write('vpatch.yaml', 'flow: { max-half-open: none }\nqueue: { count: auto }\n') });
    expect(config.flow.maxHalfOpenFlows).toBeNull();
    expect(config.queue.count).toBeNull();
  });

  test('keeps the variables that a file does not name', () => {
    const file = write(
      'vpatch.yaml',
      'variables:\n  addresses: { HOME_NET: "[10.9.0.0/16]" }\n  ports: { HTTP_PORTS: [80, 8080] }\n',
    );
    const { addresses, ports } = load({ file }).variables;
    expect(addresses.HOME_NET).toBe('[10.9.0.0/16]');
    expect(addresses.EXTERNAL_NET).toBe('!$HOME_NET');
    expect(ports.HTTP_PORTS).toBe('[80,8080]');
  });
});

describe('problems', () => {
  test('name file, line, column, key, what was expected and what is there', () => {
    expect(problems('mode: detect\nstream:\n  max-out-of-order: lots\n')).toEqual([
      'vpatch.yaml:3:21: stream.max-out-of-order: expected a size such as 1MiB, from 4KiB to 1GiB, found "lots"',
    ]);
  });

  test.each([
    ['mode: detct', 'vpatch.yaml:1:7: mode: expected detect or prevent, found "detct"'],
    ['mode:', 'vpatch.yaml:1:1: mode: expected detect or prevent, found nothing'],
    ['flow: 3', 'vpatch.yaml:1:7: flow: expected a block of "key: value" lines, found 3'],
    ['flow: { max-tcp: 0 }', 'vpatch.yaml:1:18: flow.max-tcp: expected a whole number from 1 to 4000000, found 0'],
    ['flow: { max-tcp: 1.5 }', 'vpatch.yaml:1:18: flow.max-tcp: expected a whole number from 1 to 4000000, found 1.5'],
    ['timeouts: { icmp: 30 }', 'vpatch.yaml:1:19: timeouts.icmp: expected a duration such as 60s or 5m, found 30'],
    ...[
      'localhost:9469',
      '127.0.0.1',
      '127.0.0.1:0',
      '127.0.0.1:65536',
      '"::1:9469"',
      '"[127.0.0.1]:1"',
      '"[::1]"',
    ].map((text): [string, string] => [
      `metrics: { listen: ${text} }`,
      `vpatch.yaml:1:20: metrics.listen: expected an address with a port such as 127.0.0.1:9469 or "[::1]:9469", ` +
        `a port of 127.0.0.1, or none, found "${text.replaceAll('"', '')}"`,
    ]),
    ['stream: { midstream: yes }', 'vpatch.yaml:1:22: stream.midstream: expected true, false or auto, found "yes"'],
    [
      'queue: { hooks: input }',
      'vpatch.yaml:1:17: queue.hooks: expected a list of input, output or forward, found "input"',
    ],
    [
      'queue: { hooks: [input, outptu] }',
      'vpatch.yaml:1:25: queue.hooks.1: expected input, output or forward, found "outptu"',
    ],
    ['queue: { hooks: [input, input] }', 'vpatch.yaml:1:17: queue.hooks: expected each of them once, found a list'],
    [
      'queue: { interfaces: [eth0/1] }',
      'vpatch.yaml:1:23: queue.interfaces.0: expected the name of an interface such as eth0, found "eth0/1"',
    ],
    [
      'queue: { management-ports: [22, 70000] }',
      'vpatch.yaml:1:33: queue.management-ports.1: expected a whole number from 1 to 65535, found 70000',
    ],
    [
      'checks: { actions: { tcp.port_zero: dorp } }',
      'vpatch.yaml:1:37: checks.actions.tcp.port_zero: expected drop, report or ignore, found "dorp"',
    ],
    [
      'checks: { exceptions: { networks: [] } }',
      'vpatch.yaml:1:23: checks.exceptions: expected a list of blocks with "networks" and "checks", found a block of keys',
    ],
    [
      'rules: { action-order: [pass, drop] }',
      'vpatch.yaml:1:24: rules.action-order: expected each of pass, drop, reject, alert once, found a list',
    ],
    [
      'variables: { ports: { A B: 80 } }',
      'vpatch.yaml:1:23: variables.ports.A B: expected a name such as HTTP_PORTS as the key',
    ],
    ['- mode', 'vpatch.yaml:1:1: expected a block of "key: value" lines, found a list'],
  ])('%s', (text, message) => {
    expect(problems(text)).toEqual([message]);
  });

  test('suggest the key that was meant', () => {
    expect(problems('stream:\n  memroy: 1MiB\n')).toEqual([
      'vpatch.yaml:2:3: stream.memroy: unknown key; did you mean memory?',
    ]);
    expect(problems('flow: { maxTcp: 5 }')).toEqual([
      'vpatch.yaml:1:9: flow.maxTcp: unknown key; did you mean max-tcp?',
    ]);
    expect(problems('checks: { exceptions: [{ network: 10.0.0.0/8 }] }')).toEqual([
      'vpatch.yaml:1:26: checks.exceptions.0.network: unknown key; did you mean networks?',
    ]);
  });

  test('list the known keys where none is near', () => {
    expect(problems('log: { colour: green }')).toEqual(['vpatch.yaml:1:8: log.colour: unknown key; known here: level']);
  });

  test('are told all at once, in the order of the file', () => {
    const lines = problems('queue: { start: x }\nmode: on\nflow: { max-udp: y }\n').map((line) => line.split(':')[1]);
    expect(lines).toEqual(['1', '2', '3']);
  });

  test('of the YAML itself have a place', () => {
    expect(problems('mode: detect\nmode: prevent\n')).toEqual([
      expect.stringMatching(/^vpatch\.yaml:2:1: map keys must be unique/),
    ]);
    expect(problems('mode: [detect\n')).toEqual([expect.stringMatching(/^vpatch\.yaml:2:1: .*flow sequence/i)]);
  });

  test('of a file that is not there', () => {
    const loaded = loadConfig({ directory, file: 'none.yaml' });
    expect(loaded).toMatchObject({ status: 'invalid' });
    expect(loaded.status === 'invalid' && loaded.problems.map(formatProblem)).toEqual([
      'none.yaml: cannot be read: there is no such file',
    ]);
  });

  test('never come as an exception, whatever the file holds', () => {
    const word = fc.constantFrom(
      'mode',
      'flow',
      'max-tcp',
      ':',
      '- ',
      '\n',
      '  ',
      '{',
      '}',
      '[',
      ']',
      '&a',
      '*a',
      '!!x',
      '"',
      '? ',
      '__proto__',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(word, fc.string({ maxLength: 4 })), { maxLength: 12 }), (words) => {
        const loaded = loadConfig({ directory, file: write('random.yaml', words.join('')) });
        expect(['ok', 'invalid']).toContain(loaded.status);
      }),
    );
  });

  test('a key called __proto__ sets nothing', () => {
    expect(problems('__proto__: { mode: prevent }')).toHaveLength(1);
    expect(load({ file: write('vpatch.yaml', 'variables: { addresses: { __proto__: { mode: x } } }') })).toEqual(
      DEFAULTS,
    );
    expect(({} as Record<string, unknown>).mode).toBeUndefined();
  });
});

describe('the drop-in folder', () => {
  test('is read after the file, in the order of its names, and wins key by key', () => {
    write('a.rules', '');
    write('etc/vpatch.d/own.rules', '');
    write('etc/vpatch.d/20-mode.yaml', 'mode: prevent\nqueue: { start: 7 }\n');
    write(
      'etc/vpatch.d/10-queue.yaml',
      'mode: detect\nqueue: { start: 5, length: 99 }\nrules: { files: [own.rules] }\n',
    );
    write('etc/vpatch.d/notes.txt', 'not ours');
    const config = load({ file: write('etc/vpatch.yaml', 'flow: { max-tcp: 5 }\n') });
    expect(config).toMatchObject({ mode: 'prevent', queue: { start: 7, lengthPackets: 99 }, flow: { maxTcpFlows: 5 } });
    expect(config.rules.files).toEqual([join(directory, 'etc/vpatch.d/own.rules')]);
  });

  test('is told of with its own places', () => {
    write('vpatch.d/a.yaml', '\nmodus: prevent\n');
    write('vpatch.d/b.yaml', 'variables: { addresses: { HOME_NET: nowhere } }\n');
    const found = problems('mode: maybe\n');
    expect(found).toHaveLength(3);
    expect(found.join('\n')).toContain('vpatch.yaml:1:7: mode:');
    expect(found.join('\n')).toContain('vpatch.d/a.yaml:2:1: modus: unknown key');
    expect(found.join('\n')).toContain('vpatch.d/b.yaml:1:37: variables.addresses.HOME_NET');
  });
});

describe('rule files', () => {
  beforeEach(() => {
    write('rules/b.rules', '');
    write('rules/a.rules', '');
    write('rules/.hidden.rules', '');
    write('rules/notes.txt', '');
    write('more/x/deep.rules', '');
  });
  const names = (files: readonly string[]): string[] => files.map((file) => file.slice(directory.length + 1));

  test('of a configuration count from its folder, patterns in alphabetical order', () => {
    const file = write('etc/vpatch.yaml', 'rules:\n  files: [../rules/*.rules, "../more/*/d??p.rules"]\n');
    expect(names(load({ file }).rules.files)).toEqual(['rules/a.rules', 'rules/b.rules', 'more/x/deep.rules']);
  });

  test('of the command line are added with -s, and replace with -S', () => {
    const file = write('vpatch.yaml', 'rules: { files: [rules/a.rules] }');
    expect(names(load({ file, addedRules: ['rules/[b-c].rules'] }).rules.files)).toEqual([
      'rules/a.rules',
      'rules/b.rules',
    ]);
    expect(names(load({ file, onlyRules: ['rules/b.rules'] }).rules.files)).toEqual(['rules/b.rules']);
  });

  test('are loaded once, however often they are named', () => {
    expect(names(load({ onlyRules: ['rules/a.rules', 'rules/*.rules'] }).rules.files)).toEqual([
      'rules/a.rules',
      'rules/b.rules',
    ]);
  });

  test('that are not there are a problem, with the place that names them', () => {
    expect(problems('rules:\n  files:\n    - gone.rules\n    - gone/*.rules\n')).toEqual([
      'vpatch.yaml:3:7: rules.files.0: cannot read gone.rules: there is no such file',
      'vpatch.yaml:4:7: rules.files.1: no file matches gone/*.rules',
    ]);
    expect(problems('', { addedRules: ['rules'] })).toEqual([
      '-s rules: cannot read rules: it is a folder; give "rules/*.rules"',
    ]);
  });

  test('of a configuration do not matter when -S replaces them', () => {
    expect(problems('rules: { files: [gone.rules] }', { onlyRules: ['rules/a.rules'] })).toEqual([]);
  });
});

describe('--set', () => {
  test('knows addresses from ports', () => {
    const { addresses, ports } = load({
      assignments: [
        'HOME_NET=[10.0.0.0/8,fd00::/8]',
        'HTTP_PORTS=[80,8080]',
        'MY_PORTS=$HTTP_PORTS',
        'ADMIN=!22',
        'LAN=fd00::/8',
        'ODD=::1',
      ],
    }).variables;
    expect(addresses).toMatchObject({ HOME_NET: '[10.0.0.0/8,fd00::/8]', LAN: 'fd00::/8', ODD: '::1' });
    expect(ports).toMatchObject({ HTTP_PORTS: '[80,8080]', MY_PORTS: '$HTTP_PORTS', ADMIN: '!22' });
  });

  test('is told what is wrong with a value', () => {
    const told = (assignment: string): string[] => problems('', { assignments: [assignment] });
    expect(told('HOME_NET=10.0.0.300')).toEqual([
      expect.stringMatching(/^variable HOME_NET=10\.0\.0\.300: "10\.0\.0\.300" is /),
    ]);
    expect(told('HTTP_PORTS=[80')).toEqual(['variable HTTP_PORTS=[80: "[" without "]"']);
    expect(told('LAN=$NOWHERE')).toHaveLength(1);
    expect(told('HOME_NET=any')).toEqual([]);
    expect(problems('checks: { exceptions: [{ networks: [10.0.0.0/33] }] }')).toHaveLength(1);
  });

  test('a variable of the file is told of with its place there, unless the command line replaces it', () => {
    const text = 'variables:\n  addresses:\n    LAN: "10.0.0.300"\n  ports:\n    WEB: "[80"\n';
    expect(problems(text)).toEqual([
      expect.stringMatching(
        /^vpatch\.yaml:3:10: variables\.addresses\.LAN: "10\.0\.0\.300" is .*, found "10\.0\.0\.300"$/,
      ),
      'vpatch.yaml:5:10: variables.ports.WEB: "[" without "]", found "[80"',
    ]);
    expect(problems(text, { assignments: ['LAN=10.0.0.0/8', 'WEB=70000'] })).toEqual([
      expect.stringMatching(/^variable WEB=70000: /),
    ]);
  });

  test('needs a name and a value', () => {
    expect(problems('', { assignments: ['HOME_NET', '=1', 'A='] })).toHaveLength(3);
  });
});
