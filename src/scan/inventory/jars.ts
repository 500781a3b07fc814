import { closeSync } from 'node:fs';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { type RootFs, readFully } from '../root-fs.ts';
import { openedZip, ZIP_OPTIONS, zipContent, zipEntries } from '../zip-entries.ts';
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
/** Of all texts within one file together: the largest servers have 1 MiB. */
const MAX_TEXTS_BYTES = 32 * 1024 * 1024;

export const ARCHIVE_NAME = /\.(?:jar|war|ear|hpi|jpi|par|sar|rar|kar)$/i;

/** What is left of what one file may cost, and what it was found to have too much of. */
interface Budget {
  unpackedBytes: number;
  textBytes: number;
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
  const budget: Budget = { unpackedBytes: MAX_UNPACKED_BYTES, textBytes: MAX_TEXTS_BYTES, isExceeded: false };
  try {
    const reader = new FileReader((buffer, position) => readFully(file.fd, buffer, position));
    const zip = await openedZip((done) => yauzl.fromRandomAccessReader(reader, file.bytes, ZIP_OPTIONS, done));
    const finds = await findInZip(zip, path, 0, budget);
    return { finds, isIncomplete: budget.isExceeded };
  } catch {
    return { finds: [], isIncomplete: true };
  } finally {
    closeSync(file.fd);
  }
}

async function findInZip(zip: ZipFile, path: string, depth: number, budget: Budget): Promise<Find[]> {
  const facts: JarFacts = {
    path,
    manifest: null,
    poms: [],
    versionProperties: null,
    hasJndiLookup: false,
    hasOtherLookups: false,
  };
  const finds: Find[] = [];
  let count = 0;
  try {
    for await (const entry of zipEntries(zip)) {
      if (++count > MAX_ENTRIES) {
        budget.isExceeded = true;
        break;
      }
      const name = entry.fileName.toString();
      if (name === 'META-INF/MANIFEST.MF') facts.manifest = await text(zip, entry, budget);
      else if (name === 'version.properties') facts.versionProperties = await text(zip, entry, budget);
      else if (/(?:^|\/)META-INF\/maven\/[^/]+\/[^/]+\/pom\.properties$/.test(name))
        facts.poms.push(await text(zip, entry, budget));
      else if (/(?:^|\/)org\/apache\/logging\/log4j\/core\/lookup\/\w+\.class$/.test(name)) {
        if (name.endsWith('/JndiLookup.class')) facts.hasJndiLookup = true;
        else facts.hasOtherLookups = true;
      } else if (ARCHIVE_NAME.test(name)) {
        for (const find of await findNested(zip, entry, `${path}!${name}`, depth, budget)) finds.push(find);
      }
    }
  } catch {
    // Of a broken directory, what stands before the damage counts.
    budget.isExceeded = true;
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
    const content = await zipContent(zip, entry, bytes);
    const nested = await openedZip((done) => yauzl.fromBuffer(content, ZIP_OPTIONS, done));
    return await findInZip(nested, path, depth + 1, budget);
  } catch {
    budget.isExceeded = true;
    return [];
  }
}

/** Empty where it cannot be read, or is no small text. */
async function text(zip: ZipFile, entry: Entry, budget: Budget): Promise<string> {
  const bytes = entry.uncompressedSize;
  if (bytes > MAX_TEXT_BYTES) return '';
  if (bytes > budget.textBytes) {
    budget.isExceeded = true;
    return '';
  }
  budget.textBytes -= bytes;
  try {
    return (await zipContent(zip, entry, bytes)).toString('utf8');
  } catch {
    return '';
  }
}
