import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readSuricataYaml } from '../../src/config/suricata/suricata-yaml.ts';
import { suricataConfig } from './suricata-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'vpatch-bench-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const options = {
  ruleFiles: ['/srv/a.rules', '/srv/more/*.rules'],
  variables: { HOME_NET: '[10.77.0.2]', HTTP_PORTS: '[80,8080]' },
  folder,
  installedIn: folder,
};

test('it inspects a queue in one thread, lets pass what it cannot keep up with, and blocks', () => {
  const text = suricataConfig(options);
  expect(text).toMatch(/^%YAML 1\.1\n---\n/);
  // Words as in YAML 1.1, which is all that Suricata's reader knows as switches.
  expect(text).toContain('fail-open: yes');
  expect(text).not.toMatch(/: (true|false)$/m);
  expect(parse(text, { version: '1.1' })).toMatchObject({
    runmode: 'workers',
    nfq: { mode: 'accept', 'fail-open': true },
    stream: { inline: 'auto' },
    'default-log-dir': folder,
  });
});

test('a reader of suricata.yaml finds the rules and the variables in it', () => {
  const rules = join(folder, 'own.rules');
  writeFileSync(rules, '');
  const file = join(folder, 'suricata.yaml');
  writeFileSync(file, suricataConfig({ ...options, ruleFiles: [join(folder, 'o*.rules')] }));
  const { problems, overrides } = readSuricataYaml(file, '/');
  expect(problems).toEqual([]);
  expect(overrides.rules?.files).toEqual([rules]);
  expect(overrides.variables?.addresses).toMatchObject({ HOME_NET: '[10.77.0.2]', HTTP_SERVERS: '$HOME_NET' });
  expect(overrides.variables?.ports).toMatchObject({ HTTP_PORTS: '[80,8080]', SSH_PORTS: '22' });
});

test('lists of the installed package are used where they are', () => {
  const keys = (): string[] => Object.keys(parse(suricataConfig(options), { version: '1.1' }) as object);
  expect(keys()).not.toContain('reference-config-file');
  writeFileSync(join(folder, 'reference.config'), '');
  expect(keys()).toContain('reference-config-file');
});
