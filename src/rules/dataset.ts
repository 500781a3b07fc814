import { parseAddress } from '../base/address.ts';
import { latin1 } from '../base/bytes.ts';
import type { ListProblem } from './list-file.ts';
import type { Inspected, Step } from './rule.ts';
import { isInRange, type UintRange } from './values.ts';

export const DATASET_TYPES = ['string', 'md5', 'sha256', 'ipv4', 'ip'] as const;
export type DatasetType = (typeof DATASET_TYPES)[number];

/** What an entry takes beside its bytes, roughly. */
const ENTRY_BYTES = 64;

/** Values that buffers are compared with, each with a reputation. Rules add to it and take from it. */
export class Dataset {
  readonly type: DatasetType;
  readonly #memoryBytes: number;
  readonly #entries = new Map<string, number>();
  #usedBytes = 0;

  constructor(type: DatasetType, memoryBytes: number) {
    this.type = type;
    this.#memoryBytes = memoryBytes;
  }

  /** Null: not there. */
  get(key: string): number | null {
    return this.#entries.get(key) ?? null;
  }

  /** Is it new? False too where there is no room for more. */
  add(key: string, reputation = 0): boolean {
    if (this.#entries.has(key)) return false;
    const bytes = key.length + ENTRY_BYTES;
    if (this.#usedBytes + bytes > this.#memoryBytes) return false;
    this.#entries.set(key, reputation);
    this.#usedBytes += bytes;
    return true;
  }

  /** Was it there? */
  delete(key: string): boolean {
    if (!this.#entries.delete(key)) return false;
    this.#usedBytes -= key.length + ENTRY_BYTES;
    return true;
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
      } else this.add(key, reputation);
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
