import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { makeFolder } from '../base/make-folder.ts';
import { Matcher } from '../base/native/matcher.ts';
import type { Config } from '../config/config.ts';
import { RuleImage } from './rule-image.ts';
import type { RuleTexts } from './rule-texts.ts';

/** The form of the file; another one is not read. */
const MAGIC = Buffer.from('vpatch rules 2\n\n', 'latin1');
const DIGEST_BYTES = 32;
/** Digest of all behind it, key, and room up to the image, whose databases must be aligned. */
const DIGEST_AT = MAGIC.length;
const KEY_AT = DIGEST_AT + DIGEST_BYTES;
const IMAGE_AT = 128;
/** Of 14,000 rules it is 12 MB. Ours; a larger one is not read, nor written. */
const MAX_FILE_BYTES = 256 * 2 ** 20;
/** Fewer rules are compiled in some milliseconds: not worth a file. Ours. */
const MIN_RULES = 500;
/** Sets of rules that are used in turn, such as those of the service and of a test of new ones. Ours. */
const MAX_FILES = 4;
/** No others may write. */
const WRITABLE_BY_OTHERS = 0o022;
/** Shown of a key in the name of its file; all of it is in the file. */
const NAME_BYTES = 8;

/** What is in the cache for a set of rules. */
export type Cached =
  | { readonly status: 'there'; readonly image: RuleImage }
  | { readonly status: 'missing' }
  /** There is something that cannot be used. `reason` is for the administrator. */
  | { readonly status: 'unusable'; readonly reason: string };

/**
 * Compiled and arranged rules on disk, so that the next start with the same rules need not compile them. What is read
 * is trusted like code: a file counts only if it and its folder belong to this user, nobody else may write to them, and
 * its digest is right. It is found by a digest of all that its rules were compiled from, this program included.
 */
export class RuleCache {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  read(key: string): Cached {
    const file = this.#fileOf(key);
    try {
      if (!existsSync(file)) return { status: 'missing' };
      const content = this.#contentOf(file);
      if (content.toString('hex', KEY_AT, KEY_AT + DIGEST_BYTES) !== key) throw new Error('it is for other rules');
      const image = imageIn(content);
      checkProcessor(image);
      return { status: 'there', image };
    } catch (error) {
      return { status: 'unusable', reason: `${file}: ${(error as Error).message}` };
    }
  }

  /** What was written last, whatever its rules: most of its databases may be of use for others. Null: there is none. */
  newest(): RuleImage | null {
    try {
      const [file] = this.#files();
      return file === undefined ? null : imageIn(this.#contentOf(file));
    } catch {
      return null;
    }
  }

  /** Keeps a large set of rules. Where it cannot be written, the next start compiles again. */
  write(key: string, image: RuleImage): void {
    if (image.report.loaded < MIN_RULES || image.bytes.length > MAX_FILE_BYTES - IMAGE_AT) return;
    const head = Buffer.alloc(IMAGE_AT);
    MAGIC.copy(head);
    head.write(key, KEY_AT, 'hex');
    const digest = createHash('sha256').update(head.subarray(KEY_AT)).update(image.bytes).digest();
    digest.copy(head, DIGEST_AT);
    const target = this.#fileOf(key);
    // Several threads and processes may do this at the same time.
    const temporary = `${target}.${process.pid}.${threadId}`;
    try {
      makeFolder(this.#folder, 0o700);
      if (!isOurs(lstatSync(this.#folder))) return;
      writeFileSync(temporary, Buffer.concat([head, image.bytes]), { mode: 0o600, flag: 'wx' });
      renameSync(temporary, target);
      for (const file of this.#files().slice(MAX_FILES)) rmSync(file, { force: true });
    } catch {
      if (existsSync(temporary)) rmSync(temporary, { force: true });
    }
  }

  #fileOf(key: string): string {
    return join(this.#folder, `rules-${key.slice(0, NAME_BYTES * 2)}.cache`);
  }

  /** The newest first. */
  #files(): string[] {
    if (!existsSync(this.#folder)) return [];
    return readdirSync(this.#folder)
      .filter((name) => /^rules-[0-9a-f]+\.cache$/.test(name))
      .map((name) => join(this.#folder, name))
      .map((file) => ({ file, writtenMs: lstatSync(file).mtimeMs }))
      .sort((a, b) => b.writtenMs - a.writtenMs)
      .map(({ file }) => file);
  }

  /** Throws what is wrong with it. */
  #contentOf(path: string): Buffer<SharedArrayBuffer> {
    if (!isOurs(lstatSync(this.#folder))) throw new Error('others may write to its folder');
    // Of a named pipe, opening would wait for somebody who writes.
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const found = fstatSync(file);
      if (!found.isFile() || !isOurs(found)) throw new Error('others may write to it');
      if (found.size > MAX_FILE_BYTES || found.size < IMAGE_AT) throw new Error(`it has ${found.size} bytes`);
      const content = Buffer.from(new SharedArrayBuffer(found.size));
      let at = 0;
      while (at < content.length) {
        const count = readSync(file, content, at, content.length - at, at);
        if (count === 0) throw new Error('it ends early');
        at += count;
      }
      if (!content.subarray(0, DIGEST_AT).equals(MAGIC)) throw new Error('it is of another form');
      const digest = createHash('sha256').update(content.subarray(KEY_AT)).digest();
      if (!digest.equals(content.subarray(DIGEST_AT, KEY_AT))) throw new Error('it is damaged');
      return content;
    } finally {
      closeSync(file);
    }
  }
}

const imageIn = (content: Buffer<SharedArrayBuffer>): RuleImage =>
  new RuleImage(new Uint8Array(content.buffer, content.byteOffset + IMAGE_AT));

/** Throws MatcherError for databases of another processor or version of libhs. All were made by the same. */
function checkProcessor({ databases }: RuleImage): void {
  const [smallest] = [...databases.values()].sort((a, b) => a.length - b.length);
  if (smallest !== undefined) Matcher.load(smallest);
}

const isOurs = ({ uid, mode }: { uid: number; mode: number }): boolean =>
  uid === process.geteuid?.() && (mode & WRITABLE_BY_OTHERS) === 0;

/** A digest of everything that decides what becomes of rules: themselves, what they refer to, and this program. */
export function ruleKey(texts: RuleTexts, { rules, variables, state }: Config): string {
  const { files, named = {}, selection, countries, ...lists } = texts;
  const said = Object.entries(named);
  const shape = {
    program: programVersion(),
    node: process.versions,
    architecture: process.arch,
    variables,
    settings: { ...rules, files: [] },
    stateFolder: state.folder,
    files: files.map(({ file, text }) => [file, text.length]),
    named: said.map(([path, text]) => [path, text.length]),
    countries: countries?.digest,
    lists,
  };
  const hash = createHash('sha256').update(JSON.stringify(shape));
  for (const { text } of files) hash.update(text);
  for (const [, text] of said) hash.update(text);
  return hash.digest('hex');
}

/** Another one for every build: when it was made, and how large its files are. */
function programVersion(): string {
  // In a bundle all code is in this folder, else this is one of its folders.
  const root = basename(import.meta.dirname) === 'bundle' ? import.meta.dirname : dirname(import.meta.dirname);
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => /\.[jt]s$/.test(name));
  const hash = createHash('sha256');
  for (const name of files.sort()) {
    const { size, mtimeMs } = statSync(join(root, name));
    hash.update(`${name} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}
