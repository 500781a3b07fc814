/** Hashes in one set; a new one takes the place of the oldest there. */
const SET = 8;
/** Hashes for each flow that the cap allows, which takes 32 bytes, and nothing before one is used. Ours. */
const HASHES_PER_FLOW = 8;
const EMPTY = 0;

/**
 * Condemned connections that had to make room, or were silent for too long: what is left of each is the hash of its key.
 * Where two have the same, and where there are more than fit, nothing worse happens than that a new connection is taken
 * for a condemned one, which its handshake corrects, or that the oldest are met like ones that nobody has seen before.
 */
export class ForgottenCondemned {
  readonly #hashes: Int32Array;

  constructor(maxFlows: number) {
    this.#hashes = new Int32Array(2 ** Math.ceil(Math.log2(maxFlows * HASHES_PER_FLOW)));
  }

  add(hash: number): void {
    const first = this.#setOf(hash);
    this.#hashes.copyWithin(first + 1, first, first + SET - 1);
    this.#hashes[first] = storable(hash);
  }

  /** Whether it is there, and it is not afterwards. */
  take(hash: number): boolean {
    const wanted = storable(hash);
    const first = this.#setOf(hash);
    const end = first + SET;
    for (let at = first; at < end; at++) {
      if (this.#hashes[at] !== wanted) continue;
      this.#hashes.copyWithin(at, at + 1, end);
      this.#hashes[end - 1] = EMPTY;
      return true;
    }
    return false;
  }

  #setOf(hash: number): number {
    return (hash & (this.#hashes.length / SET - 1)) * SET;
  }
}

const storable = (hash: number): number => (hash === EMPTY ? 1 : hash);
