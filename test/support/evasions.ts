import type { Random } from './random.ts';
import { isData, NO_DATA, type Segment } from './segments.ts';

/**
 * One way to send the same bytes so that whoever looks on may read others than the receiver does. The names are those
 * of fragroute, SniffJoke and zapret where they have one.
 */
export interface Evasion {
  readonly name: string;
  /** Every receiver reads the honest bytes, so that an attack in them must be found. Otherwise it depends. */
  readonly isHarmless: boolean;
  /** Only on connections with timestamps does it do anything. */
  readonly needsTimestamps?: boolean;
  /** What both sides send, changed for the bytes that go the way of `from`. */
  readonly apply: (segments: readonly Segment[], from: Segment['from'], random: Random) => Segment[];
}

export const EVASIONS: readonly Evasion[] = [...segmentations(), ...orders(), ...chaffs(), ...fakes(), ...overlaps()];

/** Cuts data in two at this offset from the start of the stream, wherever it lies. */
export function splitAt(segments: readonly Segment[], from: Segment['from'], offset: number): Segment[] {
  return segments.flatMap((segment) => {
    const at = offset + 1 - segment.sequence;
    if (segment.from !== from || !isData(segment) || at <= 0 || at >= segment.data.length) return [segment];
    return [part(segment, 0, at), part(segment, at, segment.data.length)];
  });
}

/** Bytes `[start, end)` of a segment as one of its own. */
export const part = (segment: Segment, start: number, end: number): Segment => ({
  ...segment,
  sequence: segment.sequence + start,
  data: segment.data.slice(start, end),
});

/** As long as the honest bytes, and different in each. */
export const decoyOf = (segment: Segment): Segment => ({
  ...segment,
  data: segment.data.map((byte) => byte ^ 1),
  isDecoy: true,
});

function segmentations(): Evasion[] {
  const sizes = [1, 2, 3, 8, 100];
  return [
    ...sizes.map((bytes): Evasion => harmless(`tcp_seg ${bytes}`, (run) => cut(run, () => bytes))),
    harmless('tcp_seg random', (run, random) => cut(run, () => random.between(1, 60))),
  ];
}

function orders(): Evasion[] {
  return [
    harmless('order reverse', (run, random) => pieces(run, random).reverse()),
    harmless('order random', (run, random) => random.shuffled(pieces(run, random))),
    harmless('delay first', (run, random) => rotate(pieces(run, random))),
    harmless('dup', (run, random) => pieces(run, random).flatMap((segment) => [segment, segment])),
    harmless('dup and order random', (run, random) => {
      const all = pieces(run, random);
      return random.shuffled([...all, ...all]);
    }),
    harmless('rexmit with other boundaries', (run, random) => {
      const all = pieces(run, random);
      return all.flatMap((segment, index) => [segment, ...(index === 0 ? [] : [again(run, all, index, random)])]);
    }),
    harmless('rexmit with other boundaries, out of order', (run, random) => {
      const all = pieces(run, random);
      const more = all.flatMap((_, index) => (index === 0 ? [] : [again(run, all, index, random)]));
      return random.shuffled([...all, ...more]);
    }),
    harmless('disorder: the second half first', (run) => {
      const all = cut(run, ({ data }) => Math.ceil(data.length / 2));
      return all
        .flatMap((segment, index) => (index % 2 === 1 ? [segment, all[index - 1]!] : []))
        .concat(all.length % 2 === 1 ? [all.at(-1)!] : []);
    }),
  ];
}

/** Segments with decoy data that no receiver takes, before or behind the honest ones. */
function chaffs(): Evasion[] {
  const decoys: readonly (readonly [string, (segment: Segment) => Segment])[] = [
    ['cksum', (segment) => ({ ...segment, hasBadChecksum: true })],
    ['null', (segment) => ({ ...segment, flags: '' })],
    ['without ACK', (segment) => ({ ...segment, flags: 'P' })],
    ['seq far ahead', (segment) => ({ ...segment, sequence: segment.sequence + FAR_BYTES })],
    ['seq far behind', (segment) => ({ ...segment, sequence: segment.sequence - FAR_BYTES })],
    ['shift_ack ahead', (segment) => ({ ...segment, acknowledgement: segment.acknowledgement + FAR_BYTES })],
    ['shift_ack behind', (segment) => ({ ...segment, acknowledgement: segment.acknowledgement - FAR_BYTES })],
    ['syn', (segment) => ({ ...segment, flags: 'S' })],
    ['syn and fin', (segment) => ({ ...segment, flags: 'SFA' })],
    ['paws', (segment) => ({ ...segment, timestamp: segment.timestamp! - OLD_TICKS })],
    ['md5sig', (segment) => ({ ...segment, options: MD5_SIGNATURE })],
  ];
  return decoys.flatMap(([name, spoil]) =>
    (['before', 'after'] as const).map((place): Evasion => {
      const needsTimestamps = name === 'paws';
      const apply: OnRun = (run, random) =>
        pieces(run, random).flatMap((segment) => {
          const decoy = spoil(decoyOf(segment));
          return place === 'before' ? [decoy, segment] : [segment, decoy];
        });
      return { ...harmless(`tcp_chaff ${name}, ${place}`, apply), needsTimestamps };
    }),
  );
}

