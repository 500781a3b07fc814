import { expect, test } from 'vitest';
import { LOADS } from './loads.ts';
import { settingsOf } from './settings.ts';

test('all loads in three rounds, without rules and with the shipped ones, unless told otherwise', () => {
  const { loads, ...others } = settingsOf(['--rules', '']);
  expect(loads).toEqual(LOADS.filter(({ name }) => name !== 'held'));
  expect(others).toMatchObject({ rounds: 3, seconds: 2, ruleSets: ['none', 'shipped'], ownRules: null });
});

test('rules of the user are one more set, also of a quick run', () => {
  expect(settingsOf(['--rules', 'a.rules']).ruleSets).toEqual(['none', 'shipped', 'own']);
  const quick = settingsOf(['--quick', '--rules', 'a.rules']);
  expect(quick).toMatchObject({ rounds: 1, seconds: 1, ruleSets: ['shipped', 'own'] });
});

test('loads run in their own order, whatever they are named in', () => {
  expect(settingsOf(['--loads', 'dns,bulk']).loads.map(({ name }) => name)).toEqual(['bulk', 'dns']);
});

test('as many connections are held as was asked for, and with the load that is for it, very many', () => {
  expect(settingsOf([]).openConnections).toBe(10_000);
  expect(settingsOf(['--loads', 'open,held']).openConnections).toBe(200_000);
  expect(settingsOf(['--loads', 'held', '--connections', '300']).openConnections).toBe(300);
});

test.each([
  [['--loads', 'bulk,ftp'], '--loads ftp: expected some of latency, bulk,'],
  [['--rounds', '0'], '--rounds 0: expected a whole number from 1 on'],
  [['--busy', '-1'], "Option '--busy' argument is ambiguous"],
  [['--priorities=-5,-21'], '--priorities -21: expected a whole number from -20 on'],
  [['--seconds', 'x'], '--seconds x'],
  [['--rule-sets', 'own'], 'RULES=FILE-OR-FOLDER'],
  [['--fast'], "Unknown option '--fast'"],
])('%j is refused', (args, message) => {
  expect(() => settingsOf(args)).toThrow(message);
});
