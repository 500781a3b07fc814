import { describe, expect, test } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { Dataset, DatasetStep } from '../../src/rules/dataset.ts';
import { ruleEnvironment } from '../../src/rules/environment.ts';
import { alertsOfEach, up } from '../detect/support.ts';
import { compileText, inspected, TEST_BUFFERS } from './support.ts';

describe('a file of values', () => {
  test.each([
    ['string', 'aG9zdA==\n\nYQ==\n', 'host'],
    ['md5', '00112233445566778899aabbccddeeff\n', latin1(Buffer.from('00112233445566778899aabbccddeeff', 'hex'))],
    ['sha256', `${'0f'.repeat(32)}\n`, '\x0f'.repeat(32)],
    ['ipv4', '192.0.2.1', '\xc0\x00\x02\x01'],
    ['ip', '192.0.2.1\n2001:db8::1', '\xc0\x00\x02\x01'],
    ['ip', '::1', `${'\0'.repeat(15)}\x01`],
  ] as const)('of type %s: %j', (type, text, key) => {
    const set = new Dataset({ type, memoryBytes: 1000 });
    expect(set.load(text, false)).toEqual([]);
    expect(set.get(key)).toBe(0);
  });

  test('with reputations', () => {
    const set = new Dataset({ type: 'string', memoryBytes: 1000 });
    const problems = set.load('YQ==,7\nYg==\n!,1\nYw==,x\n', true);
    expect(problems.map(({ line }) => line)).toEqual([2, 3, 4]);
    const step = (min: number): DatasetStep => new DatasetStep(set, { min, max: 9, isNegated: false });
    expect([step(7), step(8)].map((one) => one.find(inspected('a'), 3))).toEqual([3, -1]);
    expect(step(0).find(inspected('b'), 3)).toBe(-1);
  });
});

test('holds what its memory allows', () => {
  const set = new Dataset({ type: 'string', memoryBytes: 200 });
  expect(['a', 'b', 'c', 'd'].map((key) => set.add(key))).toEqual([true, true, true, false]);
  expect(set.delete('a')).toBe(true);
  expect(set.add('d')).toBe(true);
});

test('values of a fixed length are looked for in buffers of that length only', () => {
  const set = new Dataset({ type: 'ipv4', memoryBytes: 1000 });
  expect(new DatasetStep(set, 'isnotset').find(inspected('abc'), 3)).toBe(-1);
  expect(new DatasetStep(set, 'isnotset').find(inspected('abcd'), 3)).toBe(3);
});