/** Segments without data that pretend to begin or end the connection, or to say something about it. */
function fakes(): Evasion[] {
  const spurious: readonly (readonly [string, (segment: Segment) => Segment])[] = [
    ['fake_close_fin with a bad checksum', (segment) => ({ ...segment, flags: 'FA', hasBadChecksum: true })],
    ['fake_close_fin far ahead', (segment) => ({ ...segment, flags: 'FA', sequence: segment.sequence + FAR_BYTES })],
    ['fake_close_rst with a bad checksum', (segment) => ({ ...segment, flags: 'R', hasBadChecksum: true })],
    ['valid_rst_fake_seq in the window', (segment) => ({ ...segment, flags: 'R', sequence: segment.sequence + 100 })],
    ['valid_rst_fake_seq far ahead', (segment) => ({ ...segment, flags: 'R', sequence: segment.sequence + FAR_BYTES })],
    ['valid_rst_fake_seq behind', (segment) => ({ ...segment, flags: 'RA', sequence: segment.sequence - 1 })],
    ['fake_syn with the same number', (segment) => ({ ...segment, flags: 'S', sequence: 0 })],
    ['fake_syn with another number', (segment) => ({ ...segment, flags: 'S', sequence: segment.sequence + 5000 })],
    ['fake_syn with a bad checksum', (segment) => ({ ...segment, flags: 'S', hasBadChecksum: true })],
    ['fake SYN-ACK', (segment) => ({ ...segment, flags: 'SA', sequence: 0 })],
    ['fake_window of nothing', (segment) => ({ ...segment, flags: 'A', window: 0 })],
    ['fake_window of everything', (segment) => ({ ...segment, flags: 'A', window: 65_535 })],
    ['urgent pointer without URG', (segment) => ({ ...segment, flags: 'A', urgentPointer: 7 })],
  ];
  const probe = (segment: Segment, first: number): Segment[] =>
    // A keep-alive probe repeats the last byte, with any value; before the first there is none.
    segment.sequence === first ? [] : [{ ...segment, sequence: segment.sequence - 1, data: Uint8Array.of(0) }];
  return [
    ...spurious.map(([name, spoil]) =>
      harmless(name, (run, random) =>
        pieces(run, random).flatMap((segment) => [spoil({ ...segment, data: NO_DATA, isDecoy: true }), segment]),
      ),
    ),
    harmless('keep-alive byte', (run, random) => {
      const first = run[0]!.sequence;
      return pieces(run, random).flatMap((segment) => [
        ...probe({ ...segment, flags: 'A', isDecoy: true }, first),
        segment,
      ]);
    }),
    {
      name: 'data in the SYN',
      isHarmless: true,
      apply: (segments, from) => {
        const data = segments.find((segment) => segment.from === from && isData(segment))?.data ?? NO_DATA;
        return segments.map((segment) =>
          segment.from === from && segment.flags === 'S' ? { ...segment, data } : segment,
        );
      },
    },
    {
      name: 'other data in the SYN',
      isHarmless: false,
      apply: (segments, from) => {
        const first = segments.find((segment) => segment.from === from && isData(segment));
        const data = first === undefined ? NO_DATA : decoyOf(first).data;
        return segments.map((segment) =>
          segment.from === from && segment.flags === 'S' ? { ...segment, data } : segment,
        );
      },
    },
    inTurn('fake_data that expires on its way, before', (decoy, segment) => [{ ...decoy, ttl: 1 }, segment]),
    inTurn('fake_data before', (decoy, segment) => [decoy, segment]),
    inTurn('fake_data after', (decoy, segment) => [segment, decoy]),
    inTurn('fake_close_fin', (_, segment) => [{ ...segment, flags: 'FA', data: NO_DATA, isDecoy: true }, segment]),
    inTurn('fake_close_rst', (_, segment) => [{ ...segment, flags: 'R', data: NO_DATA, isDecoy: true }, segment]),
    inTurn('urgent byte', (_, segment) => {
      const at = Math.floor(segment.data.length / 2);
      const before = part(segment, 0, at);
      return [{ ...before, flags: 'PAU', urgentPointer: before.data.length }, part(segment, at, segment.data.length)];
    }),
  ];
}

