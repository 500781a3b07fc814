import { formatAddress, parseAddress } from '../base/address.ts';
import { latin1 } from '../base/bytes.ts';
import type { ListProblem } from './list-file.ts';
import type { Inspected, Step } from './rule.ts';
import { isInRange, type UintRange } from './values.ts';

export const DATASET_TYPES = ['string', 'md5', 'sha256', 'ipv4', 'ip'] as const;
export type DatasetType = (typeof DATASET_TYPES)[number];

/** A set as a configuration describes it. */
export interface DatasetDefinition {
  readonly type: DatasetType;
  /** A file that must be there. */
  readonly load: string | null;
  /** A file of the state folder in which it is kept. */
  readonly state: string | null;
  /** Null: as for every set. */
  readonly memoryBytes: number | null;
}

/** What an entry takes beside its bytes, roughly. */
const ENTRY_BYTES = 64;

/** What rules did to a set, for other sets of its name. */
export interface DatasetChanges {
  readonly name: string;
  readonly type: DatasetType;
  readonly memoryBytes: number;
  /** Where its values are kept; null: nowhere. */
  readonly file: string | null;
  /** All that is in it, where the receiver may know nothing yet. */
  readonly all: readonly string[] | null;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

export interface DatasetOptions {
  readonly type: DatasetType;
  readonly memoryBytes: number;
  /** Where what rules make of it is kept, below a folder of ours; null: nowhere. */
  readonly file?: string | null;
}

/** Values that buffers are compared with, each with a reputation. Rules add to it and take from it. */
export class Dataset {
  readonly type: DatasetType;
  readonly file: string | null;
  readonly memoryBytes: number;
  readonly #entries = new Map<string, number>();
  #usedBytes = 0;
  /** What differs from what was loaded: whether the value is in it now. */
  #changed = new Map<string, boolean>();
  /** The same since `takeChanges`; null: nobody asks. */
  #untold: Map<string, boolean> | null = null;
  #isKnown = false;

  constructor({ type, memoryBytes, file = null }: DatasetOptions) {
    this.type = type;
    this.memoryBytes = memoryBytes;
    this.file = file;
  }

  /** Null: not there. */
  get(key: string): number | null {
    return this.#entries.get(key) ?? null;
  }

