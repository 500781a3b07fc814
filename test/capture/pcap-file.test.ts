import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { CaptureFileError, readCapture, readCaptureStream } from '../../src/capture/pcap-file.ts';
import { LINK, type LinkType } from '../../src/wire/packet.ts';
import { growthOf, LINEAR } from '../support/growth.ts';
import { buildTcp, buildUdp, hex, pcapBytes } from '../support/packets.ts';

interface Read {
  hex: string;
  wireBytes: number;
  timeMs: number;
  number: number;
  linkType: LinkType;
}

/** All packets, and the error that came after them. */
async function readAll(file: Uint8Array, chunkBytes = file.length): Promise<{ packets: Read[]; error: unknown }> {
  const packets: Read[] = [];
  async function* chunks(): AsyncIterable<Buffer> {
    // A copy: readers may change the bytes that they are given.
    for (let at = 0; at < file.length; at += chunkBytes) yield Buffer.from(file.slice(at, at + chunkBytes));
  }
  try {
    await readCaptureStream('test.pcap', chunks(), ({ bytes, start, end, wireBytes, timeMs, number, linkType }) => {
      packets.push({ hex: Buffer.from(bytes).toString('hex', start, end), wireBytes, timeMs, number, linkType });
    });
    return { packets, error: null };
  } catch (error) {
    return { packets, error };
  }
}

