import { brotliCompressSync, constants, deflateRawSync } from 'node:zlib';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { BrotliDecoder } from '../src/app/http/brotli.ts';
import type { ContentDecoder } from '../src/app/http/content-decoder.ts';
import { Inflater } from '../src/app/http/inflate.ts';
import { fromLatin1 } from '../src/base/bytes.ts';
import { type Direction, opposite, TO_CLIENT, TO_SERVER } from '../src/base/direction.ts';
import { Matcher } from '../src/base/native/matcher.ts';
import { isLong } from './support/fuzz.ts';
import { usedMemory } from './support/heap.ts';
import { buildTcp } from './support/packets.ts';
import { Player, type PlayOptions } from './support/play.ts';

// In an ordinary run, and in `make fuzz`.
const MIB = 2 ** 20;
const HARMLESS_BYTES = isLong ? 1024 * MIB : 10 * MIB;
const BOMB_BYTES = isLong ? 1024 * MIB : 64 * MIB;
const PIPELINED_REQUESTS = isLong ? 1_000_000 : 20_000;
const HEADER_BYTES = 10 * MIB;
const TIMEOUT_MS = 600_000;

const RULES = [
  'drop http any any -> any any (msg:"a"; flow:established,to_server; http.uri; content:"/attack"; sid:1;)',
  'drop http any any -> any any (msg:"b"; flow:established,to_server; http.request_body; content:"evil-in-body"; sid:2;)',
  'drop http any any -> any any (msg:"c"; flow:established,to_client; file.data; content:"evil-in-file"; sid:3;)',
  'drop http any any -> any any (msg:"d"; flow:established,to_server; http.header; content:"evil-in-header"; sid:4;)',
].join('\n');

const get = (target: string): string =>
  `GET ${target} HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: curl/8.5.0\r\n\r\n`;
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const ATTACK = get('/attack');

afterEach(() => {
  vi.restoreAllMocks();
});

/** One connection, as long as need be: packets are made as they are sent, and each side acknowledges what it got. */
class Connection {
  readonly player: Player;
  readonly #segmentBytes: number;
  readonly #sequence: [number, number] = [1000, 5000];

  constructor(options: PlayOptions, segmentBytes = 1460) {
    this.player = new Player({ rules: RULES, mode: 'prevent', trustsChecksums: true, ...options });
    this.#segmentBytes = segmentBytes;
    this.#send(TO_SERVER, 'S');
    this.#send(TO_CLIENT, 'SA');
    this.#send(TO_SERVER, 'A');
  }

