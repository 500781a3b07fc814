import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Config, DEFAULTS } from '../../src/config/config.ts';
import { mergeConfig } from '../../src/config/overrides.ts';
import { RuleCache, ruleKey } from '../../src/service/rule-cache.ts';
import type { RuleImage } from '../../src/service/rule-image.ts';
import { compileRuleset, imageOf } from '../../src/service/rule-set.ts';
import type { RuleTexts } from '../../src/service/rule-texts.ts';

const textsOf = (text: string, more: Partial<RuleTexts> = {}): RuleTexts => ({
  files: [{ file: 'a.rules', text }],
  classification: null,
  reference: null,
  threshold: null,
  reputation: null,
  ...more,
});
const rulesOf = (count: number): string =>
  Array.from({ length: count }, (_, i) => `alert tcp any any -> any any (content:"word ${i}"; sid:${i + 1};)\n`).join(
    '',
  );
const imageFor = (text: string): RuleImage => imageOf(compileRuleset(textsOf(text), DEFAULTS));

const KEY = 'ab'.repeat(32);
const OTHER_KEY = 'cd'.repeat(32);
let many: RuleImage;
beforeAll(() => {
  many = imageFor(rulesOf(600));
});

let folder = '';
let file = '';
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'vpatch-cache-')), 'cache');
  file = join(folder, `rules-${KEY.slice(0, 16)}.cache`);
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

