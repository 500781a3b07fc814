/** Writes numbers of any width, the lowest bit of each byte first. */
export class BitWriter {
  readonly #bytes: number[] = [];
  #bits = 0;
  #bitCount = 0;

  put(value: number, count: number): this {
    for (let bit = 0; bit < count; bit++) {
      this.#bits |= ((value >> bit) & 1) << this.#bitCount++;
      if (this.#bitCount < 8) continue;
      this.#bytes.push(this.#bits);
      this.#bits = 0;
      this.#bitCount = 0;
    }
    return this;
  }

  bytes(): Uint8Array {
    return Uint8Array.from([...this.#bytes, this.#bits]);
  }
}
