/** Hashes in one set; a new one takes the place of the oldest there. */
const SET = 8;
/** Hashes for each flow that the cap allows, which takes 40 bytes, and nothing before one is used. Ours. */
const HASHES_PER_FLOW = 8;
const EMPTY = 0;

/** Of a forgotten flow, in bits: what its next packets must not make one forget. */
export const FORGOTTEN = {
  condemned: 1,
  /** What the endpoint has sent that comes first, or second, in the order of FlowIndex, is over. */
  firstEnded: 2,
  secondEnded: 4,
} as const;

/**
 * Flows that had to make room, or were silent for too long, and of which something must still be known: what is left of
 * each is the hash of its key, and bits of FORGOTTEN. Where two have the same hash, and where there are more than fit,
 * nothing worse happens than that a new connection is taken for a forgotten one, which its handshake corrects, or that
 * the oldest are met like ones that nobody has seen before.
 */
export class ForgottenFlows {
  readonly #hashes: Int32Array;
  readonly #bits: Uint8Array;

  constructor(maxFlows: number) {
    const size = 2 ** Math.ceil(Math.log2(maxFlows * HASHES_PER_FLOW));
    this.#hashes = new Int32Array(size);
    this.#bits = new Uint8Array(size);
  }

  add(hash: number, bits: number): void {
    const first = this.#setOf(hash);
    this.#hashes.copyWithin(first + 1, first, first + SET - 1);
    this.#bits.copyWithin(first + 1, first, first + SET - 1);
    this.#hashes[first] = storable(hash);
    this.#bits[first] = bits;
  }

  /** Its bits, and it is not there afterwards; 0 where it was not. */
  take(hash: number): number {
    const wanted = storable(hash);
    const first = this.#setOf(hash);
    const end = first + SET;
    for (let at = first; at < end; at++) {
      if (this.#hashes[at] !== wanted) continue;
      const bits = this.#bits[at]!;
      this.#hashes.copyWithin(at, at + 1, end);
      this.#bits.copyWithin(at, at + 1, end);
      this.#hashes[end - 1] = EMPTY;
      return bits;
    }
    return 0;
  }

  /** Of all flows, whether they were condemned remains. */
  forgetEnds(): void {
    // A hash without bits is as good as not there. What was never used is not written to: it would take memory.
    for (let at = 0; at < this.#bits.length; at++) {
      if (this.#bits[at] !== 0) this.#bits[at] = this.#bits[at]! & FORGOTTEN.condemned;
    }
  }

  #setOf(hash: number): number {
    return (hash & (this.#hashes.length / SET - 1)) * SET;
  }
}

const storable = (hash: number): number => (hash === EMPTY ? 1 : hash);
