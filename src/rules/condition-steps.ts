import type { ByteVariable } from './byte-variable.ts';
import type { Inspected, Step } from './rule.ts';
import { isInRange, type UintRange } from './values.ts';

/** `isdataat`: are there bytes so far in? */
export class DataAtStep implements Step {
  readonly matchStart = -1;
  readonly isRelative: boolean;
  readonly needsEnd: boolean;
  readonly #position: number | ByteVariable;
  readonly #fromCursor: boolean;
  readonly #isNegated: boolean;

  constructor(position: number | ByteVariable, fromCursor: boolean, isNegated: boolean) {
    this.#position = position;
    this.#fromCursor = fromCursor;
    this.#isNegated = isNegated;
    this.isRelative = fromCursor || typeof position !== 'number';
    this.needsEnd = isNegated;
  }

  find(input: Inspected, cursor: number): number {
    const position = typeof this.#position === 'number' ? this.#position : this.#position.value;
    // Suricata counts differently: from the cursor N bytes must follow, from the start byte N must be there too.
    const isThere = this.#fromCursor
      ? cursor + position <= input.end
      : position < input.end - input.start + input.skippedBytes;
    return isThere !== this.#isNegated ? cursor : -1;
  }
}

/** `bsize`, `urilen`: the buffer's length. */
export class BufferSizeStep implements Step {
  readonly matchStart = -1;
  readonly isRelative = false;
  readonly needsEnd = true;
  readonly #range: UintRange;
  readonly #maxBytes: number;

  /** A longer buffer counts as one of `maxBytes`. */
  constructor(range: UintRange, maxBytes: number) {
    this.#range = range;
    this.#maxBytes = maxBytes;
  }

  find(input: Inspected, cursor: number): number {
    const bytes = input.end - input.start + input.skippedBytes;
    return isInRange(this.#range, Math.min(bytes, this.#maxBytes)) ? cursor : -1;
  }
}
