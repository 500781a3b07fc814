import { closeSync } from 'node:fs';
import { u32 } from '../../base/bytes.ts';
import { type RootFs, readFully } from '../root-fs.ts';
import type { InstalledPackage, PackageDatabase } from './component.ts';
import { type DatabaseFile, sqliteRows } from './sqlite-table.ts';

const FOLDERS = ['/usr/lib/sysimage/rpm', '/var/lib/rpm'];
const SQLITE = 'rpmdb.sqlite';
/** Older rpm's Berkeley DB, and SUSE's own form. */
const UNREAD_FORMS = ['Packages', 'Packages.db'];

/** What rpm has installed. Without a `database`, this is no system of rpm's, or `unread` is one in another form. */
export function readRpm(fs: RootFs): { readonly database: PackageDatabase | null; readonly unread: string | null } {
  for (const folder of FOLDERS) {
    const path = `${folder}/${SQLITE}`;
    if (!fs.exists(path)) continue;
    const { headers, isWhole } = allHeadersIn(fs, path);
    // Where another manager has the packages, rpm's own program leaves an empty database.
    if (headers.length === 0 && isWhole) continue;
    const packages = headers.map((header) => packageOf(header)).filter((found) => found !== null);
    const damaged = isWhole ? null : path;
    return {
      database: { manager: 'rpm', packages, damaged, ownersOf: (paths) => ownersOf(fs, path, paths) },
      unread: null,
    };
  }
  const unread = FOLDERS.flatMap((folder) => UNREAD_FORMS.map((name) => `${folder}/${name}`)).find((path) =>
    fs.exists(path),
  );
  return { database: null, unread: unread ?? null };
}

function allHeadersIn(fs: RootFs, path: string): { headers: RpmHeader[]; isWhole: boolean } {
  const headers: RpmHeader[] = [];
  const reading = headersIn(fs, path);
  let next = reading.next();
  for (; next.done !== true; next = reading.next()) headers.push(next.value);
  return { headers, isWhole: next.value };
}

/** The headers without their lists of files, unless these are asked for. Returns whether all could be read. */
function* headersIn(fs: RootFs, path: string, hasFiles = false): Generator<RpmHeader, boolean> {
  const file = fs.open(path);
  if (file === null) return false;
  try {
    const database: DatabaseFile = {
      bytes: file.bytes,
      read: (offset, length) => {
        const buffer = Buffer.alloc(length);
        try {
          return readFully(file.fd, buffer, offset) === length ? buffer : null;
        } catch {
          // A disk that is broken there.
          return null;
        }
      },
    };
    const rows = sqliteRows(database, 'Packages');
    let isWhole = true;
    let next = rows.next();
    for (; next.done !== true; next = rows.next()) {
      const [, blob] = next.value;
      const header = blob instanceof Uint8Array ? parseHeader(blob, hasFiles) : null;
      if (header === null) isWhole = false;
      else yield header;
    }
    return isWhole && next.value;
  } finally {
    closeSync(file.fd);
  }
}

type RpmHeader = ReadonlyMap<number, readonly (string | number)[]>;

/** Tags of rpm's lib/rpmtag.h. */
const TAG = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  vendor: 1011,
  sourceRpm: 1044,
  folderOfFile: 1116,
  fileNames: 1117,
  folders: 1118,
} as const;
const FILE_TAGS: readonly number[] = [TAG.folderOfFile, TAG.fileNames, TAG.folders];
const TAGS: readonly number[] = Object.values(TAG);

const INT32 = 4;
const STRINGS: readonly number[] = [6, 8, 9];
const ENTRY_BYTES = 16;
/** The kernel's sources are a tenth of it. */
const MAX_VALUES = 1_000_000;

/** A header as the database keeps it: two lengths, an index of 16 bytes an entry, the values. Null: broken. */
function parseHeader(blob: Uint8Array, hasFiles: boolean): RpmHeader | null {
  if (blob.length < 8) return null;
  const entries = u32(blob, 0);
  const dataStart = 8 + entries * ENTRY_BYTES;
  if (dataStart > blob.length) return null;
  const header = new Map<number, (string | number)[]>();
  for (let at = 8; at < dataStart; at += ENTRY_BYTES) {
    const tag = u32(blob, at);
    if (!TAGS.includes(tag) || (FILE_TAGS.includes(tag) && !hasFiles)) continue;
    const type = u32(blob, at + 4);
    const start = dataStart + u32(blob, at + 8);
    const count = Math.min(u32(blob, at + 12), MAX_VALUES);
    if (type === INT32) header.set(tag, numbersAt(blob, start, count));
    else if (STRINGS.includes(type)) header.set(tag, stringsAt(blob, start, count));
  }
  return header;
}

function numbersAt(blob: Uint8Array, start: number, count: number): number[] {
  const values: number[] = [];
  for (let at = start; values.length < count && at + 4 <= blob.length; at += 4) values.push(u32(blob, at));
  return values;
}

function stringsAt(blob: Uint8Array, start: number, count: number): string[] {
  const values: string[] = [];
  for (let at = start; values.length < count && at < blob.length; ) {
    const end = blob.indexOf(0, at);
    if (end < 0) break;
    values.push(Buffer.from(blob.buffer, blob.byteOffset + at, end - at).toString('utf8'));
    at = end + 1;
  }
  return values;
}

function packageOf(header: RpmHeader): InstalledPackage | null {
  const text = (tag: number): string => String(header.get(tag)?.[0] ?? '');
  const name = text(TAG.name);
  // Keys of repositories are kept as packages without a source.
  const source = /^(.+)-[^-]+-[^-]+\.(?:no)?src\.rpm$/.exec(text(TAG.sourceRpm))?.[1];
  if (name === '' || source === undefined) return null;
  const epoch = text(TAG.epoch);
  return {
    name,
    source,
    version: `${epoch === '' || epoch === '0' ? '' : `${epoch}:`}${text(TAG.version)}-${text(TAG.release)}`,
    isDistribution: DISTRIBUTIONS.test(text(TAG.vendor)),
  };
}

const DISTRIBUTIONS = /red hat|centos|rocky|almalinux|fedora|oracle america|amazon|suse|photon|openeuler|mageia/i;

function ownersOf(fs: RootFs, path: string, paths: ReadonlySet<string>): Map<string, InstalledPackage> {
  const owners = new Map<string, InstalledPackage>();
  if (paths.size === 0) return owners;
  for (const header of headersIn(fs, path, true)) {
    const owner = packageOf(header);
    const folders = header.get(TAG.folders) ?? [];
    const names = header.get(TAG.fileNames) ?? [];
    for (const [at, folder] of (header.get(TAG.folderOfFile) ?? []).entries()) {
      const file = `${folders[Number(folder)] ?? ''}${names[at] ?? ''}`;
      if (owner !== null && paths.has(file)) owners.set(file, owner);
    }
  }
  return owners;
}
