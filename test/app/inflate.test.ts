import { constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteBuffer } from '../../src/app/byte-buffer.ts';
import { Inflater } from '../../src/app/http/inflate.ts';

const LIMIT_BYTES = 200_000;

function inflate(packed: Uint8Array, pieceBytes = packed.length, limitBytes = LIMIT_BYTES): Inflater {
  const inflater = new Inflater(new ByteBuffer(limitBytes));
  for (let at = 0; at < packed.length; at += pieceBytes) {
    inflater.write(packed, at, Math.min(packed.length, at + pieceBytes));
  }
  return inflater;
}

const text = (words: number): Buffer =>
  Buffer.from(Array.from({ length: words }, (_, i) => `word${(i * 7919) % 613} `).join(''));

describe('Inflater', () => {
  const samples: Record<string, Buffer> = {
    empty: Buffer.alloc(0),
    'one byte': Buffer.from('a'),
    text: text(5000),
    zeros: Buffer.alloc(70_000),
    // A generator of numbers, so that nothing repeats and long codes come up.
    noise: Buffer.from(Uint32Array.from({ length: 9000 }, (_, i) => Math.imul(i + 1, 2654435761) >>> 0).buffer),
  };
  const pack: Record<string, (input: Buffer) => Buffer> = {
    gzip: (input) => gzipSync(input),
    'gzip, fastest': (input) => gzipSync(input, { level: 1 }),
    zlib: (input) => deflateSync(input, { level: 9 }),
    raw: (input) => deflateRawSync(input),
    stored: (input) => deflateSync(input, { level: 0 }),
    'fixed codes': (input) => gzipSync(input, { strategy: constants.Z_FIXED }),
    'Huffman only': (input) => deflateRawSync(input, { strategy: constants.Z_HUFFMAN_ONLY }),
  };
  for (const [format, compress] of Object.entries(pack)) {
    for (const [name, content] of Object.entries(samples)) {
      test(`${format}: ${name}`, () => {
        const packed = compress(content);
        for (const pieceBytes of [packed.length, 1, 7, 1000]) {
          const inflater = inflate(packed, pieceBytes);
          expect(inflater.isCorrupt).toBe(false);
          expect(Buffer.compare(inflater.output.view(), content)).toBe(0);
        }
      });
    }
  }

  test('joins the members of a gzip file and ignores what follows', () => {
    const inflater = inflate(Buffer.concat([gzipSync('one'), gzipSync('two'), Buffer.from('junk')]), 1);
    expect(Buffer.from(inflater.output.view()).toString()).toBe('onetwo');
    expect([inflater.isCorrupt, inflater.isDone]).toEqual([false, true]);
  });

  test('reads the optional parts of a gzip header', () => {
    const body = deflateRawSync('content');
    const header = Buffer.from('1f8b081e000000000003' + '0300616263' + '6e00' + '6300' + 'abcd', 'hex');
    const inflater = inflate(Buffer.concat([header, body, Buffer.alloc(8)]), 1);
    expect(Buffer.from(inflater.output.view()).toString()).toBe('content');
  });

  test('stops at its limit, whatever the ratio', () => {
    const inflater = inflate(gzipSync(Buffer.alloc(50_000_000)), 1000, 1000);
    expect(inflater.output.length).toBe(1000);
    expect(inflater.output.bytes.length).toBeLessThanOrEqual(1000);
  });

  test('never throws, and keeps what it put out, for any damage', () => {
    const packed = gzipSync(text(300));
    const whole = inflate(packed).output.view();
    fc.assert(
      fc.property(fc.nat(packed.length - 1), fc.nat(255), fc.integer({ min: 1, max: 50 }), (at, byte, pieceBytes) => {
        const damaged = Uint8Array.from(packed);
        damaged[at] = byte;
        const a = inflate(damaged);
        const b = inflate(damaged, pieceBytes);
        expect(Buffer.compare(a.output.view(), b.output.view())).toBe(0);
        expect(a.isCorrupt).toBe(b.isCorrupt);
      }),
    );
    for (let end = 0; end < packed.length; end++) {
      const part = inflate(packed.subarray(0, end)).output.view();
      expect(Buffer.compare(part, whole.subarray(0, part.length))).toBe(0);
    }
  });

  test('never throws for any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void inflate(bytes, 3)));
  });
});