async function errorOf(file: Uint8Array, chunkBytes?: number): Promise<CaptureFileError & { packets: Read[] }> {
  const { packets, error } = await readAll(file, chunkBytes);
  expect(error).toBeInstanceOf(CaptureFileError);
  return Object.assign(error as CaptureFileError, { packets });
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

interface PcapOptions {
  isBigEndian?: boolean;
  magic?: number;
  major?: number;
  minor?: number;
  snaplen?: number;
  linkType?: number;
}

interface RecordFields {
  seconds?: number;
  fraction?: number;
  captured?: number;
  original?: number;
  bytes: Uint8Array;
}

function pcap(records: readonly RecordFields[], options: PcapOptions = {}): Uint8Array {
  const u32 = (value: number): Uint8Array => {
    const bytes = Buffer.alloc(4);
    if (options.isBigEndian) bytes.writeUInt32BE(value);
    else bytes.writeUInt32LE(value);
    return bytes;
  };
  const u16 = (value: number): Uint8Array => {
    const bytes = Buffer.alloc(2);
    if (options.isBigEndian) bytes.writeUInt16BE(value);
    else bytes.writeUInt16LE(value);
    return bytes;
  };
  const parts = [
    u32(options.magic ?? 0xa1b2c3d4),
    u16(options.major ?? 2),
    u16(options.minor ?? 4),
    u32(0),
    u32(0),
    u32(options.snaplen ?? 262_144),
    u32(options.linkType ?? 101),
  ];
  for (const { seconds = 1, fraction = 0, captured, original, bytes } of records) {
    parts.push(u32(seconds), u32(fraction), u32(captured ?? bytes.length), u32(original ?? bytes.length), bytes);
  }
  return new Uint8Array(Buffer.concat(parts));
}

const first = buildTcp({ payload: 'first' });
const second = buildUdp({ payload: 'the second packet' });

describe('classic pcap', () => {
  test.each([
    ['little-endian microseconds', false, 0xa1b2c3d4, 123_456, 1_700_000_000_123.456],
    ['big-endian microseconds', true, 0xa1b2c3d4, 123_456, 1_700_000_000_123.456],
    ['little-endian nanoseconds', false, 0xa1b23c4d, 123_456_789, 1_700_000_000_123.4568],
    ['big-endian nanoseconds', true, 0xa1b23c4d, 123_456_789, 1_700_000_000_123.4568],
  ])('%s', async (_, isBigEndian, magic, fraction, timeMs) => {
    const file = pcap(
      [
        { seconds: 1_700_000_000, fraction, bytes: first },
        { bytes: second, original: 1500 },
      ],
      {
        isBigEndian,
        magic,
      },
    );
    const { packets, error } = await readAll(file);
    expect(error).toBeNull();
    expect(packets).toHaveLength(2);
    expect(packets[0]).toMatchObject({ hex: text(first), wireBytes: first.length, number: 1, linkType: LINK.rawIp });
    expect(packets[0]!.timeMs).toBeCloseTo(timeMs, 3);
    expect(packets[1]).toMatchObject({ hex: text(second), wireBytes: 1500, number: 2, timeMs: 1000 });
  });

  test('times come out as the nearest number to the microsecond', async () => {
    const microseconds = 1_700_000_000_000_001;
    const { packets } = await readAll(pcap([{ seconds: 1_700_000_000, fraction: 1, bytes: first }]));
    expect(packets[0]!.timeMs).toBe(microseconds / 1000);
  });

  test.each([
    [0, LINK.loopback],
    [1, LINK.ethernet],
    [9, LINK.ppp],
    [12, LINK.rawIp],
    [101, LINK.rawIp],
    [108, LINK.loopback],
    [113, LINK.linuxSll],
    [228, LINK.rawIp],
    [229, LINK.rawIp],
    [276, LINK.linuxSll2],
    // A frame check sequence of four bytes is announced in the upper bits.
    [0x5400_0001, LINK.ethernet],
  ])('link type %i', async (linkType, expected) => {
    const { packets } = await readAll(pcap([{ bytes: first }], { linkType }));
    expect(packets.map((packet) => packet.linkType)).toEqual([expected]);
  });

  test('an empty capture, and a packet without bytes', async () => {
    expect(await readAll(pcap([]))).toEqual({ packets: [], error: null });
    const { packets, error } = await readAll(pcap([{ bytes: hex('') }, { bytes: first }]));
    expect(error).toBeNull();
    expect(packets.map((packet) => packet.hex)).toEqual(['', text(first)]);
  });

  test('an original length below the captured one is no length', async () => {
    const { packets } = await readAll(pcap([{ bytes: first, original: 0 }]));
    expect(packets[0]!.wireBytes).toBe(first.length);
  });

  test('any size of chunks gives the same packets', async () => {
    const file = pcap([{ bytes: first }, { bytes: second }, { bytes: first }]);
    const whole = await readAll(file);
    for (let chunkBytes = 1; chunkBytes < 90; chunkBytes++) expect(await readAll(file, chunkBytes)).toEqual(whole);
  });

  test('a record of the largest size, larger than a chunk', async () => {
    const large = new Uint8Array(262_144).fill(7);
    const { packets, error } = await readAll(pcap([{ bytes: large }, { bytes: first }]), 65_536);
    expect(error).toBeNull();
    expect(packets.map((packet) => packet.hex.length / 2)).toEqual([large.length, first.length]);
  });

  test('a long record in crumbs costs as much as its length, not the square', async () => {
    const growth = await growthOf((scale) => {
      const file = pcap([{ bytes: new Uint8Array(26_000 * scale) }]);
      return async () => expect((await readAll(file, 8)).packets).toHaveLength(1);
    });
    expect(growth).toBeLessThan(LINEAR);
  });
});

describe('broken pcap files', () => {
  test('every truncation delivers what is whole, then names the place', async () => {
    const file = pcap([{ bytes: first }, { bytes: second }]);
    const ends = [24, 24 + 16 + first.length, file.length];
    for (let length = 0; length < file.length; length++) {
      const { packets, error } = await readAll(file.subarray(0, length), 31);
      expect(packets, `cut at ${length}`).toHaveLength(ends.filter((end) => end <= length && end > 24).length);
      if (ends.includes(length)) expect(error).toBeNull();
      else expect(error, `cut at ${length}`).toBeInstanceOf(CaptureFileError);
    }
    const error = await errorOf(file.subarray(0, ends[1]! + 20));
    expect(error).toMatchObject({ file: 'test.pcap', offset: ends[1], packetNumber: 2 });
    expect(error.message).toMatch(/test\.pcap: packet 2, byte 85: the file ends after 20 bytes of 61/);
  });

  test.each([
    ['longer than the limit', { captured: 262_145 }, /captured length of 262145 bytes: expected at most 262144/],
    ['four gigabytes', { captured: 0xffff_ffff }, /captured length of 4294967295 bytes/],
    ['four gigabytes on the wire', { original: 0xffff_ffff }, /original length of 4294967295 bytes/],
  ])('a record of a length %s', async (_, fields, message) => {
    const file = pcap([{ bytes: first }, { bytes: second, ...fields }, { bytes: first }]);
    const error = await errorOf(file);
    expect(error.packets).toHaveLength(1);
    expect(error).toMatchObject({ packetNumber: 2, offset: 24 + 16 + first.length });
    expect(error.message).toMatch(message);
  });

  test('a record longer than the snapshot length, where that is not too small to be true', async () => {
    const bytes = new Uint8Array(70_000);
    expect((await readAll(pcap([{ bytes: bytes.subarray(0, 65_535) }], { snaplen: 96 }))).error).toBeNull();
    expect((await errorOf(pcap([{ bytes }], { snaplen: 96 }))).message).toMatch(/70000 bytes: expected at most 65535/);
    expect((await errorOf(pcap([{ bytes }], { snaplen: 69_999 }))).message).toMatch(/expected at most 69999/);
    expect((await readAll(pcap([{ bytes }], { snaplen: 0xffff_ffff }))).error).toBeNull();
  });

  test.each([
    ['an unsupported link type', pcap([], { linkType: 105 }), /link type 105 is not supported/],
    ['another version', pcap([], { major: 3 }), /version 3\.4 of the format: expected 2\.4/],
    ['another minor version', pcap([], { minor: 1 }), /version 2\.1/],
    ['another magic', pcap([], { magic: 0xa1b2cd34 }), /neither a pcap nor a pcapng file \(it begins with 34cdb2a1\)/],
    ['nothing', hex(''), /the file is empty/],
    ['three bytes', hex('d4c3b2'), /neither a pcap nor a pcapng file/],
    ['text', new Uint8Array(Buffer.from('hello world, this is no capture')), /begins with 68656c6c/],
    ['gzip', hex('1f8b0800000000000003'), /compressed with gzip: run gunzip on it first/],
    ['zstd', hex('28b52ffd00'), /compressed with zstd/],
    ['xz', hex('fd377a585a00'), /compressed with xz/],
  ])('%s', async (_, file, message) => {
    const error = await errorOf(file);
    expect(error.packets).toEqual([]);
    expect(error).toMatchObject({ offset: 0, packetNumber: 0 });
    expect(error.message).toMatch(message);
  });

  test('random bytes behind a good header: packets or an error, nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 400 }),
        fc.integer({ min: 1, max: 64 }),
        async (bytes, chunkBytes) => {
          const { error } = await readAll(new Uint8Array(Buffer.concat([pcap([]), bytes])), chunkBytes);
          if (error !== null) expect(error).toBeInstanceOf(CaptureFileError);
        },
      ),
    );
  });
});

