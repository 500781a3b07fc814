/** A tree of counters, as EVE's `stats` shows them. */
export interface CounterTree {
  [name: string]: number | CounterTree;
}

/**
 * Named counters in one typed array. The array can lie in shared memory: one thread counts, another reads. Names have
 * dots between their groups (`decoder.pkts`); a name's index is its place in the list.
 */
export class Counters {
  readonly names: readonly string[];
  readonly values: Float64Array;
  readonly #indexOf: ReadonlyMap<string, number>;

  /** `memory` must hold `Counters.bytesFor(names)`; without it the counters are private. */
  constructor(names: readonly string[], memory?: ArrayBufferLike) {
    this.names = names;
    this.values = memory === undefined ? new Float64Array(names.length) : new Float64Array(memory, 0, names.length);
    const indexOf = new Map<string, number>();
    for (const [index, name] of names.entries()) {
      if (indexOf.has(name)) throw new Error(`counter "${name}" is defined twice`);
      indexOf.set(name, index);
    }
    this.#indexOf = indexOf;
  }

  static bytesFor(names: readonly string[]): number {
    return names.length * Float64Array.BYTES_PER_ELEMENT;
  }

  index(name: string): number {
    const index = this.#indexOf.get(name);
    if (index === undefined) throw new Error(`no counter is called "${name}"`);
    return index;
  }

  /** For events, not for every packet: the name is looked up. Unknown names are our own mistake. */
  increment(name: string): void {
    const index = this.index(name);
    this.values[index] = this.values[index]! + 1;
  }

  set(name: string, value: number): void {
    this.values[this.index(name)] = value;
  }

  get(name: string): number {
    return this.values[this.index(name)]!;
  }
}

/** The values of one or several workers, added up, in the tree that the names' dots describe. */
export function counterTree(names: readonly string[], workers: readonly Float64Array[]): CounterTree {
  const root: CounterTree = {};
  for (const [index, name] of names.entries()) {
    let total = 0;
    for (const values of workers) total += values[index]!;
    const path = name.split('.');
    const last = path.pop()!;
    let group = root;
    for (const part of path) {
      const child = group[part];
      if (typeof child === 'object') group = child;
      else {
        const created: CounterTree = {};
        group[part] = created;
        group = created;
      }
    }
    group[last] = total;
  }
  return root;
}
