/** A few bits for each flow, by slot: grows with the slots in use and allocates nothing else. */
export class FlowBits {
  #bits = new Uint8Array(1024);

  /** Sets the bit. Was it clear? */
  mark(flow: number, bit: number): boolean {
    if (flow >= this.#bits.length) this.#grow(flow);
    const bits = this.#bits[flow]!;
    this.#bits[flow] = bits | bit;
    return (bits & bit) === 0;
  }

  clear(flow: number): void {
    if (flow < this.#bits.length) this.#bits[flow] = 0;
  }

  clearAll(): void {
    this.#bits.fill(0);
  }

  #grow(flow: number): void {
    const grown = new Uint8Array(2 * flow);
    grown.set(this.#bits);
    this.#bits = grown;
  }
}