describe('readCapture', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vpatch-pcap-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('reads a file, and pauses between chunks where asked to', async () => {
    const path = join(folder, 'many.pcap');
    const count = 20_000;
    writeFileSync(path, pcapBytes(Array.from({ length: count }, () => first)));
    let packets = 0;
    let isPaused = false;
    let pauses = 0;
    await readCapture(
      path,
      ({ number }) => {
        expect(isPaused).toBe(false);
        expect(number).toBe(++packets);
      },
      async () => {
        isPaused = true;
        await new Promise(setImmediate);
        isPaused = false;
        pauses++;
      },
    );
    expect(packets).toBe(count);
    expect(pauses).toBeGreaterThan(1);
  });

  test('a file that is not there, and a directory', async () => {
    await expect(readCapture(join(folder, 'none.pcap'), () => {})).rejects.toThrow(/none\.pcap: .*no such file/);
    await expect(readCapture(folder, () => {})).rejects.toThrow(/it is a directory/);
  });

  test('what the callback throws comes out as it is', async () => {
    const path = join(folder, 'one.pcap');
    writeFileSync(path, pcapBytes([first]));
    const mistake = new RangeError('ours');
    await expect(
      readCapture(path, () => {
        throw mistake;
      }),
    ).rejects.toBe(mistake);
  });
});
