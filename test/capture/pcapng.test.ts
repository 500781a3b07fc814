import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CaptureFileError, readCaptureStream } from '../../src/capture/pcap-file.ts';
import { LINK } from '../../src/wire/packet.ts';
import { buildTcp, buildUdp, hex } from '../support/packets.ts';
import { PcapngBlocks as Blocks } from '../support/pcapng.ts';

async function readAll(parts: readonly Uint8Array[], chunkBytes = 1 << 20) {
  const file = Buffer.concat(parts);
  const packets: { hex: string; timeMs: number; wireBytes: number; linkType: number; number: number }[] = [];
  async function* chunks(): AsyncIterable<Buffer> {
    for (let at = 0; at < file.length; at += chunkBytes) yield file.subarray(at, at + chunkBytes);
  }
  let error: CaptureFileError | null = null;
  try {
    await readCaptureStream('test.pcapng', chunks(), ({ bytes, start, end, timeMs, wireBytes, linkType, number }) => {
      packets.push({ hex: Buffer.from(bytes).toString('hex', start, end), timeMs, wireBytes, linkType, number });
    });
  } catch (thrown) {
    if (!(thrown instanceof CaptureFileError)) throw thrown;
    error = thrown;
  }
  return { packets, error };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const first = buildTcp({ payload: 'first' });
const second = buildUdp({ payload: 'the second' });
const little = new Blocks();

describe('pcapng', () => {
  test.each([
    ['little-endian', false],
    ['big-endian', true],
  ])('%s: enhanced, simple and obsolete packet blocks', async (_, isBigEndian) => {
    const blocks = new Blocks(isBigEndian);
    const { packets, error } = await readAll([
      blocks.section(),
      blocks.interface(101),
      blocks.enhanced(first, { units: 1_700_000_000_123_456n, original: 2000 }),
      blocks.simple(second),
      blocks.obsolete(first, 0),
    ]);
    expect(error).toBeNull();
    const linkType = LINK.rawIp;
    expect(packets).toEqual([
      { hex: text(first), timeMs: 1_700_000_000_123.456, wireBytes: 2000, linkType, number: 1 },
      { hex: text(second), timeMs: 1_700_000_000_123.456, wireBytes: second.length, linkType, number: 2 },
      { hex: text(first), timeMs: 5000, wireBytes: first.length, linkType, number: 3 },
    ]);
  });

  test('interfaces with link types of their own, sections with interfaces and a byte order of their own', async () => {
    const big = new Blocks(true);
    const { packets, error } = await readAll([
      little.section(),
      little.interface(1),
      little.interface(276),
      little.enhanced(first, { of: 1 }),
      little.enhanced(second, { of: 0 }),
      big.section(),
      big.interface(113),
      big.enhanced(first),
    ]);
    expect(error).toBeNull();
    expect(packets.map((packet) => packet.linkType)).toEqual([LINK.linuxSll2, LINK.ethernet, LINK.linuxSll]);
  });

  test.each([
    ['nanoseconds', [little.option(9, hex('09'))], 1_700_000_000_123_456_789n, 1_700_000_000_123.456],
    ['seconds', [little.option(9, hex('00'))], 1_700_000_000n, 1_700_000_000_000],
    ['a 1024th of a second', [little.option(9, hex('8a'))], 1_700_000_000n * 1024n + 512n, 1_700_000_000_500],
    ['an offset in seconds', [little.option(14, little.i64(1_700_000_000n))], 123_456n, 1_700_000_000_123.456],
    ['a negative offset', [little.option(14, little.i64(-1n))], 1_500_000n, 500],
    ['other options before it', [little.option(2, Buffer.from('eth0')), little.option(9, hex('03'))], 7n, 7],
    ['an option behind the end', [little.option(0, hex('')), little.option(9, hex('03'))], 7000n, 7],
    ['a resolution beyond any clock', [little.option(9, hex('7f'))], 7000n, 0],
  ])('time in %s', async (_, options, units, timeMs) => {
    const { packets, error } = await readAll([
      little.section(),
      little.interface(101, 0, ...options),
      little.enhanced(first, { units }),
    ]);
    expect(error).toBeNull();
    expect(packets.map((packet) => packet.timeMs)).toEqual([timeMs]);
  });

  test('a simple packet is as long as the snapshot length of its interface', async () => {
    const { packets } = await readAll([
      little.section(),
      little.interface(101, 20),
      little.simple(first.subarray(0, 20), 500),
    ]);
    expect(packets).toMatchObject([{ hex: text(first.subarray(0, 20)), wireBytes: 500 }]);
  });

  test('other blocks are skipped, however long, and cost no memory', async () => {
    const before = process.memoryUsage().arrayBuffers;
    const custom = little.block(0xbad, Buffer.alloc(4 << 20, 1));
    const { packets, error } = await readAll(
      [
        little.section(),
        little.interface(101),
        custom,
        little.enhanced(first),
        little.block(5),
        little.enhanced(second),
      ],
      4096,
    );
    expect(error).toBeNull();
    expect(packets).toHaveLength(2);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20);
  });

  test('any size of chunks gives the same packets', async () => {
    const file = [
      little.section(),
      little.interface(1),
      little.block(0xbad, Buffer.alloc(50)),
      little.enhanced(first),
      little.simple(second),
    ];
    const whole = await readAll(file);
    expect(whole.packets).toHaveLength(2);
    for (let chunkBytes = 1; chunkBytes < 80; chunkBytes++) expect(await readAll(file, chunkBytes)).toEqual(whole);
  });
});

