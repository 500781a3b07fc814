import { SocketAddress } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAddress, parseAddress } from '../../src/base/address.ts';

function roundTrip(text: string): string | null {
  const words = new Uint32Array(4);
  const version = parseAddress(text, words);
  return version === 0 ? null : formatAddress(version, words);
}

describe('parseAddress and formatAddress', () => {
  test.each([
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['192.168.1.2', '192.168.1.2'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:db8::1', '2001:db8::1'],
    // RFC 5952 §4: the forms that it gives as examples.
    ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:DB8:AAAA:BBBB:CCCC:DDDD:EEEE:0001', '2001:db8:aaaa:bbbb:cccc:dddd:eeee:1'],
    ['0:0:0:0:0:ffff:10.0.0.1', '::ffff:10.0.0.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('%s is written as %s', (text, written) => {
    expect(roundTrip(text)).toBe(written);
  });

  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4 ',
    '1.2.3.-4',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '1:2:3:4:5:6:7::8',
    '12345::',
    'g::',
    '::1.2.3',
    '1.2.3.4::',
    '::1.2.3.4:5',
    'fe80::1%eth0',
    '1:2:3:4:5:6:7:',
  ])('"%s" is no address', (text) => {
    const words = Uint32Array.of(1, 2, 3, 4);
    expect(parseAddress(text, words)).toBe(0);
    expect([...words]).toEqual([1, 2, 3, 4]);
  });

  test('an IPv4 address is the last word, whatever was in the others', () => {
    const words = Uint32Array.of(9, 9, 9, 9);
    expect(parseAddress('10.1.2.3', words)).toBe(4);
    expect([...words]).toEqual([0, 0, 0, 0x0a010203]);
  });

  test('words survive being written and read', () => {
    const anyWord = fc.oneof(fc.constantFrom(0, 1, 0xffff, 0x1_0000, 0xffff_ffff), fc.nat(0xffff_ffff));
    fc.assert(
      fc.property(fc.tuple(anyWord, anyWord, anyWord, anyWord), (values) => {
        const text = formatAddress(6, Uint32Array.from(values));
        const words = new Uint32Array(4);
        expect(parseAddress(text, words)).toBe(6);
        expect([...words]).toEqual(values);
      }),
    );
  });

  test('what we write is what the system writes', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        // The system also writes the deprecated ::a.b.c.d (RFC 4291 §2.5.5.1), which RFC 5952 does not ask for.
        const written = roundTrip(address);
        const system = new SocketAddress({ address, family: 'ipv6' }).address;
        if (!system.includes('.')) expect(written).toBe(system);
      }),
    );
  });
});