describe('a cache of rules', () => {
  test('gives back what was written, and to nobody else', () => {
    expect(new RuleCache(folder).read(KEY)).toEqual({ status: 'missing' });
    new RuleCache(folder).write(KEY, many);
    const cached = new RuleCache(folder).read(KEY);
    expect(cached.status).toBe('there');
    if (cached.status !== 'there') return;
    expect(cached.image.report).toEqual(many.report);
    expect([...cached.image.databases.keys()]).toEqual([...many.databases.keys()]);
    expect(Buffer.compare(cached.image.bytes, many.bytes)).toBe(0);
    expect(new RuleCache(folder).read(OTHER_KEY)).toEqual({ status: 'missing' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test('is not written for a few rules', () => {
    new RuleCache(folder).write(KEY, imageFor(rulesOf(20)));
    expect(() => readdirSync(folder)).toThrow();
  });

  test('keeps the last four', () => {
    const keys = ['01', '02', '03', '04', '05', '06'].map((digits) => digits.repeat(32));
    for (const [i, key] of keys.entries()) {
      new RuleCache(folder).write(key, many);
      utimesSync(join(folder, `rules-${key.slice(0, 16)}.cache`), 1000 + i, 1000 + i);
    }
    const states = keys.map((key) => new RuleCache(folder).read(key).status);
    expect(states).toEqual(['missing', 'missing', 'there', 'there', 'there', 'there']);
  });

  test('gives the databases of what was written last to other rules', () => {
    expect(new RuleCache(folder).newest()).toBeNull();
    new RuleCache(folder).write(KEY, many);
    expect([...new RuleCache(folder).newest()!.databases.keys()]).toEqual([...many.databases.keys()]);
  });

  const harm: [string, () => void][] = [
    ['empty', () => writeFileSync(file, '')],
    ['longer', () => writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.alloc(1)]))],
    ['of another form', () => writeFileSync(file, readFileSync(file).fill('vpatch rules 1', 0, 14))],
    ['that of other rules', () => renameSync(file, join(folder, `rules-${OTHER_KEY.slice(0, 16)}.cache`))],
    ['writable by others', () => chmodSync(file, 0o622)],
    ['in a folder that others can write', () => chmodSync(folder, 0o777)],
    [
      'a link',
      () => {
        renameSync(file, join(folder, 'elsewhere'));
        symlinkSync('elsewhere', file);
      },
    ],
    [
      'a named pipe',
      () => {
        rmSync(file);
        execFileSync('mkfifo', ['-m', '600', file]);
      },
    ],
    [
      'a folder',
      () => {
        rmSync(file);
        mkdtempSync(file);
        renameSync(join(folder, readdirSync(folder)[0]!), file);
      },
    ],
  ];
  if (process.geteuid?.() === 0) harm.push(["another user's", () => chownSync(file, 12_345, 12_345)]);

  test.each(harm)('that is %s is not used, and says why', (_, doHarm) => {
    new RuleCache(folder).write(KEY, many);
    doHarm();
    const [key] = [KEY, OTHER_KEY].filter((one) => new RuleCache(folder).read(one).status !== 'missing');
    const cached = new RuleCache(folder).read(key!);
    expect(cached.status).toBe('unusable');
    if (cached.status === 'unusable') expect(cached.reason).toMatch(/^\/.*: \S/);
  });

  test('with one byte changed anywhere, or cut anywhere, is not used', () => {
    new RuleCache(folder).write(KEY, many);
    const whole = readFileSync(file);
    const harmed = (content: Buffer): string => {
      writeFileSync(file, content);
      return new RuleCache(folder).read(KEY).status;
    };
    // The head byte by byte, and the rest at random.
    for (let at = 0; at < 128; at++) expect(harmed(changed(whole, at)), `byte ${at}`).toBe('unusable');
    fc.assert(
      fc.property(fc.nat(whole.length - 1), (at) => harmed(changed(whole, at)) === 'unusable'),
      { numRuns: 100 },
    );
    fc.assert(
      fc.property(fc.nat(whole.length - 1), (end) => harmed(whole.subarray(0, end)) === 'unusable'),
      { numRuns: 30 },
    );
    expect(harmed(whole)).toBe('there');
  });

  test('that cannot be written costs nothing but the time', () => {
    writeFileSync(folder, 'a file where the folder should be');
    new RuleCache(folder).write(KEY, many);
    expect(new RuleCache(folder).read(KEY).status).toBe('missing');
    expect(new RuleCache(folder).newest()).toBeNull();
  });
});

const changed = (content: Buffer, at: number): Buffer => {
  const copy = Buffer.from(content);
  copy[at]! ^= 0x40;
  return copy;
};

describe('a key', () => {
  const texts = textsOf(rulesOf(1), { named: { '/lists/a': 'one' } });
  const key = ruleKey(texts, DEFAULTS);
  const withRules = (rules: Partial<Config['rules']>): Config => ({
    ...DEFAULTS,
    rules: { ...DEFAULTS.rules, ...rules },
  });

  test('is the same for the same', () => {
    expect(ruleKey(textsOf(rulesOf(1), { named: { '/lists/a': 'one' } }), mergeConfig({}))).toBe(key);
    expect(key).toMatch(/^[0-9a-f]{64}$/);
  });

  const others: [string, RuleTexts, Config][] = [
    ['rule', { ...texts, files: [{ file: 'a.rules', text: rulesOf(1).replace('word 0', 'word 1') }] }, DEFAULTS],
    ['comment', { ...texts, files: [{ file: 'a.rules', text: `# here\n${rulesOf(1)}` }] }, DEFAULTS],
    ['name of a file', { ...texts, files: [{ file: 'b.rules', text: rulesOf(1) }] }, DEFAULTS],
    ['cut into files', { ...texts, files: [...texts.files, { file: 'b.rules', text: '' }] }, DEFAULTS],
    ['list that a rule names', { ...texts, named: { '/lists/a': 'two' } }, DEFAULTS],
    ['place of that list', { ...texts, named: { '/lists/b': 'one' } }, DEFAULTS],
    ['classification', { ...texts, classification: 'config classification: a,b,1' }, DEFAULTS],
    ['list of references', { ...texts, reference: 'config reference: a http://a/' }, DEFAULTS],
    ['threshold.config', { ...texts, threshold: 'suppress gen_id 1, sig_id 1' }, DEFAULTS],
    ['reputation', { ...texts, reputation: { categories: { file: 'c', text: '1,a,b' }, lists: [] } }, DEFAULTS],
    [
      'database of countries',
      { ...texts, countries: { bytes: new Uint8Array(new SharedArrayBuffer(1)), digest: 'a' } },
      DEFAULTS,
    ],
    ['address variable', texts, mergeConfig({ variables: { addresses: { HOME_NET: '10.0.0.1' } } })],
    ['port variable', texts, mergeConfig({ variables: { ports: { HTTP_PORTS: '81' } } })],
    ['order of actions', texts, withRules({ actionOrder: ['alert', 'pass', 'drop', 'reject'] })],
    ['folder of data', texts, withRules({ dataFolder: '/data' })],
    [
      'set of the configuration',
      texts,
      withRules({ datasets: { a: { type: 'string', load: null, state: null, memoryBytes: null } } }),
    ],
    ['state folder', texts, { ...DEFAULTS, state: { ...DEFAULTS.state, folder: '/elsewhere' } }],
  ];
  test.each(others)('is another one for another %s', (_, otherTexts, config) => {
    expect(ruleKey(otherTexts, config)).not.toBe(key);
  });

  test('does not ask how much is logged, nor which queues there are', () => {
    const config = {
      ...DEFAULTS,
      log: { ...DEFAULTS.log, level: 'trace' as const },
      queue: { ...DEFAULTS.queue, count: 3 },
    };
    expect(ruleKey(texts, config)).toBe(key);
  });
});
