import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseAddress } from '../../src/base/address.ts';
import { type AddressRange, ALL_IPV4, parseAddressRange } from '../../src/base/address-range.ts';
import { AddressSet } from '../../src/base/address-set.ts';

const ranges = (...texts: string[]): AddressRange[] => texts.map((text) => parseAddressRange(text)!);

function has(set: AddressSet, text: string): boolean {
  const words = new Uint32Array(4);
  const version = parseAddress(text, words);
  if (version === 0) throw new Error(`${text} is no address`);
  return set.contains(version, words);
}

test('any has all addresses, and says so', () => {
  expect(AddressSet.any.isAny).toBe(true);
  expect(has(AddressSet.any, '1.2.3.4') && has(AddressSet.any, '::1')).toBe(true);
  expect(AddressSet.of([], []).isAny).toBe(true);
  expect(AddressSet.of(ranges('0.0.0.0/1', '128.0.0.0/1', '::/0')).isAny).toBe(true);
  expect(AddressSet.of([ALL_IPV4]).isAny).toBe(false);
});

test('the edges of ranges', () => {
  const set = AddressSet.of(ranges('10.0.0.0/24', '192.168.0.5-192.168.0.7', 'fd00::/16'));
  for (const inside of ['10.0.0.0', '10.0.0.255', '192.168.0.5', '192.168.0.7', 'fd00::', 'fd00:ffff::1']) {
    expect(has(set, inside), inside).toBe(true);
  }
  for (const outside of ['9.255.255.255', '10.0.1.0', '192.168.0.4', '192.168.0.8', 'fcff:ffff::', 'fd01::', '::']) {
    expect(has(set, outside), outside).toBe(false);
  }
});

test('an exclusion makes a hole, also at the edges of the address space', () => {
  const set = AddressSet.of(ranges('0.0.0.0/0'), ranges('0.0.0.0', '10.0.0.0/8', '255.255.255.255'));
  expect(has(set, '0.0.0.0') || has(set, '10.1.1.1') || has(set, '255.255.255.255')).toBe(false);
  expect(has(set, '0.0.0.1') && has(set, '11.0.0.0') && has(set, '255.255.255.254')).toBe(true);
  expect(has(set, '::1')).toBe(false);
});

test('nothing but exclusions: everything else, of both versions', () => {
  const set = AddressSet.of([], ranges('10.0.0.0/8'));
  expect(has(set, '10.0.0.1')).toBe(false);
  expect(has(set, '8.8.8.8') && has(set, '::1')).toBe(true);
});

test('all taken away: an empty set', () => {
  const set = AddressSet.of(ranges('10.0.0.0/8'), ranges('10.0.0.0/9', '10.128.0.0/9'));
  expect(has(set, '10.0.0.1') || has(set, '10.200.0.1') || has(set, '0.0.0.0') || has(set, '::')).toBe(false);
});

test('agrees with a set of members for any ranges', () => {
  const small = fc.tuple(fc.nat(40), fc.nat(12)).map(([first, more]) => [first, first + more] as const);
  const side = fc.array(small, { maxLength: 6 });
  fc.assert(
    fc.property(side, side, fc.constantFrom(4 as const, 6 as const), (includes, excludes, version) => {
      // Ranges around 2^31, where signed and unsigned numbers part, and around a word's end in IPv6.
      const base = version === 4 ? 2n ** 31n - 20n : 2n ** 64n - 20n;
      const toRange = ([first, last]: readonly [number, number]): AddressRange => ({
        version,
        first: base + BigInt(first),
        last: base + BigInt(last),
      });
      const set = AddressSet.of(includes.map(toRange), excludes.map(toRange));
      for (let offset = 0; offset < 60; offset++) {
        const isIn = (list: typeof includes) => list.some(([first, last]) => first <= offset && offset <= last);
        const value = base + BigInt(offset);
        const words = Uint32Array.from([96n, 64n, 32n, 0n], (shift) => Number((value >> shift) & 0xffff_ffffn));
        expect(set.contains(version, words)).toBe((includes.length === 0 || isIn(includes)) && !isIn(excludes));
      }
    }),
  );
});

test('sets overlap where they have an address in common', () => {
  const bound = fc.nat(40);
  const range = fc.tuple(fc.constantFrom(4 as const, 6 as const), bound, bound).map(
    ([version, a, b]): AddressRange => ({
      version,
      first: BigInt(Math.min(a, b)),
      last: BigInt(Math.max(a, b)),
    }),
  );
  const list = fc.array(range, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(list, list, list, (includes, excludes, others) => {
      const one = AddressSet.of(includes, excludes);
      const other = AddressSet.of(others);
      const common = [4 as const, 6 as const].some((version) =>
        Array.from({ length: 41 }, (_, address) => Uint32Array.of(0, 0, 0, address)).some(
          (words) => one.contains(version, words) && other.contains(version, words),
        ),
      );
      expect(AddressSet.overlap(one, other)).toBe(common);
      expect(AddressSet.overlap(other, one)).toBe(common);
      expect(AddressSet.overlap(one, AddressSet.of([], one.ranges))).toBe(false);
    }),
  );
});
