import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { makeFolder } from '../base/make-folder.ts';
import { type LiteralPattern, Matcher, MatcherError } from '../base/native/matcher.ts';
import { keyOf, type MakeMatcher } from '../detect/pattern-databases.ts';

const FILE_NAME = 'patterns.cache';
/** The form of the file; another one is not read. */
const MAGIC = Buffer.from('vpatch patterns 1\n', 'latin1');
const DIGEST_BYTES = 32;
/** Key and length of an entry. */
const ENTRY_HEAD_BYTES = DIGEST_BYTES + 4;
/** Of 14,000 rules it is 3 MB. Ours; a larger one is not read, nor written. */
const MAX_FILE_BYTES = 256 * 2 ** 20;
/** Fewer patterns are compiled in some milliseconds: not worth a file. Ours. */
const MIN_PATTERNS = 500;
/** No others may write. */
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Compiled pattern databases on disk, so that the next start with the same rules need not compile them. libhs trusts
 * what it loads: the file counts only if it and its folder belong to this user, nobody else may write to them, and its
 * digest is right. Else everything is compiled as if it were not there. What is in it is found by a digest of the
 * patterns.
 */
export class PatternCache {
  readonly #folder: string;
  readonly #known: ReadonlyMap<string, Uint8Array>;
  readonly #used = new Map<string, Uint8Array>();
  #compiledPatterns = 0;

  /** Reads what is there. Throws nothing: a cache that cannot be used is empty. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#known = read(folder);
  }

  /** For building one rule set. */
  readonly make: MakeMatcher = (patterns: readonly LiteralPattern[]) => {
    const key = keyOf(patterns);
    const serialized = this.#known.get(key);
    const matcher = serialized === undefined ? null : loaded(serialized);
    if (matcher !== null) {
      this.#used.set(key, serialized!);
      return matcher;
    }
    const compiled = Matcher.compile(patterns);
    this.#compiledPatterns += patterns.length;
    this.#used.set(key, compiled.serialize());
    return compiled;
  };

  /**
   * Keeps what was used, if much of it had to be compiled. Where it cannot be written, the next start compiles again.
   */
  save(): void {
    if (this.#compiledPatterns < MIN_PATTERNS) return;
    const content = contentOf(this.#used);
    if (content.length > MAX_FILE_BYTES) return;
    const target = join(this.#folder, FILE_NAME);
    // All workers of a process do this at the same time.
    const temporary = `${target}.${process.pid}.${threadId}`;
    try {
      makeFolder(this.#folder, 0o700);
      if (!isOurs(lstatSync(this.#folder))) return;
      writeFileSync(temporary, content, { mode: 0o600, flag: 'wx' });
      renameSync(temporary, target);
    } catch {
      if (existsSync(temporary)) rmSync(temporary, { force: true });
    }
  }
}

function read(folder: string): ReadonlyMap<string, Uint8Array> {
  try {
    if (!isOurs(lstatSync(folder))) return NOTHING;
    const file = openSync(join(folder, FILE_NAME), constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const found = fstatSync(file);
      if (!found.isFile() || !isOurs(found) || found.size > MAX_FILE_BYTES) return NOTHING;
      return entriesOf(readFileSync(file));
    } finally {
      closeSync(file);
    }
  } catch {
    return NOTHING;
  }
}

const isOurs = ({ uid, mode }: { uid: number; mode: number }): boolean =>
  uid === process.geteuid?.() && (mode & WRITABLE_BY_OTHERS) === 0;

/** Head, digest of what follows, then the entries. */
function contentOf(entries: ReadonlyMap<string, Uint8Array>): Buffer {
  const parts: Uint8Array[] = [];
  for (const [key, serialized] of entries) {
    const head = Buffer.alloc(ENTRY_HEAD_BYTES);
    head.write(key, 'base64');
    head.writeUInt32LE(serialized.length, DIGEST_BYTES);
    parts.push(head, serialized);
  }
  const body = Buffer.concat(parts);
  return Buffer.concat([MAGIC, createHash('sha256').update(body).digest(), body]);
}

function entriesOf(content: Buffer): ReadonlyMap<string, Uint8Array> {
  const bodyStart = MAGIC.length + DIGEST_BYTES;
  if (content.length < bodyStart || !content.subarray(0, MAGIC.length).equals(MAGIC)) return NOTHING;
  const body = content.subarray(bodyStart);
  const digest = createHash('sha256').update(body).digest();
  if (!digest.equals(content.subarray(MAGIC.length, bodyStart))) return NOTHING;

  const entries = new Map<string, Uint8Array>();
  let at = 0;
  while (at + ENTRY_HEAD_BYTES <= body.length) {
    const key = body.toString('base64', at, at + DIGEST_BYTES);
    const start = at + ENTRY_HEAD_BYTES;
    at = start + body.readUInt32LE(at + DIGEST_BYTES);
    if (at > body.length) return NOTHING;
    // libhs wants its own alignment.
    entries.set(key, Uint8Array.from(body.subarray(start, at)));
  }
  return entries;
}

/** Null: it is of another processor or version of libhs. */
function loaded(serialized: Uint8Array): Matcher | null {
  try {
    return Matcher.load(serialized);
  } catch (error) {
    if (error instanceof MatcherError) return null;
    throw error;
  }
}

const NOTHING: ReadonlyMap<string, Uint8Array> = new Map();
