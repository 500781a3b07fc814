import { datasetsFolder } from '../config/state-paths.ts';
import type { Logger } from '../output/log.ts';
import { replaceFile } from '../patches/state-file.ts';
import { Dataset, type DatasetChanges } from '../rules/dataset.ts';

/** How often what changed is written. A crash costs the values of so much time. */
export const SAVE_INTERVAL_MS = 60_000;

/**
 * The sets of values that the rules of all workers fill, together: what one says, the others and the disk have to know.
 */
export class DatasetHub {
  readonly #sets = new Map<string, Dataset>();
  readonly #unsaved = new Set<Dataset>();
  /** Of the rules in use; null: nobody has said. */
  #names: ReadonlySet<string> | null = null;
  readonly #folder: string;
  readonly #log: Logger;

  constructor(stateFolder: string, log: Logger) {
    this.#folder = datasetsFolder(stateFolder);
    this.#log = log;
  }

  /** The rules in use have these sets: others are written once more, and forgotten. */
  keepOnly(names: readonly string[]): void {
    this.save();
    this.#names = new Set(names);
    // One that could not be written is among the unsaved ones, and is tried again.
    for (const name of this.#sets.keys()) if (!this.#names.has(name)) this.#sets.delete(name);
  }

  /** A worker tells what its rules did; of rules that are no longer in use it may come late. */
  take(changes: DatasetChanges): void {
    if (this.#names?.has(changes.name) === false) return;
    let set = this.#sets.get(changes.name);
    if (set === undefined || set.type !== changes.type || set.file !== changes.file) {
      // Its rules are the newer ones.
      if (set !== undefined) this.#unsaved.delete(set);
      set = new Dataset(changes);
      this.#sets.set(changes.name, set);
      set.apply(changes);
    } else {
      set.apply(changes.all === null ? changes : { ...changes, all: null, added: changes.all });
    }
    if (set.file !== null) this.#unsaved.add(set);
  }

  /** For a worker that begins anew. */
  all(): DatasetChanges[] {
    return [...this.#sets].map(([name, set]) => set.whole(name));
  }

  /** Writes what changed. A set that cannot be written is told of and tried again. */
  save(): void {
    for (const set of this.#unsaved) {
      const path = `${this.#folder}/${set.file}`;
      try {
        replaceFile(path, set.text);
        this.#unsaved.delete(set);
      } catch (error) {
        this.#log.error(`what rules put into a set is not kept: ${path}: ${(error as Error).message}`);
      }
    }
  }
}
