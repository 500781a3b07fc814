import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { mergeConfig } from '../../src/config/overrides.ts';
import type { RunCommand } from '../../src/service/command.ts';
import { HostAddresses } from '../../src/service/host-variables.ts';
import { compileRuleset } from '../../src/service/rule-set.ts';

const RULE = 'drop tcp $EXTERNAL_NET any -> $HOME_NET any (msg:"to this host"; content:"x"; sid:1;)';

test('home is every address of this host, and everybody else is outside', () => {
  const config = mergeConfig(new HostAddresses().variables);
  const { rules, diagnostics } = compileRuleset(
    {
      files: [{ file: 'test.rules', text: RULE }],
      classification: null,
      reference: null,
      threshold: null,
      reputation: null,
    },
    config,
  );
  expect(diagnostics).toEqual([]);
  const rule = rules[0]!;
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
  const config = mergeConfig(new HostAddresses().variables, { variables: { addresses: { HOME_NET: '192.0.2.0/24' } } });
  expect(config.variables.addresses.HOME_NET).toBe('192.0.2.0/24');
  expect(config.variables.addresses.EXTERNAL_NET).toBe('any');
});

/** iproute2 that lists these addresses, whatever the state of their interface. */
const ipListing =
  (addresses: readonly string[]): RunCommand =>
  () => ({ status: 0, output: JSON.stringify([{ addr_info: addresses.map((local) => ({ local })) }, {}]), error: '' });

test('addresses of interfaces that are not up belong to the host', () => {
  expect(new HostAddresses(ipListing(['192.0.2.1', 'fe80::1'])).homeNet).toBe('[127.0.0.1,192.0.2.1,::1,fe80::1]');
});

test('without an address there is still loopback, so that HOME_NET is never empty', () => {
  expect(new HostAddresses(ipListing([])).homeNet).toBe('[127.0.0.1,::1]');
});

test.each([
  { status: null, output: '', error: 'spawnSync ip ENOENT' },
  { status: 0, output: '1: lo: <LOOPBACK>', error: '' },
])('without the JSON of iproute2, the running interfaces: %j', (result) => {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const { homeNet } = new HostAddresses(() => result);
  for (const { address } of own) expect(homeNet).toContain(address.split('%')[0]);
});

test('new addresses are told once; those that are gone stay', () => {
  const listed = ['192.0.2.1'];
  const addresses = new HostAddresses((...call) => ipListing(listed)(...call));
  expect(addresses.refresh()).toEqual([]);
  listed.push('192.0.2.2');
  expect(addresses.refresh()).toEqual(['192.0.2.2']);
  expect(addresses.refresh()).toEqual([]);
  listed.length = 0;
  expect(addresses.refresh()).toEqual([]);
  expect(addresses.homeNet).toBe('[127.0.0.1,192.0.2.1,192.0.2.2,::1]');
});

test('addresses that come and go without end do not fill the memory', () => {
  let round = 0;
  const addresses = new HostAddresses((...call) =>
    ipListing(Array.from({ length: 250 }, (_, i) => `10.${round >> 8}.${round & 0xff}.${i}`))(...call),
  );
  for (; round < 100; round++) {
    addresses.refresh();
    expect(addresses.homeNet.split(',').length).toBeLessThan(1_600);
    expect(addresses.homeNet).toContain(`,10.0.${round}.249`);
  }
});