  /** Is it new? False too where there is no room for more. */
  add(key: string): boolean {
    if (!this.#put(key, 0)) return false;
    this.#note(key, true);
    this.#untold?.set(key, true);
    return true;
  }

  /** Was it there? */
  delete(key: string): boolean {
    if (!this.#drop(key)) return false;
    this.#note(key, false);
    this.#untold?.set(key, false);
    return true;
  }

  /** What `add` and `delete` did since the last call; null: nothing. What they did before the first one is in `all`. */
  takeChanges(name: string): DatasetChanges | null {
    const untold = this.#untold ?? this.#changed;
    if (untold.size === 0) return null;
    const added: string[] = [];
    const removed: string[] = [];
    for (const [key, isThere] of untold) (isThere ? added : removed).push(key);
    this.#untold = new Map();
    const all = this.#isKnown ? null : [...this.#entries.keys()];
    this.#isKnown = true;
    const { type, file, memoryBytes } = this;
    return { name, type, file, memoryBytes, all, added, removed };
  }

  /** All that is in it. */
  whole(name: string): DatasetChanges {
    const { type, file, memoryBytes } = this;
    return { name, type, file, memoryBytes, all: [...this.#entries.keys()], added: [], removed: [] };
  }

  /** Does what was done to another set of its name. */
  apply({ all, added, removed }: DatasetChanges): void {
    if (all !== null) {
      const wanted = new Set(all);
      for (const key of this.#entries.keys()) if (!wanted.has(key) && this.#drop(key)) this.#note(key, false);
      this.#isKnown = true;
    }
    for (const key of all ?? added) if (this.#put(key, 0)) this.#note(key, true);
    if (all === null) for (const key of removed) if (this.#drop(key)) this.#note(key, false);
  }

  /**
   * Goes on where the set of earlier rules ends: loaded anew, with what rules did to that one. What the file says may
   * be another than it was, so that the next changes are told with all that is in it.
   */
  continue(earlier: Dataset): void {
    for (const [key, isThere] of earlier.#changed) {
      if (isThere ? this.#put(key, 0) : this.#drop(key)) this.#note(key, isThere);
    }
    this.#untold = earlier.#untold;
  }

  /** In the form that `load` reads. */
  get text(): string {
    let text = '';
    for (const key of this.#entries.keys()) text += `${lineOf(this.type, key)}\n`;
    return text;
  }

  #put(key: string, reputation: number): boolean {
    if (this.#entries.has(key)) return false;
    const bytes = key.length + ENTRY_BYTES;
    if (this.#usedBytes + bytes > this.memoryBytes) return false;
    this.#entries.set(key, reputation);
    this.#usedBytes += bytes;
    return true;
  }

  #drop(key: string): boolean {
    if (!this.#entries.delete(key)) return false;
    this.#usedBytes -= key.length + ENTRY_BYTES;
    return true;
  }

  /** What is as it was loaded again needs no note, so that there are never more notes than values. */
  #note(key: string, isThere: boolean): void {
    if (this.#changed.get(key) === !isThere) this.#changed.delete(key);
    else this.#changed.set(key, isThere);
  }

  /** Adds the lines of a file; `hasReputation`: each ends in a comma and a number. */
  load(text: string, hasReputation: boolean): ListProblem[] {
    const problems: ListProblem[] = [];
    for (const [index, raw] of text.split('\n').entries()) {
      const line = raw.trim();
      if (line === '') continue;
      const [value = '', number, ...more] = line.split(',');
      const key = keyOf(this.type, value.trim());
      const reputation = hasReputation ? Number(/^\s*\d{1,5}\s*$/.exec(number ?? '')?.[0] ?? Number.NaN) : 0;
      if (key === null || Number.isNaN(reputation) || more.length > 0) {
        problems.push({
          line: index + 1,
          message: `expected ${FORMS[this.type]}${hasReputation ? ', a comma, a number' : ''}`,
        });
      } else this.#put(key, reputation);
    }
    return problems;
  }
}

const FORMS: Readonly<Record<DatasetType, string>> = {
  string: 'a value in base64',
  md5: 'an MD5 digest of 32 hexadecimal digits',
  sha256: 'a SHA-256 digest of 64 hexadecimal digits',
  ipv4: 'an IPv4 address',
  ip: 'an IP address',
};

/** What a line of a file is compared as: the bytes, as latin1. Null: it is no such value. */
function keyOf(type: DatasetType, text: string): string | null {
  if (type === 'string') return /^[A-Za-z0-9+/]*={0,2}$/.test(text) ? latin1(Buffer.from(text, 'base64')) : null;
  if (type === 'md5') return /^[0-9a-f]{32}$/i.test(text) ? latin1(Buffer.from(text, 'hex')) : null;
  if (type === 'sha256') return /^[0-9a-f]{64}$/i.test(text) ? latin1(Buffer.from(text, 'hex')) : null;
  const words = new Uint32Array(4);
  const version = parseAddress(text, words);
  if (version === 0 || (type === 'ipv4' && version !== 4)) return null;
  const bytes = Buffer.alloc(16);
  for (const [i, word] of words.entries()) bytes.writeUInt32BE(word, i * 4);
  return latin1(version === 4 ? bytes.subarray(12) : bytes);
}

function lineOf(type: DatasetType, key: string): string {
  const bytes = Buffer.from(key, 'latin1');
  if (type === 'string') return bytes.toString('base64');
  if (type === 'md5' || type === 'sha256') return bytes.toString('hex');
  const words = new Uint32Array(4);
  const isIpv4 = bytes.length === 4;
  for (let i = 0; i < bytes.length / 4; i++) words[isIpv4 ? 3 : i] = bytes.readUInt32BE(i * 4);
  return formatAddress(isIpv4 ? 4 : 6, words);
}

/** Bytes that a buffer must have; null: any number. */
const LENGTHS: Readonly<Record<DatasetType, readonly number[] | null>> = {
  string: null,
  md5: [16],
  sha256: [32],
  ipv4: [4],
  ip: [4, 16],
};

export type DatasetCommand = 'set' | 'unset' | 'isset' | 'isnotset';

/** `dataset`, `datarep`: the whole buffer is a value of a set. */
export class DatasetStep implements Step {
  readonly matchStart = -1;
  readonly isRelative = false;
  readonly needsEnd = true;
  readonly #dataset: Dataset;
  /** A range: the reputation is in it. */
  readonly #wanted: DatasetCommand | UintRange;

  constructor(dataset: Dataset, wanted: DatasetCommand | UintRange) {
    this.#dataset = dataset;
    this.#wanted = wanted;
  }

  find(input: Inspected, cursor: number): number {
    const lengths = LENGTHS[this.#dataset.type];
    if (lengths !== null && !lengths.includes(input.end - input.start)) return -1;
    return this.#fits(latin1(input.bytes.subarray(input.start, input.end))) ? cursor : -1;
  }

  #fits(key: string): boolean {
    const dataset = this.#dataset;
    switch (this.#wanted) {
      case 'set':
        return dataset.add(key);
      case 'unset':
        return dataset.delete(key);
      case 'isset':
        return dataset.get(key) !== null;
      case 'isnotset':
        return dataset.get(key) === null;
      default: {
        const reputation = dataset.get(key);
        return reputation !== null && isInRange(this.#wanted, reputation);
      }
    }
  }
}