/** Decoys that cover a part of what was sent or will be, in order and behind a hole. */
function overlaps(): Evasion[] {
  /** Which bytes of a run of this length, given one of its segments: a place before the first byte is cut off. */
  const shapes: Record<string, (start: number, end: number) => [number, number]> = {
    fully: (start, end) => [start, end],
    head: (start, end) => [start - 3, start + Math.ceil((end - start) / 2)],
    tail: (start, end) => [start + Math.floor((end - start) / 2), end + 3],
    inside: (start, end) => [start + 1, end - 1],
    'spanning two': (start, end) => [start - 2, end + 2],
  };
  return Object.entries(shapes).flatMap(([shape, bounds]) =>
    (['old', 'new'] as const).flatMap((winner) =>
      [true, false].flatMap((isBehindHole) =>
        [true, false].map((isIdentical): Evasion => {
          const name = `tcp_seg ${winner}: overlap ${shape}${isBehindHole ? ' behind a hole' : ''}`;
          const apply: OnRun = (run, random) => {
            const all = cut(run, () => random.between(6, 30));
            const more = all.map((segment) => {
              const start = segment.sequence - run[0]!.sequence;
              const other = bytesOf(run, ...bounds(start, start + segment.data.length));
              return isIdentical ? other : decoyOf(other);
            });
            const pairs = all.map((segment, index) =>
              winner === 'new' ? [segment, more[index]!] : [more[index]!, segment],
            );
            const [first, ...rest] = isBehindHole ? pairs : [[], ...pairs];
            return [...rest.flat(), ...first!].filter(({ data }) => data.length > 0);
          };
          return { ...harmless(`${name}, ${isIdentical ? 'identical' : 'different'}`, apply), isHarmless: isIdentical };
        }),
      ),
    ),
  );
}

type OnRun = (run: readonly Segment[], random: Random) => Segment[];

function harmless(name: string, onRun: OnRun): Evasion {
  const apply: Evasion['apply'] = (segments, from, random) => onRuns(segments, from, (run) => onRun(run, random));
  return { name, isHarmless: true, apply };
}

function inTurn(name: string, each: (decoy: Segment, segment: Segment) => Segment[]): Evasion {
  const onRun: OnRun = (run, random) => pieces(run, random).flatMap((segment) => each(decoyOf(segment), segment));
  return { ...harmless(name, onRun), isHarmless: false };
}

/** Changes each series of data segments that follow each other in one direction. */
function onRuns(segments: readonly Segment[], from: Segment['from'], change: (run: Segment[]) => Segment[]): Segment[] {
  const result: Segment[] = [];
  let run: Segment[] = [];
  for (const segment of segments) {
    if (segment.from === from && isData(segment)) {
      run.push(segment);
      continue;
    }
    if (run.length > 0) result.push(...change(run));
    run = [];
    result.push(segment);
  }
  return run.length > 0 ? [...result, ...change(run)] : result;
}

const cut = (run: readonly Segment[], bytes: (segment: Segment) => number): Segment[] =>
  run.flatMap((segment) => {
    const cutUp: Segment[] = [];
    for (let at = 0; at < segment.data.length; ) {
      const end = Math.min(at + bytes(segment), segment.data.length);
      cutUp.push(part(segment, at, end));
      at = end;
    }
    return cutUp;
  });

const pieces = (run: readonly Segment[], random: Random): Segment[] => cut(run, () => random.between(1, 60));

/** The bytes of a run from one offset to another, as far as they are in it, as one segment. */
function bytesOf(run: readonly Segment[], start: number, end: number): Segment {
  const all = Buffer.concat(run.map(({ data }) => data));
  const from = Math.max(start, 0);
  const data = new Uint8Array(all.subarray(from, Math.max(Math.min(end, all.length), from)));
  return { ...run[0]!, sequence: run[0]!.sequence + from, data };
}

/** Some of what the pieces before this one brought, once more. */
function again(run: readonly Segment[], all: readonly Segment[], index: number, random: Random): Segment {
  const sent = all[index]!.sequence - run[0]!.sequence;
  const start = random.below(sent);
  return bytesOf(run, start, random.between(start + 1, sent));
}

const rotate = ([first, ...rest]: readonly Segment[]): Segment[] => [...rest, first!];

/** More than any window of the tests, and more than the slack that trackers grant. */
const FAR_BYTES = 2 ** 29;
/** More than the turns of a test advance. */
const OLD_TICKS = 60_000;
/** RFC 2385 §3: kind 19, 18 bytes, here with a digest of nothing. */
export const MD5_SIGNATURE = Uint8Array.of(19, 18, ...new Array<number>(16).fill(0x5a), 1, 1);
