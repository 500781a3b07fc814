import { expect, test } from 'vitest';
import { parseAddressRange } from '../../src/base/address-range.ts';

test.each([
  ['10.0.0.1', 4, 0x0a000001n, 0x0a000001n],
  ['10.1.2.3/8', 4, 0x0a000000n, 0x0affffffn],
  ['10.1.2.3/0', 4, 0n, 0xffffffffn],
  ['10.1.2.3/32', 4, 0x0a010203n, 0x0a010203n],
  ['10.1.2.3/255.255.0.0', 4, 0x0a010000n, 0x0a01ffffn],
  ['10.1.2.3/255.255.255.255', 4, 0x0a010203n, 0x0a010203n],
  ['10.0.0.1-10.0.0.9', 4, 0x0a000001n, 0x0a000009n],
  ['10.0.0.1 - 10.0.0.1', 4, 0x0a000001n, 0x0a000001n],
  ['::1', 6, 1n, 1n],
  ['fd00::/8', 6, 0xfdn << 120n, (0xfen << 120n) - 1n],
  ['::/0', 6, 0n, 2n ** 128n - 1n],
  ['::1-::ff', 6, 1n, 255n],
] as const)('%s', (text, version, first, last) => {
  expect(parseAddressRange(text)).toEqual({ version, first, last });
});

test.each([
  '',
  'any',
  '10.0.0.1/33',
  '10.0.0.1/',
  '10.0.0.1/255.0.255.0',
  '10.0.0.1/::1',
  '10.0.0.9-10.0.0.1',
  '10.0.0.1-::1',
  '10.0.0.1-10.0.0.2-10.0.0.3',
  '10.0.0.1/8-9',
  '::1/129',
  '::1/ffff::',
  '-',
])('"%s" is none', (text) => {
  expect(parseAddressRange(text)).toBeNull();
});
