import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { RuleSource } from '../../config/config.ts';
import { reasonOf } from '../../config/problem.ts';
import { globOf } from '../../config/rule-files.ts';
import { RULE_LANGUAGE_VERSION } from '../../rules/requirements.ts';
import { MAX_FILES, MAX_UNPACKED_BYTES, type SourceFiles, unpack } from './archive.ts';
import { download } from './download.ts';
import type { RuleStore } from './rule-store.ts';
import { SourceError } from './source-error.ts';

/** What a source has now. */
export interface ReadSource {
  readonly files: SourceFiles;
  /** `fetched`, `unchanged` ... for the user. */
  readonly how: string;
  /** To be remembered once all is well. */
  readonly save: () => void;
}

/** Reads a source, from its address or its path. Throws SourceError. */
export async function readSource(source: RuleSource, store: RuleStore, isOffline: boolean): Promise<ReadSource> {
  if (source.path !== null) return readPath(source.path);
  if (source.url === null) throw new SourceError(`${source.name}: has neither an address nor a path`);
  const url = withVersion(source.url);
  const known = store.downloads()[source.name];
  const kept = known?.url === url ? store.downloaded(source.name) : null;
  if (isOffline) {
    if (kept === null)
      throw new SourceError(`${source.name}: nothing was fetched from ${url} yet, and --offline fetches nothing`);
    return { files: await unpack(url, kept), how: 'as fetched before', save: () => {} };
  }
  const isSound = kept !== null && known !== undefined && digestOf('sha256', kept) === known.sha256;
  const validators = isSound ? { etag: known.etag, modified: known.modified } : {};
  const answer = await download(url, { header: source.header, ...validators });
  const bytes = answer.status === 'unchanged' ? kept : answer.bytes;
  if (bytes === null)
    throw new SourceError(`${url}: the server says that nothing has changed since nothing was fetched`);
  if (source.checksum !== null) await checkDigest(source, source.checksum, bytes);
  if (answer.status === 'unchanged') return { files: await unpack(url, bytes), how: 'not changed', save: () => {} };
  const { etag, modified } = answer;
  const sha256 = digestOf('sha256', bytes);
  const isSame = kept !== null && sha256 === known?.sha256;
  const isOpen = url.startsWith('http:') && source.checksum === null;
  const fetched = `${(bytes.length / 1024).toFixed(0)} KiB fetched${isOpen ? ' (by plain http, without a checksum)' : ''}`;
  return {
    files: await unpack(url, bytes),
    how: isSame ? 'not changed' : fetched,
    save: () => store.saveDownload(source.name, bytes, { url, etag, modified, sha256 }),
  };
}

/** suricata-update's way to ask for the rules of the engine's version. */
const withVersion = (url: string): string => url.replaceAll('%(__version__)s', RULE_LANGUAGE_VERSION.join('.'));

/** By the length of a digest in hexadecimal. */
const ALGORITHMS: Readonly<Record<number, string>> = { 32: 'md5', 40: 'sha1', 64: 'sha256', 128: 'sha512' };
const MAX_CHECKSUM_BYTES = 4096;

async function checkDigest(source: RuleSource, checksum: string, bytes: Uint8Array): Promise<void> {
  const { name, url } = source;
  let wanted = checksum;
  if (/^https?:/.test(wanted)) {
    // What is secret is for one server.
    const isSameServer = new URL(wanted).origin === new URL(url ?? wanted).origin;
    const header = isSameServer ? source.header : null;
    const answer = await download(withVersion(wanted), { header, maxBytes: MAX_CHECKSUM_BYTES });
    wanted = answer.status === 'fetched' ? Buffer.from(answer.bytes).toString('latin1') : '';
  }
  const digest = /\b[0-9a-f]{32,128}\b/i.exec(wanted)?.[0].toLowerCase();
  const algorithm = ALGORITHMS[digest?.length ?? 0];
  if (digest === undefined || algorithm === undefined) throw new SourceError(`${name}: ${checksum} has no checksum`);
  const found = digestOf(algorithm, bytes);
  if (found !== digest) throw new SourceError(`${name}: its ${algorithm} is ${found}, and should be ${digest}`);
}

const digestOf = (algorithm: string, bytes: Uint8Array): string => createHash(algorithm).update(bytes).digest('hex');

async function readPath(path: string): Promise<ReadSource> {
  try {
    const isFolder = statSync(path).isDirectory();
    const files = isFolder ? readFolder(path) : await unpack(basename(path), readFileSync(path));
    return { files, how: `read from ${path}`, save: () => {} };
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw new SourceError(`${path} cannot be read: ${reasonOf(error)}`);
  }
}

/** Regular files in it and below; links are followed where they lead to files, and not to folders. */
function readFolder(folder: string): SourceFiles {
  const files = new Map<string, Uint8Array>();
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.name.startsWith('.') || !statSync(file).isFile()) continue;
    bytes += statSync(file).size;
    if (bytes > MAX_UNPACKED_BYTES || files.size >= MAX_FILES) {
      throw new SourceError(`${folder}: more than ${MAX_UNPACKED_BYTES} bytes or ${MAX_FILES} files`);
    }
    files.set(file.slice(folder.length).replace(/^\/+/, ''), readFileSync(file));
  }
  return files;
}

/** Without the files whose name one of the patterns matches. */
export function withoutIgnored(files: SourceFiles, patterns: readonly string[]): SourceFiles {
  const forms = patterns.map(globOf);
  return new Map([...files].filter(([path]) => !forms.some((form) => form.test(basename(path)))));
}
