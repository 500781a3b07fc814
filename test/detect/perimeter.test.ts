import { expect, test } from 'vitest';
import { APP_PROTOCOLS } from '../../src/app/index.ts';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { Perimeter, turned } from '../../src/detect/perimeter.ts';
import { Ruleset } from '../../src/detect/ruleset.ts';
import { IP_PROTOCOL } from '../../src/wire/packet.ts';
import { buildTcp } from '../support/packets.ts';
import { rulesOf } from '../support/rules.ts';
import { decoded } from '../wire/decoded.ts';

const HOME = '[10.0.0.0/8,fd00::/8]';
const rule = (ends: string, sid = 1): string => `alert tcp ${ends} (content:"abc"; sid:${sid};)`;
const perimeterOf = (...ends: string[]): Perimeter | null =>
  Perimeter.of(rulesOf(ends.map((one, i) => rule(one, i + 1)).join('\n')));
const crossing = (perimeter: Perimeter, source: string, destination: string): number =>
  perimeter.crossingOf(decoded(buildTcp({ source, destination })));

test('without addresses in rules, there is none', () => {
  expect(perimeterOf('any any -> any 80')).toBeNull();
});

test.each([
  ['inside', `any any -> ${HOME} any`],
  ['outside', `!${HOME} any -> any any`],
])('the set that most rules name draws it, from %s', (_name, most) => {
  const perimeter = perimeterOf(most, most, '192.0.2.1 any -> any any')!;
  const ways = [
    ['10.0.0.1', '198.51.100.1'],
    ['198.51.100.1', '10.0.0.1'],
    ['10.0.0.1', '10.0.0.2'],
    ['198.51.100.1', '198.51.100.2'],
    ['fd00::1', '2001:db8::1'],
  ].map(([source, destination]) => crossing(perimeter, source!, destination!));
  expect(ways[4]).toBe(ways[0]);
  expect(new Set(ways).size).toBe(4);
  expect(turned(ways[0] as 1)).toBe(ways[1]);
  expect(turned(ways[2] as 3)).toBe(ways[2]);
});

test('the same addresses by several names count together', () => {
  const perimeter = perimeterOf(
    '192.0.2.0/24 any -> any 1',
    '192.0.2.0/24 any -> any 2',
    'any any -> [10.0.0.0/9,10.128.0.0/9] any',
    'any any -> 10.0.0.0/8 any',
    'any any -> [10.0.0.0/8,10.1.0.0/16] any',
  )!;
  expect(crossing(perimeter, '10.0.0.1', '192.0.2.1')).not.toBe(crossing(perimeter, '192.0.2.1', '10.0.0.1'));
  expect(crossing(perimeter, '192.0.2.1', '198.51.100.1')).toBe(0);
});

const [OUT, IN, WITHIN, OUTSIDE] = [1, 2, 3, 0] as const;
test.each([
  [`!${HOME} any -> ${HOME} any`, [IN]],
  [`${HOME} any -> !${HOME} any`, [OUT]],
  [`${HOME} any -> any any`, [OUT, WITHIN]],
  ['any any -> any any', [OUTSIDE, OUT, IN, WITHIN]],
  ['10.1.0.0/16 any -> !10.1.0.0/16 any', [OUT, WITHIN]],
  [`${HOME} any <> !${HOME} any`, [OUT, IN]],
  ['[192.0.2.1,10.0.0.1] any -> 192.0.2.2 any', [OUTSIDE, OUT]],
  ['!10.0.0.0/7 any -> 2001:db8::1 any', [OUTSIDE, OUT]],
])('%s concerns the crossings that it may fit', (ends, expected) => {
  const [one] = rulesOf(rule(ends));
  const perimeter = perimeterOf(`${HOME} any -> any any`)!;
  expect(perimeter.crossings.filter((way) => perimeter.concerns(one!, way))).toEqual([...expected].sort());
});

test('what concerns one way is not looked for in the other, and rules that do not tell are shared', () => {
  const ruleset = Ruleset.of(
    rulesOf(`${rule(`${HOME} any -> !${HOME} any`)}\nalert udp any any -> any any (content:"abc"; sid:2;)`),
    APP_PROTOCOLS,
  );
  const { tcp, udp } = IP_PROTOCOL;
  expect([OUTSIDE, OUT, IN, WITHIN].filter((way) => !ruleset.packetGroup(tcp, way, TO_SERVER).isEmpty)).toEqual([OUT]);
  expect(ruleset.packetGroup(tcp, OUT, TO_CLIENT).isEmpty).toBe(false);
  expect(ruleset.packetGroup(udp, OUT, TO_SERVER)).toBe(ruleset.packetGroup(udp, IN, TO_SERVER));
});
