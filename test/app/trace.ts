import fc from 'fast-check';
import { expect } from 'vitest';
import { APP_EVENTS } from '../../src/app/all-events.ts';
import {
  type AppProtocol,
  type AppSink,
  STAGE,
  type Stage,
  type Transaction,
  type Transport,
} from '../../src/app/protocol.ts';
import { latin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { fuzzRuns } from '../support/fuzz.ts';
import { channel } from './support.ts';

/** Bytes that one side sends. */
export interface Piece {
  readonly direction: Direction;
  readonly bytes: Uint8Array;
}

/** What a parser says of a connection. */
export interface Trace {
  /** In order, whatever pieces the bytes came in: `id client head`, `id server complete`, `id client ! event`. */
  readonly lines: string[];
  /** `id client buffer#n` to its content when that direction was complete; one character per byte. */
  readonly buffers: ReadonlyMap<string, string>;
  /** EVE's context of each transaction at its last stage. */
  readonly described: ReadonlyMap<number, Record<string, unknown>>;
  readonly isDone: boolean;
}

/** Plays the pieces into a parser of its own. The bytes are overwritten after each call, since they are only lent. */
export function trace(
  protocol: AppProtocol,
  pieces: readonly Piece[],
  gapBehind = -1,
  serverPort = 4000,
  transport: Transport = 'tcp',
): Trace {
  const sink = new Recorder(protocol);
  const parser = protocol.open(sink, channel(transport, serverPort));
  for (const [index, { direction, bytes }] of pieces.entries()) {
    if (index === gapBehind) parser.gap(direction, bytes.length);
    else if (parser.isDone !== true) {
      const lent = new Uint8Array(bytes.length + 8).fill(0x16);
      lent.set(bytes, 4);
      parser.consume(direction, lent, 4, 4 + bytes.length);
      lent.fill(0x58);
    }
  }
  const isDone = parser.isDone === true;
  parser.end(TO_SERVER);
  parser.end(TO_CLIENT);
  return { lines: sink.lines, buffers: sink.buffers, described: sink.described, isDone };
}

/** The same bytes in pieces of at most this many. */
export const cut = (pieces: readonly Piece[], pieceBytes: number): Piece[] =>
  pieces.flatMap(({ direction, bytes }) =>
    Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, i) => ({
      direction,
      bytes: bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes),
    })),
  );

/** How a conversation is changed, and what must not depend on the pieces then. */
export interface ChangedTrials {
  readonly runs: number;
  /** What bytes are changed to. Left out: anything. */
  readonly bytes?: readonly number[];
  /** Left out: the whole trace. */
  readonly of?: (trace: Trace) => unknown;
}

/**
 * With some bytes changed, a parser does not throw and raises known events only, whether or not one piece is lost; in
 * the half of the trials that lose none, it says the same in whatever pieces the bytes come.
 */
export function expectSoundWhenChanged(
  protocol: AppProtocol,
  pieces: readonly Piece[],
  { runs, bytes, of = (traced) => traced }: ChangedTrials,
): void {
  const byte = bytes === undefined ? fc.nat(255) : fc.constantFrom(...bytes);
  const change = fc.tuple(fc.nat(pieces.length - 1), fc.nat(MAX_CHANGED_AT), byte);
  fc.assert(
    fc.property(
      fc.array(change, { minLength: 1, maxLength: 6 }),
      // Without the constant, of a long conversation nearly all trials would lose a piece, and compare nothing.
      fc.oneof(fc.constant(-1), fc.nat(pieces.length - 1)),
      fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 400 })),
      (changes, gapBehind, pieceBytes) => {
        const changed = pieces.map(({ direction, bytes }) => ({ direction, bytes: bytes.slice() }));
        for (const [piece, at, byte] of changes) {
          const { bytes } = changed[piece]!;
          bytes[at % bytes.length] = byte;
        }
        const traced = trace(protocol, changed, gapBehind);
        const inPieces = trace(protocol, cut(changed, pieceBytes), gapBehind);
        if (gapBehind < 0) expect(of(inPieces)).toEqual(of(traced));
        const events = traced.lines.flatMap((line) => line.split(' ! ')[1] ?? []);
        expect(events.filter((event) => !APP_EVENTS.has(event))).toEqual([]);
      },
    ),
    { numRuns: fuzzRuns(runs) },
  );
}

/** Modulo the length of a piece: beyond most. */
const MAX_CHANGED_AT = 2000;

class Recorder implements AppSink {
  readonly lines: string[] = [];
  readonly buffers = new Map<string, string>();
  readonly described = new Map<number, Record<string, unknown>>();
  readonly #protocol: AppProtocol;

  constructor(protocol: AppProtocol) {
    this.#protocol = protocol;
  }

  onProgress(transaction: Transaction, direction: Direction, stage: Stage): void {
    this.described.set(transaction.id, this.#protocol.describe(transaction));
    // How often a body grows depends on the pieces.
    if (stage === STAGE.body) return;
    const who = `${transaction.id} ${sideOf(direction)}`;
    this.lines.push(`${who} ${stage === STAGE.head ? 'head' : 'complete'}`);
    if (stage !== STAGE.complete) return;
    for (const { name, direction: only, read } of this.#protocol.buffers) {
      for (let nth = 0; only === null || only === direction; nth++) {
        const bytes = read(transaction, direction, nth);
        if (bytes === null) break;
        this.buffers.set(`${who} ${name}${nth === 0 ? '' : `#${nth}`}`, latin1(bytes));
      }
    }
  }

  onEvent(transaction: Transaction | null, direction: Direction, event: string): void {
    this.lines.push(`${transaction?.id ?? '-'} ${sideOf(direction)} ! ${event}`);
  }
}

const sideOf = (direction: Direction): string => (direction === TO_SERVER ? 'client' : 'server');
