import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../src/base/address.ts';
import { AddressMap } from '../../src/base/address-map.ts';
import { parseAddressRange } from '../../src/base/address-range.ts';

const mapOf = (entries: readonly (readonly [network: string, value: number])[]): AddressMap =>
  new AddressMap(entries.map(([network, value]) => [parseAddressRange(network)!, value]));

function get(map: AddressMap, text: string): number {
  const words = new Uint32Array(4);
  const version = parseAddress(text, words);
  if (version === 0) throw new Error(`${text} is no address`);
  return map.get(version, words);
}

describe('AddressMap', () => {
  const map = mapOf([
    ['10.0.0.0/8', 1],
    ['10.1.0.0/16', 2],
    ['10.1.0.0', 3],
    ['10.255.255.255', 4],
    ['fd00::/8', 5],
    ['fd00::1', 6],
    ['255.255.255.255', 7],
    ['ffff::/16', 8],
  ]);

  test.each([
    ['9.255.255.255', -1],
    ['10.0.0.0', 1],
    ['10.1.0.0', 3],
    ['10.1.0.1', 2],
    ['10.2.0.0', 1],
    ['10.255.255.254', 1],
    ['10.255.255.255', 4],
    ['11.0.0.0', -1],
    ['fd00::', 5],
    ['fd00::1', 6],
    ['fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 5],
    ['fe00::', -1],
    ['255.255.255.255', 7],
    ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 8],
    ['::a00:1', -1],
  ])('%s is %d: the smallest network decides', (address, value) => {
    expect(get(map, address)).toBe(value);
  });

  test('of two equal networks the later counts', () => {
    expect(
      get(
        mapOf([
          ['10.0.0.0/8', 1],
          ['10.0.0.0/8', 2],
        ]),
        '10.9.9.9',
      ),
    ).toBe(2);
  });

  test('is empty without networks', () => {
    expect(get(mapOf([]), '10.0.0.1')).toBe(-1);
  });

  test('says what looking at every network says', () => {
    const network = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 24, max: 32 }), fc.nat(100));
    fc.assert(
      fc.property(fc.array(network, { maxLength: 30 }), fc.integer({ min: 0, max: 255 }), (networks, host) => {
        let expected = -1;
        let longest = 0;
        for (const [base, prefix, value] of networks) {
          if (base >> (32 - prefix) !== host >> (32 - prefix) || prefix < longest) continue;
          longest = prefix;
          expected = value;
        }
        const entries = networks.map(([base, prefix, value]) => [`10.0.0.${base}/${prefix}`, value] as const);
        expect(get(mapOf(entries), `10.0.0.${host}`)).toBe(expected);
      }),
    );
  });
});
