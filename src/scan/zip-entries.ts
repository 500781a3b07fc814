import type { Readable } from 'node:stream';
import type { Entry, ZipFile } from 'yauzl';

/** Names are only compared, never used as paths: one such as `../x` is no reason to refuse an archive. */
export const ZIP_OPTIONS = { lazyEntries: true, autoClose: false, decodeStrings: false } as const;

export const openedZip = (open: (done: (error: Error | null, zip: ZipFile) => void) => void): Promise<ZipFile> =>
  new Promise((resolve, reject) => open((error, zip) => (error === null ? resolve(zip) : reject(error))));

/** In the order of the directory. What is wrong with it is thrown, after the entries before that. */
export async function* zipEntries(zip: ZipFile): AsyncGenerator<Entry> {
  for (;;) {
    const entry = await new Promise<Entry | null>((resolve, reject) => {
      const settle = (done: () => void): void => {
        zip.removeAllListeners();
        done();
      };
      zip.once('entry', (found) => settle(() => resolve(found as Entry)));
      zip.once('end', () => settle(() => resolve(null)));
      zip.once('error', (error) => settle(() => reject(error as Error)));
      zip.readEntry();
    });
    if (entry === null) return;
    yield entry;
  }
}

/** A whole entry. Throws where it is broken, or longer than `maxBytes`, whatever its directory says. */
export async function zipContent(zip: ZipFile, entry: Entry, maxBytes: number): Promise<Buffer> {
  const stream = await new Promise<Readable>((resolve, reject) =>
    zip.openReadStream(entry, (error, opened) => (error === null ? resolve(opened) : reject(error))),
  );
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > maxBytes) throw new RangeError('an entry is larger than it may be');
    parts.push(part);
  }
  return Buffer.concat(parts, bytes);
}
