import { closeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { type RootFs, readFully } from '../root-fs.ts';
import type { Find } from './find.ts';
import { type JarFacts, jarFinds } from './jar-facts.ts';
import { FileReader } from './zip-reader.ts';

/** Fat jars hold some 300 others, and application servers have wars of jars in ears. */
const MAX_DEPTH = 4;
/** Of one archive. The largest libraries have some 30,000. */
const MAX_ENTRIES = 200_000;
/** A jar in a jar is unpacked in memory. */
const MAX_NESTED_BYTES = 64 * 1024 * 1024;
/** Of all jars within one file together. */
const MAX_UNPACKED_BYTES = 1024 * 1024 * 1024;
const MAX_TEXT_BYTES = 64 * 1024;

export const ARCHIVE_NAME = /\.(?:jar|war|ear|hpi|jpi|par|sar|rar|kar)$/i;

/** What is left of what one file may cost, and what it was found to have too much of. */
interface Budget {
  unpackedBytes: number;
  isExceeded: boolean;
}

export interface JarResult {
  readonly finds: readonly Find[];
  /** Not all of it was looked at: it is no archive, is broken, or goes beyond a limit. */
  readonly isIncomplete: boolean;
}

/** The Java libraries in a jar or war, nested ones too. Never throws; what is broken is reported as incomplete. */
export async function findInArchive(fs: RootFs, path: string): Promise<JarResult> {
  const file = fs.open(path);
  if (file === null) return { finds: [], isIncomplete: false };
  const budget: Budget = { unpackedBytes: MAX_UNPACKED_BYTES, isExceeded: false };
  try {
    const reader = new FileReader((buffer, position) => readFully(file.fd, buffer, position));
    const zip = await opened((done) => yauzl.fromRandomAccessReader(reader, file.bytes, ZIP_OPTIONS, done));
    const finds = await findInZip(zip, path, 0, budget);
    return { finds, isIncomplete: budget.isExceeded };
  } catch {
    return { finds: [], isIncomplete: true };
  } finally {
    closeSync(file.fd);
  }
}

/** Names are only compared, never used as paths: one such as `../x` is no reason to refuse an archive. */
const ZIP_OPTIONS = { lazyEntries: true, autoClose: false, decodeStrings: false } as const;

const opened = (open: (done: (error: Error | null, zip: ZipFile) => void) => void): Promise<ZipFile> =>
  new Promise((resolve, reject) => open((error, zip) => (error === null ? resolve(zip) : reject(error))));

async function findInZip(zip: ZipFile, path: string, depth: number, budget: Budget): Promise<Find[]> {
  const facts: JarFacts = { path, manifest: null, poms: [], hasJndiLookup: false, hasOtherLookups: false };
  const finds: Find[] = [];
  let count = 0;
  for await (const entry of entriesOf(zip, budget)) {
    if (++count > MAX_ENTRIES) {
      budget.isExceeded = true;
      break;
    }
    const name = entry.fileName.toString();
    if (name === 'META-INF/MANIFEST.MF') facts.manifest = await text(zip, entry);
    else if (/(?:^|\/)META-INF\/maven\/[^/]+\/[^/]+\/pom\.properties$/.test(name))
      facts.poms.push(await text(zip, entry));
    else if (/(?:^|\/)org\/apache\/logging\/log4j\/core\/lookup\/\w+\.class$/.test(name)) {
      if (name.endsWith('/JndiLookup.class')) facts.hasJndiLookup = true;
      else facts.hasOtherLookups = true;
    } else if (ARCHIVE_NAME.test(name)) finds.push(...(await findNested(zip, entry, `${path}!${name}`, depth, budget)));
  }
  return [...jarFinds(facts), ...finds];
}

async function findNested(zip: ZipFile, entry: Entry, path: string, depth: number, budget: Budget): Promise<Find[]> {
  const bytes = entry.uncompressedSize;
  if (depth === MAX_DEPTH || bytes > MAX_NESTED_BYTES || bytes > budget.unpackedBytes) {
    budget.isExceeded = true;
    return [];
  }
  budget.unpackedBytes -= bytes;
  try {
    const content = await contentOf(zip, entry, bytes);
    const nested = await opened((done) => yauzl.fromBuffer(content, ZIP_OPTIONS, done));
    return await findInZip(nested, path, depth + 1, budget);
  } catch {
    budget.isExceeded = true;
    return [];
  }
}

/** In the order of the central directory. A broken one ends them. */
async function* entriesOf(zip: ZipFile, budget: Budget): AsyncGenerator<Entry> {
  for (;;) {
    const entry = await new Promise<Entry | null>((resolve) => {
      const settle = (result: Entry | null): void => {
        zip.removeAllListeners();
        resolve(result);
      };
      zip.once('entry', settle);
      zip.once('end', () => settle(null));
      zip.once('error', () => {
        budget.isExceeded = true;
        settle(null);
      });
      zip.readEntry();
    });
    if (entry === null) return;
    yield entry;
  }
}

/** Empty where it cannot be read, or is no small text. */
async function text(zip: ZipFile, entry: Entry): Promise<string> {
  if (entry.uncompressedSize > MAX_TEXT_BYTES) return '';
  try {
    return (await contentOf(zip, entry, MAX_TEXT_BYTES)).toString('utf8');
  } catch {
    return '';
  }
}

/** Fails where there is more than the directory promised: yauzl counts, and so do we. */
async function contentOf(zip: ZipFile, entry: Entry, maxBytes: number): Promise<Buffer> {
  const stream = await new Promise<Readable>((resolve, reject) =>
    zip.openReadStream(entry, (error, opened) => (error === null ? resolve(opened) : reject(error))),
  );
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > maxBytes) throw new RangeError('larger than its directory says');
    parts.push(part);
  }
  return Buffer.concat(parts, bytes);
}
