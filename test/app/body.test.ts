import { brotliCompressSync, constants, deflateRawSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Body, type Coding, contentCoding } from '../../src/app/http/body.ts';
import { fromLatin1, latin1 } from '../../src/base/bytes.ts';
import { fuzzRuns, SEED } from '../support/fuzz.ts';

const LIMIT_BYTES = 2000;

function taken(
  codings: readonly Coding[],
  packed: Uint8Array,
  pieceBytes: number,
): { content: string; events: unknown[] } {
  const body = new Body(LIMIT_BYTES, codings);
  const events: unknown[] = [];
  for (let at = 0; at < packed.length; at += pieceBytes) {
    events.push(body.append(packed, at, Math.min(packed.length, at + pieceBytes)));
  }
  events.push(body.finish());
  return { content: latin1(body.view()), events: events.filter((event) => event !== null) };
}

/** A stored block of deflate, then a block of a type that does not exist. */
const storedAndBroken = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0, bytes.length, 0, 0xff - bytes.length, 0xff]), bytes, Buffer.from([0x07, 0x7a])]);

test('an inner layer that is not packed, in an outer one that is corrupt behind it', () => {
  const inner = 'not packed at all';
  const packed = new Uint8Array(storedAndBroken(Buffer.from(inner)));
  for (const pieceBytes of [packed.length, 1]) {
    const { content, events } = taken(['deflate', 'deflate'], packed, pieceBytes);
    expect(content).toContain(inner);
    expect(events).toContain('http.gzip_decompression_failed');
  }
});

test('whatever is packed how often and damaged where: no more than the limit, and never a throw', () => {
  const packers = {
    deflate: [gzipSync, deflateRawSync],
    brotli: [(bytes: Uint8Array) => brotliCompressSync(bytes)],
  } as const;
  const layer = fc.constantFrom<[Coding, number]>(['deflate', 0], ['deflate', 1], ['brotli', 0]);
  fc.assert(
    fc.property(
      fc.array(layer, { maxLength: 3 }),
      fc.array(layer, { maxLength: 3 }),
      fc.string({ minLength: 1, maxLength: 60 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
      fc.integer({ min: 1, max: 80 }),
      (packed, named, text, damage, pieceBytes) => {
        let bytes: Uint8Array = fromLatin1(text.repeat(3));
        for (const [coding, which] of packed) bytes = new Uint8Array(packers[coding][which]!(bytes));
        for (const [place, value] of damage) if (bytes.length > 0) bytes[place % bytes.length] = value;
        const isHonest = damage.length === 0 && `${packed.map(([name]) => name)}` === `${named.map(([name]) => name)}`;
        const codings = named.map(([coding]) => coding).reverse();
        for (const size of [bytes.length + 1, pieceBytes]) {
          const { content, events } = taken(codings, bytes, size);
          expect(content.length).toBeLessThanOrEqual(LIMIT_BYTES);
          if (isHonest) expect([content, events]).toEqual([latin1(fromLatin1(text.repeat(3))), []]);
        }
      },
    ),
    { ...SEED, numRuns: fuzzRuns(500) },
  );
});

test('damage in two layers at once is told of once, and what could be read stays', () => {
  const twice = new Uint8Array(gzipSync(storedAndBroken(storedAndBroken(Buffer.from('innermost')))));
  const { content, events } = taken(['deflate', 'deflate', 'deflate'], twice, twice.length);
  expect(content).toContain('innermost');
  expect(events).toEqual(['http.gzip_decompression_failed']);
});

test('the codings named last are undone first, of however many', () => {
  expect(contentCoding('gzip, br', 2)).toEqual({ codings: ['brotli', 'deflate'], event: null });
  const { codings, event } = contentCoding(`${'br,'.repeat(20_000)}gzip`, 2);
  expect([codings, event]).toEqual([['deflate', 'brotli'], 'http.too_many_encoding_layers']);
});

test('what was sent is kept beside what it unpacks to, damaged or not, and up to the same limit', () => {
  const text = 'abc'.repeat(200);
  const inner = gzipSync(gzipSync(text), { level: 0 });
  const broken = gzipSync(storedAndBroken(Buffer.from('not packed')), { level: 0 });
  const long = Buffer.concat([gzipSync('x'.repeat(5000)), Buffer.alloc(3000, 'y')]);
  for (const packed of [inner, broken, long]) {
    for (const pieceBytes of [packed.length, 1, 100]) {
      const body = new Body(LIMIT_BYTES, ['deflate', 'deflate'], true);
      for (let at = 0; at < packed.length; at += pieceBytes) {
        body.append(packed, at, Math.min(packed.length, at + pieceBytes));
      }
      body.finish();
      expect(latin1(body.undecoded()!)).toBe(latin1(packed.subarray(0, LIMIT_BYTES)));
      expect(body.heldBytes).toBeLessThan(8 * LIMIT_BYTES);
    }
  }
  const plain = new Body(LIMIT_BYTES, ['deflate'], true);
  plain.append(fromLatin1('plain'), 0, 5);
  plain.finish();
  expect([latin1(plain.view()), plain.undecoded()]).toEqual(['plain', null]);
});

test('bodies that take memory of others hold their own content, packed and damaged ones too', () => {
  const limitBytes = 100 * 1024;
  const packers = [
    gzipSync,
    (bytes: Uint8Array) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
  ];
  const kinds: readonly Coding[] = ['deflate', 'brotli'];
  const step = fc.record({
    content: fc.tuple(fc.nat(255), fc.integer({ min: 1, max: 120_000 })),
    layers: fc.array(fc.nat(1), { maxLength: 2 }),
    damageAt: fc.option(fc.nat(), { nil: null }),
    pieceBytes: fc.integer({ min: 500, max: 70_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 6 }), (steps) => {
      const open = steps.map(({ content: [value, bytes], layers, damageAt, pieceBytes }) => {
        // Numbers that follow no rule in half of it.
        let packed: Uint8Array = Uint8Array.from({ length: bytes }, (_, i) =>
          i & 1024 ? value : Math.imul(i + value, 2654435761) >>> 24,
        );
        for (const layer of layers) packed = new Uint8Array(packers[layer]!(packed));
        if (damageAt !== null) packed[damageAt % packed.length]! ^= 0x55;
        const codings = layers.map((layer) => kinds[layer]!).reverse();
        const alone = new Body(limitBytes, codings);
        for (let at = 0; at < packed.length; at += pieceBytes) {
          alone.append(packed, at, Math.min(packed.length, at + pieceBytes));
        }
        alone.finish();
        return {
          packed,
          pieceBytes,
          expected: alone.view().slice(),
          alone,
          body: new Body(limitBytes, codings),
          at: 0,
        };
      });
      for (const { alone } of open) alone.release();
      // In turn, a piece each; who is done gives its memory to those who are not.
      for (let left = open.length; left > 0; ) {
        for (const one of open) {
          if (one.at >= one.packed.length) continue;
          const to = Math.min(one.packed.length, one.at + one.pieceBytes);
          one.body.append(one.packed, one.at, to);
          one.at = to;
          if (to < one.packed.length) continue;
          one.body.finish();
          expect(Buffer.compare(one.body.view(), one.expected)).toBe(0);
          one.body.release();
          left--;
        }
      }
    }),
    { numRuns: fuzzRuns(15), ...SEED },
  );
});
