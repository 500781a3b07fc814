import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULTS } from '../../src/config/config.ts';
import { mergeConfig } from '../../src/config/overrides.ts';
import type { DatasetChanges } from '../../src/rules/dataset.ts';
import { DatasetHub } from '../../src/service/dataset-hub.ts';
import { compileRuleset } from '../../src/service/rule-set.ts';
import { readRuleTexts } from '../../src/service/rule-texts.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-datasets-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const NOTHING: DatasetChanges = {
  name: 's',
  type: 'string',
  memoryBytes: 1000,
  file: 's.lst',
  all: null,
  added: [],
  removed: [],
};
const hubAt = (path: string, lines: string[] = []): DatasetHub =>
  new DatasetHub(path, pino({ level: 'info' }, { write: (line) => void lines.push(line) }));

test('what two workers tell of a set is one file', () => {
  const hub = hubAt(folder);
  hub.take({ ...NOTHING, all: ['a', 'b'], added: ['b'] });
  hub.take({ ...NOTHING, all: ['a', 'c'], added: ['c'] });
  hub.take({ ...NOTHING, removed: ['a'] });
  hub.save();
  expect(readFileSync(join(folder, 'datasets', 's.lst'), 'utf8')).toBe('Yg==\nYw==\n');
});

test('a set of no file is kept for other workers, and not written', () => {
  const hub = hubAt(folder);
  hub.take({ ...NOTHING, file: null, all: ['a'], added: ['a'] });
  hub.save();
  expect(hub.all()).toEqual([{ ...NOTHING, file: null, all: ['a'] }]);
  expect(() => readFileSync(join(folder, 'datasets', 's.lst'))).toThrow();
});

test('sets that the rules have no more are written once more, and forgotten', () => {
  const hub = hubAt(folder);
  hub.keepOnly(['s', 'other']);
  hub.take({ ...NOTHING, all: ['a'], added: ['a'] });
  hub.take({ ...NOTHING, name: 'other', file: 'other.lst', all: ['b'], added: ['b'] });
  hub.keepOnly(['other']);
  expect(hub.all().map(({ name }) => name)).toEqual(['other']);
  expect(readFileSync(join(folder, 'datasets', 's.lst'), 'utf8')).toBe('YQ==\n');
  // Of a worker that has not heard yet.
  hub.take({ ...NOTHING, added: ['late'] });
  expect(hub.all().map(({ name }) => name)).toEqual(['other']);
  hub.save();
  expect(readFileSync(join(folder, 'datasets', 's.lst'), 'utf8')).toBe('YQ==\n');
});

test('a set that the rules have no more is tried again where it could not be written', () => {
  writeFileSync(join(folder, 'datasets'), '');
  const hub = hubAt(folder, []);
  hub.take({ ...NOTHING, all: ['a'] });
  hub.keepOnly([]);
  rmSync(join(folder, 'datasets'));
  hub.save();
  expect(readFileSync(join(folder, 'datasets', 's.lst'), 'utf8')).toBe('YQ==\n');
});

test('a file that cannot be written is told of, and tried again', () => {
  const lines: string[] = [];
  writeFileSync(join(folder, 'datasets'), '');
  const hub = hubAt(folder, lines);
  hub.take({ ...NOTHING, all: ['a'] });
  hub.save();
  expect(lines).toEqual([expect.stringContaining('is not kept')]);
  rmSync(join(folder, 'datasets'));
  hub.save();
  expect(readFileSync(join(folder, 'datasets', 's.lst'), 'utf8')).toBe('YQ==\n');
});

test('rules begin with what was kept, else with what lies beside them', () => {
  const file = join(folder, 'a.rules');
  writeFileSync(
    file,
    ['one', 'two', 'three']
      .map(
        (name, i) =>
          `drop http any any -> any any (http.host; dataset:set,${name},type string,${name === 'three' ? 'save' : 'state'} ${name}.lst; sid:${i + 1};)`,
      )
      .join('\n'),
  );
  mkdirSync(join(folder, 'datasets'));
  for (const name of ['one', 'two', 'three']) writeFileSync(join(folder, `${name}.lst`), 'YmVzaWRl\n');
  writeFileSync(join(folder, 'datasets', 'one.lst'), 'a2VwdA==\n');
  writeFileSync(join(folder, 'datasets', 'three.lst'), 'a2VwdA==\n');
  const config = mergeConfig(DEFAULTS, {
    rules: { files: [file], cacheFolder: join(folder, 'cache') },
    state: { folder },
  });
  const { datasets, diagnostics } = compileRuleset(readRuleTexts(config), config);
  expect(diagnostics).toEqual([]);
  expect([...datasets].map(([name, { text }]) => [name, text])).toEqual([
    ['one', 'a2VwdA==\n'],
    ['two', 'YmVzaWRl\n'],
    ['three', ''],
  ]);
});

test('sets that the configuration describes need no type in rules, and begin with what Suricata has kept', () => {
  const file = join(folder, 'a.rules');
  const data = join(folder, 'data');
  writeFileSync(
    file,
    [
      'dataset:set,agents',
      'dataset:isset,agents,type md5',
      'dataset:isset,other,type string,load other.lst',
      'dataset:set,nobody',
    ]
      .map((options, i) => `alert http any any -> any any (http.user_agent; ${options}; sid:${i + 1};)`)
      .join('\n'),
  );
  mkdirSync(data);
  writeFileSync(join(data, 'agents.lst'), 'YQ==\n');
  writeFileSync(join(data, 'other.lst'), 'Yg==\n');
  const config = mergeConfig(DEFAULTS, {
    rules: {
      files: [file],
      cacheFolder: join(folder, 'cache'),
      dataFolder: data,
      datasets: { agents: { type: 'string', load: null, state: 'agents.lst', memoryBytes: null } },
    },
    state: { folder },
  });
  const { datasets, diagnostics } = compileRuleset(readRuleTexts(config), config);
  expect([...datasets].map(([name, { text, file }]) => [name, text, file])).toEqual([
    ['agents', 'YQ==\n', 'agents.lst'],
    ['other', 'Yg==\n', null],
  ]);
  expect(diagnostics.map(({ sid, message }) => [sid, message])).toEqual([
    [2, 'the set agents is of type string'],
    [4, 'the first rule with the set nobody must say its type'],
  ]);
});
