import type { Direction } from '../../base/direction.ts';
import { HttpTransaction } from '../http/transaction.ts';

/**
 * Of each kind, as many values of a stream's frames as rules can compare. A stream has more where its flow control is
 * told in small steps; what comes behind is not compared.
 */
const MAX_VALUES = 256;

/** What the frames of one direction of a transaction said, beside their fields and content. */
export class FrameValues {
  /** A bit for each type below 32. */
  types = 0;
  readonly errorCodes: number[] = [];
  readonly priorities: number[] = [];
  readonly windows: number[] = [];
  readonly sizeUpdates: number[] = [];
  /** Identifier and value, in turns. */
  readonly settings: number[] = [];

  /** True where it is new. */
  addType(type: number): boolean {
    const bit = type < 32 ? 1 << type : 0;
    if ((this.types & bit) === bit) return false;
    this.types |= bit;
    return true;
  }
}

/** Keeps a value once. True where it is new. */
export function keepValue(values: number[], value: number): boolean {
  if (values.length >= MAX_VALUES || values.includes(value)) return false;
  values.push(value);
  return true;
}

/** A stream, or a frame that concerns the whole connection. */
export class Http2Transaction extends HttpTransaction {
  /** 0: the connection. */
  readonly streamId: number;
  readonly #values: [FrameValues | null, FrameValues | null] = [null, null];
  /** By direction: what Content-Length says, -1 where it says nothing. */
  readonly declaredBytes: [number, number] = [-1, -1];
  /** A bit for each direction of which rules have not been told yet that content or a frame came. */
  growth = 0;

  constructor(id: number, streamId: number) {
    super(id);
    this.streamId = streamId;
  }

  values(direction: Direction): FrameValues {
    this.#values[direction] ??= new FrameValues();
    return this.#values[direction];
  }
}
