import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DEFAULTS } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/problem.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vpatch-suricata-'));
  mkdirSync(join(directory, 'rules'));
  for (const name of ['a.rules', 'b.rules']) writeFileSync(join(directory, 'rules', name), '');
});
afterEach(() => rmSync(directory, { recursive: true }));

const HEADER = '%YAML 1.1\n---\n';

function load(text: string, more: Record<string, unknown> = {}) {
  writeFileSync(join(directory, 'suricata.yaml'), HEADER + text);
  const loaded = loadConfig({ directory, suricataYaml: 'suricata.yaml', ...more });
  if (loaded.status === 'invalid') throw new Error(loaded.problems.map(formatProblem).join('\n'));
  return loaded;
}

describe('an existing suricata.yaml', () => {
  test('gives its variables beside those that it does not name', () => {
    const { config } = load(
      'vars:\n  address-groups:\n    HOME_NET: "[10.0.0.0/8]"\n    DMZ: "10.1.0.0/16"\n  port-groups:\n    HTTP_PORTS: 8080\n    OTHER_PORTS: [1, 2]\n',
    );
    expect(config.variables.addresses).toEqual({
      ...DEFAULTS.variables.addresses,
      HOME_NET: '[10.0.0.0/8]',
      DMZ: '10.1.0.0/16',
    });
    expect(config.variables.ports).toMatchObject({ HTTP_PORTS: '8080', OTHER_PORTS: '[1,2]', SSH_PORTS: '22' });
  });

  test('gives its rule files, from its default-rule-path', () => {
    const { config } = load(`default-rule-path: ${directory}/rules\nrule-files:\n  - b.rules\n  - "a*.rules"\n`);
    expect(config.rules.files).toEqual([join(directory, 'rules/b.rules'), join(directory, 'rules/a.rules')]);
  });

  test('gives the classification, the references and the order of actions', () => {
    const { config } = load(
      'classification-file: classification.config\nreference-config-file: /etc/reference.config\naction-order: [drop, reject, alert, pass]\n',
    );
    expect(config.rules).toMatchObject({
      classificationFile: join(directory, 'classification.config'),
      referenceFile: '/etc/reference.config',
      actionOrder: ['drop', 'reject', 'alert', 'pass'],
    });
  });

  test('gives limits, in units of 1024, and 0 is no limit', () => {
    const { config } = load(
      'stream:\n  midstream: yes\n  reassembly:\n    memcap: 256mb\n    depth: 0\n' +
        'app-layer:\n  protocols:\n    http:\n      libhtp:\n        default-config:\n          request-body-limit: 4kb\n          response-body-limit: 1234\n',
    );
    expect(config.stream).toEqual({
      ...DEFAULTS.stream,
      midstream: true,
      memoryBytes: 256 * 2 ** 20,
      depthBytes: Number.MAX_SAFE_INTEGER,
    });
    expect(config.http).toEqual({ ...DEFAULTS.http, requestBodyBytes: 4096, responseBodyBytes: 1234 });
  });

  test.each([
    ['full', 'late'],
    ['default', 'early'],
    ['bypass', 'early'],
  ])('gives what becomes of connections that are encrypted: %s', (handling, encrypted) => {
    const { config, notes } = load(`app-layer: { protocols: { tls: { encryption-handling: ${handling} } } }\n`);
    expect(config.bypass).toEqual({ ...DEFAULTS.bypass, encrypted });
    expect(notes).toEqual([]);
  });

  test.each([
    ['exception-policy: ignore', 'ignore'],
    ['exception-policy: pass-flow', 'pass'],
    ['exception-policy: auto', 'auto'],
    ['stream: { midstream-policy: drop-flow }', 'drop'],
    ['exception-policy: ignore\nstream: { midstream-policy: bypass }', 'pass'],
    ['stream: { midstream: yes }', 'auto'],
  ])('gives what becomes of connections whose beginning was not seen: %s', (yaml, policy) => {
    expect(load(`${yaml}\n`).config.stream.midstreamPolicy).toBe(policy);
  });

  test.each([
    ['stream: { drop-invalid: yes }', 'auto'],
    ['stream: { drop-invalid: no }', 'pass'],
    ['stream: { midstream-policy: bypass }', 'pass'],
    ['stream: { midstream-policy: pass-flow }', 'auto'],
  ])('gives what becomes of their ends: %s', (yaml, policy) => {
    expect(load(`${yaml}\n`).config.stream.strayEnds).toBe(policy);
  });

  test('gives the bounds of what is kept of fragments', () => {
    const { config, notes } = load('defrag: { memcap: 16mb, trackers: 2000, timeout: 30, max-frags: 65535 }\n');
    expect(config.defrag).toEqual({
      ...DEFAULTS.defrag,
      memoryBytes: 16 * 2 ** 20,
      maxDatagrams: 2000,
      timeoutMs: 30_000,
    });
    expect(notes).toEqual([expect.stringContaining('defrag.max-frags: not taken over')]);
  });

  test('gives timeouts and what happens on failure', () => {
    const { config } = load(
      'flow-timeouts:\n  tcp: { new: 30, established: 300, closed: 5 }\nexception-policy: pass-flow\nnfq: { fail-open: no }\n',
    );
    expect(config.timeouts).toEqual({
      ...DEFAULTS.timeouts,
      tcpNewMs: 30_000,
      tcpEstablishedMs: 300_000,
      tcpClosedMs: 5_000,
    });
    expect(config.failure).toEqual({ engine: 'closed', limits: 'open' });
    expect(load('exception-policy: drop-flow\n').config.failure.limits).toBe('closed');
    expect(load('exception-policy: auto\n').config.failure).toEqual(DEFAULTS.failure);
  });

  test.each([
    ['app-layer: { error-policy: ignore }', 'open'],
    ['stream: { memcap-policy: drop-flow }', 'closed'],
    ['exception-policy: pass-flow\nstream: { reassembly: { memcap-policy: drop-packet } }', 'closed'],
    ['exception-policy: auto\napp-layer: { error-policy: bypass }', 'open'],
    ['stream: { memcap-policy: auto }', DEFAULTS.failure.limits],
  ])('gives one answer for all limits, the strictest: %s', (yaml, limits) => {
    expect(load(`${yaml}\n`).config.failure.limits).toBe(limits);
  });

  test('gives the files of reputations, relative to their folder', () => {
    const { rules } = load(
      'default-reputation-path: iprep\nreputation-categories-file: categories.txt\nreputation-files: [a.list, /b.list]\n',
    ).config;
    expect(rules.reputationCategoriesFile).toBe(join(directory, 'categories.txt'));
    expect(rules.reputationFiles).toEqual([join(directory, 'iprep/a.list'), '/b.list']);
  });

  test('gives sets of values, with the files that they begin with', () => {
    const text = [
      'default-data-dir: data',
      'geoip-database: geo.mmdb',
      'datasets:',
      '  defaults: { memcap: 1mb }',
      '  agents: { type: string, state: agents.lst, memcap: 2mb }',
      '  bad: { type: md5, load: bad.lst }',
    ];
    const { config, notes } = load(`${text.join('\n')}\n`);
    expect(config.rules).toMatchObject({
      dataFolder: join(directory, 'data'),
      geoipDatabaseFile: join(directory, 'geo.mmdb'),
      datasets: {
        agents: { type: 'string', load: null, state: 'agents.lst', memoryBytes: 2 * 2 ** 20 },
        bad: { type: 'md5', load: join(directory, 'data', 'bad.lst'), state: null, memoryBytes: null },
      },
    });
    expect(notes.map((note) => note.split(': ')[1])).toEqual(['datasets.defaults']);
    expect(() => load('datasets: { a: { type: number } }\n')).toThrow('expected one of string, md5');
    expect(() => load('datasets: { a: { type: string, state: /tmp/a } }\n')).toThrow('datasets.a.state');
  });

  test('is followed through its includes, the last one wins', () => {
    writeFileSync(
      join(directory, 'extra.yaml'),
      `${HEADER}stream: { midstream: true }\nvars: { address-groups: { HOME_NET: 10.9.9.9 } }\n`,
    );
    const { config } = load('include: extra.yaml\nvars: { address-groups: { HOME_NET: 10.0.0.1, DMZ: 10.2.2.2 } }\n');
    expect(config.stream.midstream).toBe(true);
    expect(config.variables.addresses).toMatchObject({ HOME_NET: '10.9.9.9', DMZ: '10.2.2.2' });
  });

  test('names what was not taken over, in the largest parts', () => {
    const { notes } = load(
      'af-packet:\n  - interface: eth0\nstream:\n  midstream: no\n  memcap: 64mb\n  reassembly: { depth: 1mb, check-overlap-different-data: true }\n',
    );
    expect(notes).toEqual(
      [
        ['af-packet', 'vpatch takes packets from NFQUEUE (run), libpcap (sniff) or files (replay)'],
        ['stream.memcap', 'flow.max-tcp bounds the sessions'],
        ['stream.reassembly.check-overlap-different-data', 'data that differs from what came before is always dropped'],
      ].map(([key, reason]) => `suricata.yaml: ${key}: not taken over: ${reason}`),
    );
  });

  test('is weaker than the own configuration and the command line', () => {
    writeFileSync(join(directory, 'vpatch.yaml'), 'stream: { memory: 2MiB }\n');
    const { config } = load('stream: { midstream: yes, reassembly: { memcap: 1gb, depth: 8kb } }\n', {
      file: 'vpatch.yaml',
      overrides: { stream: { depthBytes: 77 } },
    });
    expect(config.stream).toMatchObject({ midstream: true, memoryBytes: 2 * 2 ** 20, depthBytes: 77 });
  });
});

