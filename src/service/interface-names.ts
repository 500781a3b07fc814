import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = '/sys/class/net';
/** Interfaces come and go with containers; those that are gone must not fill the memory. */
const MAX_REMEMBERED = 4_096;

/** Names of network interfaces by the kernel's index. Looks at the system only for an index that it does not know. */
export class InterfaceNames {
  readonly #names = new Map<number, string | null>();

  /** Null: there is no such interface (any more). */
  name(index: number): string | null {
    const known = this.#names.get(index);
    if (known !== undefined) return known;
    if (this.#names.size >= MAX_REMEMBERED) this.#names.clear();
    this.#names.set(index, null);
    this.#read();
    return this.#names.get(index) ?? null;
  }

  #read(): void {
    try {
      for (const name of readdirSync(FOLDER)) {
        const index = Number(readFileSync(`${FOLDER}/${name}/ifindex`, 'latin1'));
        if (Number.isInteger(index)) this.#names.set(index, name);
      }
    } catch {
      // Without /sys, or while an interface disappears, events go without a name.
    }
  }
}
