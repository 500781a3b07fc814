import { expect, test } from 'vitest';
import { pinRules, type RulePin } from '../../../src/rules/selection/pins.ts';

const rule = (sid: number, options = ''): string =>
  `drop tcp any any -> any any (msg:"rule ${sid}"; content:"x"; ${options}sid:${sid}; rev:2;)`;
const FILES = [
  { file: '/rules/local.rules', text: `${rule(1)}\n# a remark\n#${rule(2)}\n${rule(3, 'gid:7; ')}\n` },
  { file: '/rules/web/cve-2021-1.rules', text: `${rule(11)}\n${rule(12)}\n` },
];
const pinned = (pins: Readonly<Record<string, RulePin>>) => pinRules(FILES, pins);
const held = (text: string): string[] => text.match(/sid:\d+; rev:2; metadata:vpatch_hold [^;]+/g) ?? [];

test('a rule is held where it stands', () => {
  const { files, changes } = pinned({ '1:1': 'soak' });
  expect(files[0]!.text).toBe(FILES[0]!.text.replace('rev:2;)', 'rev:2; metadata:vpatch_hold soak 1:1;)'));
  expect(files[1]).toEqual(FILES[1]);
  expect(changes).toEqual([
    { gid: 1, sid: 1, file: '/rules/local.rules', line: 1, kind: 'held', reason: 'policy pin 1:1 soak' },
  ]);
});

test('numbers are of their gid', () => {
  expect(pinned({ '1:3': 'off', '7:1': 'off' }).changes).toEqual([]);
  expect(pinned({ '7:3': 'off' }).changes).toMatchObject([{ gid: 7, sid: 3, kind: 'disabled' }]);
});

test('a patch is the file of its name, and a pin of a rule of it wins', () => {
  expect(held(pinned({ 'cve-2021-1': 'detect' }).files[1]!.text)).toEqual([
    'sid:11; rev:2; metadata:vpatch_hold detect cve-2021-1',
    'sid:12; rev:2; metadata:vpatch_hold detect cve-2021-1',
  ]);
  const { files } = pinned({ 'cve-2021-1': 'detect', '1:12': 'on' });
  expect(held(files[1]!.text)).toHaveLength(1);
});

test('a rule is switched on and off', () => {
  const { files, changes } = pinned({ '1:1': 'off', '1:2': 'on', '1:11': 'on' });
  expect(files[0]!.text.split('\n').slice(0, 3)).toEqual([
    `#${rule(1)}`,
    '# a remark',
    rule(2).padStart(rule(2).length + 1),
  ]);
  expect(changes.map(({ sid, kind }) => `${sid} ${kind}`)).toEqual(['1 disabled', '2 enabled']);
});

test('a rule that says itself that it is held stays as it is', () => {
  const text = rule(1, 'metadata:vpatch_hold soak cve-2021-1; ');
  const { files } = pinRules([{ file: 'current.rules', text }], { '1:1': 'detect' });
  expect(files).toEqual([{ file: 'current.rules', text }]);
});