describe('broken pcapng files', () => {
  test('every truncation delivers what is whole, then names the place', async () => {
    const parts = [
      little.section(),
      little.interface(101),
      little.enhanced(first),
      little.block(9, hex('00')),
      little.simple(second),
    ];
    const file = Buffer.concat(parts);
    const ends = parts.map((_, index) => Buffer.concat(parts.slice(0, index + 1)).length);
    for (let length = 4; length < file.length; length++) {
      const { packets, error } = await readAll([file.subarray(0, length)], 29);
      expect(packets).toHaveLength(length >= ends[2]! ? 1 : 0);
      expect(error === null, `cut at ${length}`).toBe(ends.includes(length));
    }
  });

  const start = Buffer.concat([little.section(), little.interface(101), little.enhanced(first)]);
  const blockOf = (length: number, type = 6): Buffer =>
    Buffer.concat([little.u32(type), little.u32(length), Buffer.alloc(64)]);
  test.each([
    ['a block below the smallest length', blockOf(8), /a block of 8 bytes: expected a multiple of 4, at least 12/],
    ['a block of an odd length', blockOf(33), /a block of 33 bytes/],
    ['a packet block of four gigabytes', blockOf(0xffff_fffc), /a block of 4294967292 bytes: expected at most/],
    ['another length at the end', blockOf(32), /ends with the length 0: expected 32/],
    [
      'a packet block that is too short',
      little.block(6, Buffer.alloc(16)),
      /16 bytes of content: expected at least 20/,
    ],
    [
      'a captured length beyond the block',
      little.enhanced(first, { captured: 1000 }),
      /captured length of 1000 bytes: expected at most/,
    ],
    [
      'a captured length of four gigabytes',
      little.enhanced(first, { captured: 0xffff_ffff }),
      /captured length of 4294967295/,
    ],
    ['a simple packet longer than its block', little.simple(first, 4000), /captured length of 4000/],
    ['a simple packet without a length', little.block(3), /0 bytes of content: expected at least 4/],
    [
      'an original length of four gigabytes',
      little.enhanced(first, { original: 0xffff_ffff }),
      /original length of 4294967295/,
    ],
    ['an interface that is not there', little.enhanced(first, { of: 1 }), /a packet of interface 1: the section has 1/],
    ['a time that no calendar has', little.enhanced(first, { units: 2n ** 64n - 1n }), /a time of \d+(\.\d+)? ms/],
    ['a section without byte order', little.block(0x0a0d0d0a, Buffer.alloc(16)), /byte-order magic/],
    ['a section of another version', little.section(2), /version 2 of the format: expected 1/],
    [
      'an interface block that is too short',
      little.block(1, Buffer.alloc(4)),
      /4 bytes of content: expected at least 8/,
    ],
    [
      'an option beyond its block',
      little.block(1, little.u16(101), little.u16(0), little.u32(0), little.u16(9), little.u16(400)),
      /an option of 400 bytes: expected at most 0/,
    ],
    [
      'a link type that we do not know',
      Buffer.concat([little.interface(147), little.enhanced(first, { of: 1 })]),
      /link type 147 is not supported/,
    ],
  ])('%s', async (_, bad, message) => {
    const { packets, error } = await readAll([start, bad, little.enhanced(second)]);
    expect(packets).toHaveLength(1);
    expect(error?.message).toMatch(message);
    expect(error).toMatchObject({ file: 'test.pcapng', packetNumber: 2 });
    expect(error?.offset).toBeGreaterThanOrEqual(start.length);
  });

  test('a section that ends in the middle of what it skips', async () => {
    const { packets, error } = await readAll([start, little.u32(0xbad), little.u32(0xffff_fff0), Buffer.alloc(100)]);
    expect(packets).toHaveLength(1);
    expect(error?.message).toMatch(/ends without \d+ more bytes of the last block/);
  });

  test('random changes: packets or an error, nothing else', async () => {
    const file = Buffer.concat([start, little.interface(1), little.simple(second), little.obsolete(first, 1)]);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(file.length - 1),
        fc.nat(255),
        fc.integer({ min: 1, max: 99 }),
        async (at, byte, chunk) => {
          const changed = Buffer.from(file);
          changed[at] = byte;
          await readAll([changed], chunk);
        },
      ),
      { numRuns: 500 },
    );
  });
});