  /** Did all of it arrive? */
  say(direction: Direction, data: string | Uint8Array): boolean {
    const bytes = typeof data === 'string' ? fromLatin1(data) : data;
    for (let at = 0; at < bytes.length; at += this.#segmentBytes) {
      if (!this.#send(direction, 'PA', bytes.subarray(at, at + this.#segmentBytes))) return false;
      if (!this.#send(opposite(direction), 'A')) return false;
    }
    return true;
  }

  /** Of all streams of the pipeline. */
  get keptBytes(): number {
    const { counters } = this.player.played.pipeline;
    this.player.played.pipeline.updateGauges();
    const of = (name: string): number => counters.values[counters.index(name)]!;
    return of('tcp.reassembly_memuse') + of('detect.stream_window_memuse');
  }

  #send(direction: Direction, flags: string, payload: Uint8Array = NOTHING): boolean {
    const sequence = this.#sequence;
    const isFromClient = direction === TO_SERVER;
    const bytes = buildTcp({
      source: isFromClient ? '192.0.2.1' : '192.0.2.2',
      destination: isFromClient ? '192.0.2.2' : '192.0.2.1',
      sourcePort: isFromClient ? 40_000 : 80,
      destinationPort: isFromClient ? 80 : 40_000,
      sequence: sequence[direction],
      acknowledgement: flags === 'S' ? 0 : sequence[opposite(direction)],
      flags,
      payload,
      // Nobody looks at it, and it would take most of the time.
      checksum: 0,
    });
    sequence[direction] = (sequence[direction] + payload.length + (flags.startsWith('S') ? 1 : 0)) >>> 0;
    return this.player.send(bytes);
  }
}

const NOTHING = new Uint8Array(0);
/** As large as the kernel hands them over. */
const LARGE_SEGMENT_BYTES = 60_000;

/** Counts what the searches look at, and what is decompressed. */
function countWork(): { readonly searchedBytes: number; readonly unpackedBytes: number } {
  const work = { searchedBytes: 0, unpackedBytes: 0 };
  const { scan } = Matcher.prototype;
  vi.spyOn(Matcher.prototype, 'scan').mockImplementation(function (this: Matcher, bytes, start, end) {
    work.searchedBytes += end - start;
    return scan.call(this, bytes, start, end);
  });
  for (const { prototype } of [Inflater, BrotliDecoder]) {
    const write: (this: ContentDecoder, bytes: Uint8Array, start: number, end: number) => number = prototype.write;
    vi.spyOn(prototype, 'write').mockImplementation(function (this: ContentDecoder, bytes, start, end) {
      const stoppedAt = write.call(this, bytes, start, end);
      work.unpackedBytes += stoppedAt - start;
      return stoppedAt;
    });
  }
  return work;
}

describe(`an attack behind ${HARMLESS_BYTES / MIB} MiB of harmless requests on one connection is blocked`, () => {
  const shapes: Record<string, (connection: Connection) => boolean> = {
    'small ones': (connection) => {
      const fields = `Cookie: session=${'c'.repeat(300)}\r\nAccept-Language: en\r\n`;
      const many = get('/page').replace('\r\n\r\n', `\r\n${fields}\r\n`).repeat(100);
      const answers = OK.repeat(100);
      for (let sent = 0; sent < HARMLESS_BYTES; sent += many.length) {
        if (!connection.say(TO_SERVER, many) || !connection.say(TO_CLIENT, answers)) return false;
      }
      return true;
    },
    'one upload': (connection) => {
      const head = `POST /upload HTTP/1.1\r\nHost: shop.example\r\nContent-Length: ${HARMLESS_BYTES}\r\n\r\n`;
      return connection.say(TO_SERVER, head) && sayBytes(connection, TO_SERVER) && connection.say(TO_CLIENT, OK);
    },
    'uploads in chunks': (connection) => {
      const head = 'POST /upload HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n';
      const chunk = `${(4096).toString(16)}\r\n${'x'.repeat(4096)}\r\n`;
      const upload = `${head}${chunk.repeat(64)}0\r\n\r\n`;
      for (let sent = 0; sent < HARMLESS_BYTES; sent += upload.length) {
        if (!connection.say(TO_SERVER, upload) || !connection.say(TO_CLIENT, OK)) return false;
      }
      return true;
    },
    'one download': (connection) => {
      const head = `HTTP/1.1 200 OK\r\nContent-Length: ${HARMLESS_BYTES}\r\n\r\n`;
      return (
        connection.say(TO_SERVER, get('/large')) && connection.say(TO_CLIENT, head) && sayBytes(connection, TO_CLIENT)
      );
    },
  };
  test.each(Object.keys(shapes))(
    '%s',
    (shape) => {
      const connection = new Connection({}, isLong ? LARGE_SEGMENT_BYTES : undefined);
      expect(shapes[shape]!(connection)).toBe(true);
      expect(connection.player.played).toMatchObject({ alerts: [], anomalies: [] });
      // Windows of the two streams, each with what it grows by.
      expect(connection.keptBytes).toBeLessThan(MIB);
      expect(connection.say(TO_SERVER, ATTACK)).toBe(false);
      expect(connection.player.played.blockedAlerts).toEqual([1]);
    },
    TIMEOUT_MS,
  );

  test(
    'in a body, and in an answer',
    () => {
      for (const [direction, attack, sid] of [
        [TO_SERVER, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nevil-in-body', 2],
        [TO_CLIENT, 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nevil-in-file', 3],
      ] as const) {
        const connection = new Connection({}, LARGE_SEGMENT_BYTES);
        expect(shapes['one upload']!(connection)).toBe(true);
        if (direction === TO_CLIENT) expect(connection.say(TO_SERVER, get('/'))).toBe(true);
        expect(connection.say(direction, attack)).toBe(false);
        expect(connection.player.played.blockedAlerts).toEqual([sid]);
      }
    },
    TIMEOUT_MS,
  );
});

function sayBytes(connection: Connection, direction: Direction): boolean {
  const piece = new Uint8Array(MIB).fill(0x78);
  for (let sent = 0; sent < HARMLESS_BYTES; sent += piece.length) if (!connection.say(direction, piece)) return false;
  return true;
}

describe(`a bomb of ${BOMB_BYTES / MIB} MiB`, () => {
  /** Blocks of one mebibyte that do not look back, so that a gibibyte is made at once. */
  const bomb = (bytes: number): Uint8Array => {
    const options = { finishFlush: constants.Z_FULL_FLUSH };
    const block = deflateRawSync(Buffer.alloc(MIB), options);
    const header = Buffer.from('1f8b0800000000000003', 'hex');
    const end = Buffer.from('0300', 'hex');
    return new Uint8Array(Buffer.concat([header, ...Array.from({ length: bytes / MIB }, () => block), end]));
  };

  const packs: Record<string, (bytes: number) => Uint8Array> = {
    gzip: bomb,
    'gzip, gzip': (bytes) => gzipStored(bomb(bytes)),
    br: (bytes) => brotliCompressSync(Buffer.alloc(bytes), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
  };
  test.each(Object.keys(packs))(
    '%s: costs what its first bytes cost, and the next answer is inspected',
    (coding) => {
      const spent = [4 * MIB, BOMB_BYTES].map((bytes) => {
        const packed = packs[coding]!(bytes);
        const work = countWork();
        const connection = new Connection({ config: { checks: { policy: 'report' } } });
        connection.say(TO_SERVER, get('/bomb'));
        const head = `HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\nContent-Length: ${packed.length}\r\n\r\n`;
        expect(connection.say(TO_CLIENT, head) && connection.say(TO_CLIENT, packed)).toBe(true);
        expect(connection.player.played.anomalies.map(({ event }) => event)).toContain('http.compression_bomb');
        expect(connection.keptBytes).toBeLessThan(MIB);
        const { unpackedBytes } = work;
        connection.say(TO_SERVER, get('/'));
        expect(connection.say(TO_CLIENT, 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nevil-in-file')).toBe(false);
        vi.restoreAllMocks();
        return unpackedBytes;
      });
      expect(spent[1]).toBe(spent[0]);
      expect(spent[0]).toBeLessThan(10_000);
    },
    TIMEOUT_MS,
  );
});

/** Without compression, so that what is in it comes whole. */
function gzipStored(content: Uint8Array): Uint8Array {
  const packed = deflateRawSync(content, { level: 0 });
  return new Uint8Array(Buffer.concat([Buffer.from('1f8b0800000000000003', 'hex'), packed, Buffer.alloc(8)]));
}

describe(`a header of ${HEADER_BYTES / MIB} MiB`, () => {
  const start = `GET / HTTP/1.1\r\nHost: shop.example\r\nX: `;
  const filler = 'y'.repeat(MIB);

  test('drops where its limit is', () => {
    const connection = new Connection({});
    expect(connection.say(TO_SERVER, start)).toBe(true);
    expect(connection.say(TO_SERVER, filler)).toBe(false);
    expect(connection.player.played.dropReasons[0]).toBe('http.request_head_too_long');
    expect(connection.keptBytes).toBeLessThan(MIB);
  });

  test('where checks only report, takes no more memory and work than its beginning', () => {
    const work = countWork();
    const connection = new Connection({ config: { checks: { policy: 'report' } } });
    connection.say(TO_SERVER, start);
    for (let sent = 0; sent < HEADER_BYTES; sent += filler.length) {
      expect(connection.say(TO_SERVER, filler)).toBe(true);
      expect(connection.keptBytes).toBeLessThan(MIB);
    }
    expect(connection.player.played.anomalies.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['http.request_field_too_long', 'http.not_followed']),
    );
    // The head was shown to the rules once, as far as it is kept.
    expect(work.searchedBytes).toBeLessThan(MIB);
  });
});

describe(`${PIPELINED_REQUESTS} pipelined requests`, () => {
  test(
    'that are answered are all inspected, with work that grows as they do',
    () => {
      const searched = [PIPELINED_REQUESTS / 10, PIPELINED_REQUESTS].map((count) => {
        const work = countWork();
        const connection = new Connection({}, LARGE_SEGMENT_BYTES);
        for (let sent = 0; sent < count; sent += 100) {
          if (!connection.say(TO_SERVER, get('/page').repeat(100))) throw new Error('a request was dropped');
          if (!connection.say(TO_CLIENT, OK.repeat(100))) throw new Error('an answer was dropped');
        }
        expect(connection.keptBytes).toBeLessThan(MIB);
        expect(connection.say(TO_SERVER, get('/page').repeat(99) + ATTACK)).toBe(false);
        vi.restoreAllMocks();
        return work.searchedBytes;
      });
      expect(searched[1]! / searched[0]!).toBeGreaterThan(5);
      expect(searched[1]! / searched[0]!).toBeLessThan(11);
    },
    TIMEOUT_MS,
  );

  test('that nobody answers drop at the limit', () => {
    const connection = new Connection({});
    expect(connection.say(TO_SERVER, get('/page').repeat(600))).toBe(false);
    expect(connection.player.played.dropReasons[0]).toBe('http.too_many_open_transactions');
  });

  test(
    'that nobody answers take no more memory, where checks only report',
    () => {
      const connection = new Connection({ config: { checks: { policy: 'report' } } }, LARGE_SEGMENT_BYTES);
      const many = get('/page').repeat(500);
      const say = (count: number): void => {
        for (let sent = 0; sent < count; sent += 500) {
          expect(connection.say(TO_SERVER, many)).toBe(true);
          // The test's own memory: each request that is closed unanswered is one.
          connection.player.played.anomalies.length = 0;
        }
      };
      say(2000);
      const before = usedBytes();
      say(PIPELINED_REQUESTS);
      expect(usedBytes() - before).toBeLessThan(2 * MIB);
      expect(connection.say(TO_SERVER, ATTACK)).toBe(false);
    },
    TIMEOUT_MS,
  );
});

describe('one byte in each segment', () => {
  const request = (bytes: number): string =>
    `POST /page?${'q'.repeat(bytes / 8)} HTTP/1.1\r\nHost: shop.example\r\nX: ${'h'.repeat(bytes / 8)}\r\n` +
    `Content-Length: ${bytes}\r\n\r\n${'b'.repeat(bytes)}`;
  const answer = (bytes: number): string => `HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n${'c'.repeat(bytes)}`;

  test(
    'is inspected like whole ones, with work that grows as the bytes do',
    () => {
      const searched = [1600, 16_000].map((bytes) => {
        const work = countWork();
        const connection = new Connection({}, 1);
        expect(connection.say(TO_SERVER, request(bytes)) && connection.say(TO_CLIENT, answer(bytes))).toBe(true);
        expect(connection.player.played).toMatchObject({ alerts: [], anomalies: [] });
        expect(connection.keptBytes).toBeLessThan(MIB);
        const { searchedBytes } = work;
        expect(connection.say(TO_SERVER, ATTACK)).toBe(false);
        vi.restoreAllMocks();
        return searchedBytes;
      });
      expect(searched[1]! / searched[0]!).toBeLessThan(11);
    },
    TIMEOUT_MS,
  );
});

function usedBytes(): number {
  const { heapBytes, bufferBytes } = usedMemory();
  return heapBytes + bufferBytes;
}
