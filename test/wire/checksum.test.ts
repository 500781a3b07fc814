import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addWords, finish, pseudoHeaderSum } from '../../src/wire/checksum.ts';
import '../support/fuzz.ts';
import { hex, sum16 } from '../support/packets.ts';

const checksum = (bytes: Uint8Array): number => finish(addWords(0, bytes, 0, bytes.length));

describe('checksum', () => {
  test('the example of RFC 1071 §3', () => {
    expect(checksum(hex('0001 f203 f4f5 f6f7'))).toBe(0xffff - 0xddf2);
  });

  test('nothing, one byte, all zeros, all ones', () => {
    expect(checksum(hex(''))).toBe(0xffff);
    expect(checksum(hex('01'))).toBe(0xfeff);
    expect(checksum(new Uint8Array(1000))).toBe(0xffff);
    expect(checksum(new Uint8Array(65_536).fill(0xff))).toBe(0);
  });

  test('more than a sum of 32 bits holds', () => {
    const bytes = new Uint8Array(2 ** 19 + 1).fill(0xff);
    expect(checksum(bytes)).toBe(sum16(bytes));
  });

  test('as the plain way, for any bytes, place and beginning', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(40), fc.nat(0xffff), (bytes, start, initial) => {
        const from = Math.min(start, bytes.length);
        expect(finish(addWords(initial, bytes, from, bytes.length))).toBe(sum16(bytes.subarray(from), initial));
      }),
    );
  });

  test('around the length of a chunk', () => {
    for (let length = 2 ** 15 - 20; length < 2 ** 15 + 20; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 7);
      expect(checksum(bytes), `${length}`).toBe(sum16(bytes));
    }
  });

  test('the pseudo header, whose length has 32 bits', () => {
    const ipv4 = hex('0a000001 0a000002');
    expect(finish(pseudoHeaderSum(ipv4, 4, 0, 6, 20))).toBe(sum16(hex('0a000001 0a000002 0006 0014')));
    const ipv6 = hex('fd00000000000000 0000000000000001 fd00000000000000 0000000000000002');
    const whole = Buffer.concat([ipv6, hex('00012345 0000003a')]);
    expect(finish(pseudoHeaderSum(ipv6, 6, 0, 58, 0x12345))).toBe(sum16(whole));
  });
});
