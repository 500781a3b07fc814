import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
// Not all of `tar`, whose main file has its packages within itself: their licences would not be seen.
import { Parser } from 'tar/parse';
import type { ReadEntry } from 'tar/read-entry';
import { SourceError } from './source-error.ts';

/** The files of a source by their path in it, which is safe: no step leads out of it. */
export type SourceFiles = ReadonlyMap<string, Uint8Array>;

/** Of all files of one source together, unpacked: the largest public rule sets have a tenth of it. */
export const MAX_UNPACKED_BYTES = 256 * 2 ** 20;
/** Some rule sets have a hundred. */
export const MAX_FILES = 10_000;
const MAX_PATH_CHARACTERS = 512;

/**
 * What is in a file from outside: a tar archive, compressed by gzip or not, or one rule file. `name` is what it was
 * called. Nothing is written; links and devices in an archive are left out. Throws SourceError, also beyond `maxBytes`.
 */
export async function unpack(name: string, packed: Uint8Array, maxBytes = MAX_UNPACKED_BYTES): Promise<SourceFiles> {
  const bytes = isGzip(packed) ? inflated(name, packed, maxBytes) : packed;
  if (isGzip(bytes)) throw new SourceError(`${name}: compressed twice`);
  if (isZip(bytes)) throw new SourceError(`${name}: a zip archive, which is not read: tar.gz and plain rule files are`);
  if (isTar(bytes)) return untarred(name, bytes, maxBytes);
  const plain = basename(name.replace(/[?#].*$/, '')).replace(/\.gz$/, '');
  return new Map([[safePath(name, /\.rules$/.test(plain) ? plain : `${plain || 'downloaded'}.rules`), bytes]]);
}

function inflated(name: string, packed: Uint8Array, maxBytes: number): Uint8Array {
  try {
    return gunzipSync(packed, { maxOutputLength: maxBytes });
  } catch (error) {
    const isTooLarge = error instanceof RangeError;
    const reason = isTooLarge ? `more than ${maxBytes} bytes when unpacked` : (error as Error).message;
    throw new SourceError(`${name}: ${reason}`);
  }
}

function untarred(name: string, bytes: Uint8Array, maxBytes: number): Promise<SourceFiles> {
  const files = new Map<string, Uint8Array>();
  let unpackedBytes = 0;
  return new Promise((resolve, reject) => {
    const parser = new Parser({ strict: true });
    const fail = (message: string): void => {
      reject(new SourceError(`${name}: ${message}`));
      parser.abort(new Error(message));
    };
    parser.on('entry', (entry: ReadEntry) => {
      if (entry.type !== 'File' && entry.type !== 'OldFile' && entry.type !== 'ContiguousFile') {
        entry.resume();
        return;
      }
      unpackedBytes += entry.size;
      if (unpackedBytes > maxBytes) return fail(`more than ${maxBytes} bytes when unpacked`);
      if (files.size >= MAX_FILES) return fail(`more than ${MAX_FILES} files`);
      const chunks: Uint8Array[] = [];
      entry.on('data', (chunk: Uint8Array) => chunks.push(Uint8Array.from(chunk)));
      entry.on('end', () => {
        try {
          files.set(safePath(name, entry.path), Buffer.concat(chunks));
        } catch (error) {
          fail((error as Error).message.replace(`${name}: `, ''));
        }
      });
    });
    parser.on('error', (error: Error) => reject(new SourceError(`${name}: no sound tar archive: ${error.message}`)));
    parser.on('end', () => resolve(files));
    parser.end(Buffer.from(bytes));
  });
}

/** The path without `.` and doubled slashes. Throws SourceError where it could lead elsewhere. */
function safePath(archive: string, path: string): string {
  const steps = path.split('/').filter((step) => step !== '' && step !== '.');
  const isBad = path.startsWith('/') || steps.length === 0 || steps.includes('..') || CONTROLS.test(path);
  if (isBad || path.length > MAX_PATH_CHARACTERS) {
    throw new SourceError(`${archive}: the path ${JSON.stringify(path.slice(0, 80))} is not safe`);
  }
  return steps.join('/');
}

const CONTROLS = /[\x00-\x1f\x7f\\]/;

const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;
const isZip = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 0x03;

/** POSIX.1-1988 `ustar` and GNU tar both have it in each header. */
const TAR_MAGIC_AT = 257;
const isTar = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.subarray(TAR_MAGIC_AT, TAR_MAGIC_AT + 5)).toString('latin1') === 'ustar';