test('rules fill a set and empty it', () => {
  const rules = [
    'alert http any any -> any any (http.method; content:"PUT"; http.host; dataset:set,seen,type string; sid:1;)',
    'alert http any any -> any any (http.method; content:"GET"; http.host; dataset:isset,seen; sid:2;)',
    'alert http any any -> any any (http.method; content:"DELETE"; http.host; dataset:unset,seen; sid:3;)',
  ].join('\n');
  const connections = ['GET', 'PUT', 'PUT', 'GET', 'DELETE', 'GET'].map((method) => [
    up(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`),
  ]);
  expect(alertsOfEach(rules, connections)).toEqual([[], [1], [], [2], [3], []]);
});

test.each([
  ['string', 'aG9zdA==\nYQ==\n'],
  ['md5', '00112233445566778899aabbccddeeff\n'],
  ['sha256', `${'0f'.repeat(32)}\n`],
  ['ipv4', '192.0.2.1\n'],
  ['ip', '192.0.2.1\n2001:db8::1\n'],
] as const)('values of type %s are written as they are read', (type, text) => {
  const set = new Dataset({ type, memoryBytes: 1000 });
  set.load(text, false);
  expect(set.text).toBe(text);
});

describe('what rules do to a set', () => {
  const filled = (): Dataset => {
    const set = new Dataset({ type: 'string', memoryBytes: 10_000 });
    set.load('YQ==\nYg==\n', false);
    return set;
  };

  test('is told once, with all that is in it the first time', () => {
    const set = filled();
    expect(set.takeChanges('s')).toBeNull();
    set.add('c');
    set.delete('a');
    expect(set.takeChanges('s')).toMatchObject({ name: 's', all: ['b', 'c'], added: ['c'], removed: ['a'] });
    expect(set.takeChanges('s')).toBeNull();
    set.add('d');
    set.delete('d');
    set.add('a');
    expect(set.takeChanges('s')).toMatchObject({ all: null, added: ['a'], removed: ['d'] });
  });

  test('is done to another set without an echo', () => {
    const [one, other] = [filled(), filled()];
    other.takeChanges('s');
    one.add('c');
    one.delete('a');
    other.add('e');
    other.takeChanges('s');
    other.apply({ ...one.takeChanges('s')!, all: null });
    expect(other.text).toBe('Yg==\nZQ==\nYw==\n');
    expect(other.takeChanges('s')).toBeNull();
    other.apply(one.whole('s'));
    expect(other.text).toBe('Yg==\nYw==\n');
  });

  test('is there behind a reload, and what the file says anew', () => {
    const old = filled();
    old.add('c');
    old.delete('a');
    old.add('x');
    old.delete('x');
    const next = new Dataset({ type: 'string', memoryBytes: 10_000 });
    next.load('YQ==\nbmV3\n', false);
    next.continue(old);
    expect(next.text).toBe('bmV3\nYw==\n');
    old.takeChanges('s');
    next.add('d');
    expect(next.takeChanges('s')).toMatchObject({ all: ['new', 'c', 'd'] });
    next.delete('d');
    const third = filled();
    third.continue(next);
    expect(third.text).toBe('Yg==\nYw==\n');
  });
});

test.each(['state /tmp/x', 'save ../x', 'state a/../../x'])(
  'no rule writes outside the folder of sets: %s',
  (setting) => {
    const { diagnostics } = compileText(
      `alert http any any -> any any (http.host; dataset:set,s,type string,${setting}; sid:1;)`,
      ruleEnvironment({ buffers: TEST_BUFFERS }),
    );
    expect(diagnostics.map(({ message }) => message)).toEqual([expect.stringContaining('leads out of the folder')]);
  },
);

test.each(['state .', 'state ./', 'save sub/', 'state a/.'])(
  'a set is kept in a file, and in no folder: %s',
  (setting) => {
    const { diagnostics } = compileText(
      `alert http any any -> any any (http.host; dataset:set,s,type string,${setting}; sid:1;)`,
      ruleEnvironment({ buffers: TEST_BUFFERS }),
    );
    expect(diagnostics.map(({ message }) => message)).toEqual([expect.stringContaining('is a folder, and not a file')]);
  },
);

test.each([
  ['state a.lst', 'state a.lst'],
  ['state a.lst', 'save ./a.lst'],
  ['state x//a.lst', 'state x/./a.lst'],
  ['state a', 'state a/b'],
  ['save a/b/c', 'state a'],
])('two sets have files of their own: %s, %s', (first, second) => {
  const rule = (name: string, setting: string, sid: number): string =>
    `alert http any any -> any any (http.host; dataset:set,${name},type string,${setting}; sid:${sid};)\n`;
  const { rules, diagnostics } = compileText(
    rule('one', first, 1) + rule('two', second, 2) + rule('one', first, 3) + rule('three', 'state ab', 4),
    ruleEnvironment({ buffers: TEST_BUFFERS }),
  );
  expect(rules.map(({ sid }) => sid)).toEqual([1, 3, 4]);
  expect(diagnostics).toMatchObject([
    { sid: 2, message: expect.stringMatching(/cannot keep the set two: .* keeps the set one$/) },
  ]);
});

test('a rule finds its file beside its own', () => {
  const named: string[] = [];
  const environment = ruleEnvironment({
    buffers: TEST_BUFFERS,
    fileText: (ruleFile, name) => {
      named.push(`${ruleFile} ${name}`);
      return name === 'missing' ? null : 'YQ==';
    },
  });
  const text = ['there', 'missing'].map((name, i) => {
    return `alert http any any -> any any (http.host; dataset:isset,s${i},type string,load ${name}; sid:${i + 1};)`;
  });
  const { rules, diagnostics } = compileText(text.join('\n'), environment);
  expect(rules.map(({ sid }) => sid)).toEqual([1]);
  expect(diagnostics.map(({ message }) => message)).toEqual(['missing cannot be read']);
  expect(named).toEqual(['test.rules there', 'test.rules missing']);
});
