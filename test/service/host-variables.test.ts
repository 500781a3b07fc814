import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { mergeConfig } from '../../src/config/config.ts';
import { hostVariables } from '../../src/service/host-variables.ts';
import { compileRuleset } from '../../src/service/rule-set.ts';

const RULE = 'drop tcp $EXTERNAL_NET any -> $HOME_NET any (msg:"to this host"; content:"x"; sid:1;)';

test('home is every address of this host, and everybody else is outside', () => {
  const config = mergeConfig(hostVariables());
  const { ruleset, diagnostics } = compileRuleset(
    { files: [{ file: 'test.rules', text: RULE }], classification: null, reference: null },
    config,
  );
  expect(diagnostics).toEqual([]);
  const rule = ruleset.rules[0]!;
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  expect(own.length).toBeGreaterThan(0);
  for (const { address } of own.filter(({ family }) => family === 'IPv4')) {
    const words = new Uint32Array(4);
    words[3] = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    expect(rule.destination.contains(4, words), address).toBe(true);
  }
  expect(rule.destination.contains(4, Uint32Array.of(0, 0, 0, 0xc0000201))).toBe(false);
  expect(rule.source.isAny).toBe(true);
});

test('what the configuration says of HOME_NET is stronger', () => {
  const config = mergeConfig(hostVariables(), { variables: { addresses: { HOME_NET: '192.0.2.0/24' } } });
  expect(config.variables.addresses.HOME_NET).toBe('192.0.2.0/24');
  expect(config.variables.addresses.EXTERNAL_NET).toBe('any');
});
