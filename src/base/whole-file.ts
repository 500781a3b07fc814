import { closeSync, openSync, readSync, type Stats, statSync } from 'node:fs';

const MIB = 2 ** 20;
/** Of one text: room for a hundred thousand rules. */
const MAX_TEXT_BYTES = 64 * MIB;
const MIN_CHUNK_BYTES = 64 * 1024;
/** Linux's number of /dev/null: what is empty on purpose is as good as an empty file. */
const NULL_DEVICE = 0x103;

/** Something is there, but nothing that we read. The message says why, without the path. */
export class UnreadableFileError extends Error {
  override name = 'UnreadableFileError';
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

/** Where nothing may wait for whoever writes into a pipe, or never does. */
let arePipesRefused = false;

/**
 * From now on, in all of this process: a service must not be held up, and would find nothing more in a pipe when it
 * reads again. Commands that end read pipes and devices as any program does: `replay -S <(generate)`.
 */
export function refusePipes(): void {
  arePipesRefused = true;
}

/** All bytes of a file that an administrator names. Throws what the system says, and UnreadableFileError. */
export function readWholeFile(path: string, maxBytes: number): Buffer {
  const status = statSync(path);
  const kind = arePipesRefused ? kindOf(status) : null;
  if (kind !== null) throw new UnreadableFileError(path, `it is a ${kind}: give a file, which can be read again`);
  const fd = openSync(path, 'r');
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    // The end is met in the second read, behind one byte of room. What is in /proc, and a pipe, says that it is empty.
    let wantedBytes = status.size + 1;
    while (bytes <= maxBytes && status.size <= maxBytes) {
      const chunk = Buffer.allocUnsafe(Math.max(wantedBytes, MIN_CHUNK_BYTES));
      const readBytes = readSync(fd, chunk);
      if (readBytes === 0) return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes);
      chunks.push(chunk.subarray(0, readBytes));
      bytes += readBytes;
      wantedBytes -= readBytes;
    }
  } finally {
    closeSync(fd);
  }
  throw new UnreadableFileError(path, `it has more than ${maxBytes / MIB} MiB`);
}

/** As UTF-8. */
export const readTextFile = (path: string): string => readWholeFile(path, MAX_TEXT_BYTES).toString('utf8');

/** Null: it can be read whole. A folder is left to the system's own message. */
function kindOf(status: Stats): string | null {
  if (status.isFIFO()) return 'pipe';
  if (status.isSocket()) return 'socket';
  const isDevice = status.isBlockDevice() || (status.isCharacterDevice() && status.rdev !== NULL_DEVICE);
  return isDevice ? 'device' : null;
}
