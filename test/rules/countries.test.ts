import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseAddress } from '../../src/base/address.ts';
import { Countries } from '../../src/rules/countries.ts';
import { countryDatabase } from '../support/country-database.ts';
import { compileText, TEST_ENVIRONMENT } from './support.ts';

const NETWORKS = { '192.0.2.0/24': 'DE', '198.51.100.0/25': 'CH', '2001:db8::/32': 'AT' };
const DATABASE = countryDatabase(NETWORKS);

function countryOf(countries: Countries, text: string): string | null {
  const words = new Uint32Array(4);
  return countries.of(parseAddress(text, words) as 4 | 6, words);
}

test.each([24, 28, 32])('networks have their country, whatever was asked before: records of %i bits', (recordBits) => {
  const countries = new Countries(countryDatabase(NETWORKS, { recordBits }));
  const expected = {
    '192.0.2.255': 'DE',
    '198.51.100.127': 'CH',
    '198.51.100.128': null,
    '2001:db8:1::': 'AT',
    '::1': null,
  };
  for (let round = 0; round < 2; round++) {
    for (const [address, country] of Object.entries(expected)) expect(countryOf(countries, address)).toBe(country);
    for (let i = 0; i < 10_000; i++) countries.of(4, Uint32Array.of(0, 0, 0, i));
  }
});

test('a database of IPv4 knows nothing of IPv6', () => {
  const countries = new Countries(countryDatabase({ '192.0.2.0/24': 'DE' }, { ipVersion: 4 }));
  expect(countryOf(countries, '192.0.2.7')).toBe('DE');
  expect(countryOf(countries, '192.0.3.7')).toBeNull();
  expect(countryOf(countries, 'c000:200::')).toBeNull();
});

test('what is no database says so, and a damaged one knows nothing or something', () => {
  expect(() => new Countries(Buffer.from('no database'))).toThrow();
  fc.assert(
    fc.property(fc.nat(DATABASE.length - 1), fc.nat(255), (at, byte) => {
      const damaged = Buffer.from(DATABASE);
      damaged[at] = byte;
      let countries: Countries;
      try {
        countries = new Countries(damaged);
      } catch {
        return;
      }
      for (const address of ['192.0.2.1', '2001:db8::1', '203.0.113.1']) countryOf(countries, address);
    }),
  );
});

test('without a database, rules that need one are refused', () => {
  const rule = 'alert ip any any -> any any (geoip:src,DE; sid:1;)';
  const { diagnostics } = compileText(rule, { ...TEST_ENVIRONMENT, countries: null });
  expect(diagnostics).toMatchObject([
    { severity: 'error', keyword: 'geoip', message: expect.stringContaining('geoip-database-file') },
  ]);
});