test.each([
  ['4096', 4096],
  ['64kb', 2 ** 16],
  ['64 MB', 2 ** 26],
  ['"1 GiB"', 2 ** 30],
  ['1.5mb', 1.5 * 2 ** 20],
])('the size %s is %d bytes', (text, bytes) => {
  expect(load(`stream: { reassembly: { depth: ${text} } }\n`).config.stream.depthBytes).toBe(bytes);
});

test('a key may stand twice, as Suricata lets it; the last one counts', () => {
  expect(load('stream: { midstream: no }\nstream: { midstream: yes }\n').config.stream.midstream).toBe(true);
});

describe('a wrong suricata.yaml', () => {
  test.each([
    ['defrag: { trackers: 0 }', 'suricata.yaml:3:21: defrag.trackers: expected a whole number above 0, found 0'],
    ['stream: { midstream: perhaps }', 'suricata.yaml:3:22: stream.midstream: expected yes or no, found "perhaps"'],
    [
      'stream: { reassembly: { depth: 1tb } }',
      'suricata.yaml:3:32: stream.reassembly.depth: expected a size such as 64mb, found "1tb"',
    ],
    [
      'action-order: [pass]',
      'suricata.yaml:3:15: action-order: expected a list of pass, drop, reject, alert, found a list',
    ],
    [
      'vars: { address-groups: [HOME_NET] }',
      'suricata.yaml:3:25: vars.address-groups: expected names with a value each, found a list',
    ],
    [
      'rule-files: [gone.rules]',
      /^suricata\.yaml:3:14: rule-files\.0: no rule file .*\/gone\.rules; give other rules with -S/,
    ],
    ['include: gone.yaml', 'gone.yaml: cannot be read: there is no such file'],
    [
      'app-layer: { protocols: { tls: { encryption-handling: none } } }',
      'suricata.yaml:3:55: app-layer.protocols.tls.encryption-handling: expected one of default, bypass, full, found "none"',
    ],
    ['include: suricata.yaml', /^suricata\.yaml: include: more than 32 files/],
    ['vars: {', /^suricata\.yaml:\d+:\d+: /],
  ])('%s', (text, message) => {
    let told = '';
    try {
      load(text);
    } catch (error) {
      told = String(error).replace('Error: ', '');
    }
    if (typeof message === 'string') expect(told).toBe(message);
    else expect(told).toMatch(message);
  });

  test('does not matter for rule files that -S replaces', () => {
    const { config } = load('rule-files: [gone.rules]\n', { onlyRules: ['rules/a.rules'] });
    expect(config.rules.files).toEqual([join(directory, 'rules/a.rules')]);
  });
});

describe('a suricata.yaml as distributions have it', () => {
  const shape = readFileSync(new URL('distribution.yaml', import.meta.url), 'utf8');
  beforeEach(() => writeFileSync(join(directory, 'rules', 'suricata.rules'), ''));
  const taken = () => load(shape.replace(HEADER, ''));

  test('gives all that means something here', () => {
    const { config } = taken();
    expect(config.variables.addresses).toMatchObject({
      HOME_NET: '[192.0.2.0/24,2001:db8::/32]',
      DMZ: '192.0.2.128/25',
    });
    expect(config.variables.ports).toMatchObject({ SSH_PORTS: '22', VXLAN_PORTS: '4789' });
    expect(config.rules).toEqual({
      ...DEFAULTS.rules,
      files: [join(directory, 'rules', 'suricata.rules')],
      classificationFile: '/etc/suricata/classification.config',
      referenceFile: '/etc/suricata/reference.config',
      thresholdFile: '/etc/suricata/threshold.config',
      reputationCategoriesFile: '/etc/suricata/iprep/categories.txt',
      reputationFiles: ['/etc/suricata/iprep/reputation.list'],
      maxAlertsPerPacket: 20,
      actionOrder: ['pass', 'drop', 'reject', 'alert'],
    });
    expect(config.defrag).toEqual({
      ...DEFAULTS.defrag,
      memoryBytes: 32 * 2 ** 20,
      maxDatagrams: 65_535,
      timeoutMs: 60_000,
    });
    expect(config.stream).toEqual({
      ...DEFAULTS.stream,
      memoryBytes: 256 * 2 ** 20,
      depthBytes: 2 ** 20,
      midstream: false,
      midstreamPolicy: 'ignore',
    });
    expect(config.http).toEqual({ ...DEFAULTS.http, requestBodyBytes: 100 * 1024, responseBodyBytes: 200 * 1024 });
    expect(config.timeouts).toMatchObject({ tcpNewMs: 60_000, tcpEstablishedMs: 600_000, otherMs: 30_000 });
    expect(config.failure).toEqual({ engine: 'open', limits: 'open' });
  });

  test('leaves the rest, each part with a reason of its own', () => {
    const { notes } = taken();
    expect(notes.length).toBeGreaterThan(80);
    expect(notes.filter((note) => note.endsWith('vpatch has no such setting'))).toEqual([]);
    const wrong = notes.filter((note) => !/^suricata\.yaml: [\w.-]+: not taken over: [a-z"].+$/i.test(note));
    expect(wrong).toEqual([]);
    for (const part of ['outputs', 'nfq.mode', 'app-layer.protocols.dns', 'host-os-policy', 'stream.inline']) {
      expect(notes.filter((note) => note.startsWith(`suricata.yaml: ${part}: `))).toHaveLength(1);
    }
  });
});
