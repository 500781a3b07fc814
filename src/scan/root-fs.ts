import {
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { join, posix, resolve } from 'node:path';

/** As many as Linux follows (MAXSYMLINKS, include/linux/namei.h). */
const MAX_LINKS = 40;
/** A folder with more is no folder of an installation; what is beyond is not looked at, and counted. */
const MAX_FOLDER_ENTRIES = 100_000;

export interface RootFile {
  readonly fd: number;
  readonly bytes: number;
  readonly isExecutable: boolean;
}

/**
 * The files of a system whose root may be a mounted image. Nothing outside of it is ever read: a link that leads out
 * is followed as the system itself would follow it, from its own root. What is not there, or cannot be read, is null.
 */
export class RootFs {
  /** Absolute, and without links but for that into another mount namespace. */
  readonly root: string;
  /** The system that we run on, and not an image. */
  readonly isLive: boolean;
  /** The root as the kernel shows it in the paths of what was opened below it. */
  readonly #shownRoot: string;
  /** Of our own mount namespace, where the root is in another one. Else null. */
  readonly #ownMounts: ReadonlySet<string> | null;

  /** Throws what the system says of `root`. */
  constructor(root: string) {
    const real = realPath(root);
    this.root = real ?? resolve(root);
    if (!statSync(this.root).isDirectory()) throw new Error('it is no folder');
    this.isLive = this.root === '/';
    this.#shownRoot = real ?? shownPath(this.root);
    this.#ownMounts = real === null ? ownMounts() : null;
  }

  /** The path within the root without links, of something that is there. */
  resolve(path: string): string | null {
    let links = 0;
    const pending = path.split('/').reverse();
    let resolved = '/';
    for (let step = pending.pop(); step !== undefined; step = pending.pop()) {
      if (step === '' || step === '.') continue;
      if (step === '..') {
        resolved = posix.dirname(resolved);
        continue;
      }
      const next = posix.join(resolved, step);
      const target = this.#linkTarget(next);
      if (target === undefined) return null;
      if (target === null) {
        resolved = next;
        continue;
      }
      links++;
      if (links > MAX_LINKS) return null;
      if (target.startsWith('/')) resolved = '/';
      pending.push(...target.split('/').reverse());
    }
    return resolved;
  }

  /** Null: no link. Undefined: nothing there. */
  #linkTarget(path: string): string | null | undefined {
    try {
      const host = this.#host(path);
      return lstatSync(host).isSymbolicLink() ? readlinkSync(host) : null;
    } catch {
      return undefined;
    }
  }

  exists(path: string): boolean {
    return this.resolve(path) !== null;
  }

  /**
   * Opens a regular file; nothing else is opened: a pipe would hold us up, and a device may do something when it is
   * opened, a watchdog for instance. The caller closes it.
   */
  open(path: string): RootFile | null {
    const resolved = this.resolve(path);
    if (resolved === null) return null;
    let fd = -1;
    try {
      const path = this.#host(resolved);
      if (!lstatSync(path).isFile()) return null;
      fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      const status = fstatSync(fd);
      if (status.isFile() && (this.isLive || this.#isInside(fd))) {
        return { fd, bytes: status.size, isExecutable: (status.mode & 0o111) !== 0 };
      }
    } catch {}
    if (fd >= 0) closeSync(fd);
    return null;
  }

  /** The file, or its beginning where it is longer. */
  readStart(path: string, maxBytes: number): Buffer | null {
    const file = this.open(path);
    if (file === null) return null;
    try {
      // Files of /proc have no length.
      const buffer = Buffer.alloc(file.bytes === 0 ? maxBytes : Math.min(file.bytes, maxBytes));
      return buffer.subarray(0, readFully(file.fd, buffer));
    } catch {
      return null;
    } finally {
      closeSync(file.fd);
    }
  }

  /** Somebody may have put a link into the path since it was resolved. */
  #isInside(fd: number): boolean {
    if (this.#ownMounts?.has(mountOf(fd)) === true) return false;
    const shown = readlinkSync(`/proc/self/fd/${fd}`);
    return this.#shownRoot === '/' || shown.startsWith(`${this.#shownRoot}/`);
  }

  readText(path: string, maxBytes: number): string | null {
    return this.readStart(path, maxBytes)?.toString('utf8') ?? null;
  }

  /** What is in a folder; links are shown as links. Empty where it cannot be read. */
  list(path: string): { entries: readonly Dirent[]; isComplete: boolean } {
    const entries: Dirent[] = [];
    const resolved = this.resolve(path);
    if (resolved === null) return { entries, isComplete: true };
    try {
      const folder = opendirSync(this.#host(resolved), { bufferSize: 512 });
      try {
        for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
          if (entries.length === MAX_FOLDER_ENTRIES) return { entries, isComplete: false };
          entries.push(entry);
        }
      } finally {
        folder.closeSync();
      }
    } catch {
      return { entries, isComplete: false };
    }
    return { entries, isComplete: true };
  }

  #host(path: string): string {
    return this.isLive ? path : join(this.root, path);
  }
}

/**
 * Null: the path leads into another mount namespace, as `/proc/PID/root` of a container does. Read as a link it says
 * `/`, which is our root and not the container's. Throws what the system says of the path.
 */
function realPath(path: string): string | null {
  const wanted = statSync(path);
  try {
    const real = realpathSync(path);
    const { dev, ino } = statSync(real);
    return dev === wanted.dev && ino === wanted.ino ? real : null;
  } catch {
    return null;
  }
}

function shownPath(folder: string): string {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

/** proc(5): each line of mountinfo begins with the number that fdinfo calls mnt_id. */
const ownMounts = (): ReadonlySet<string> =>
  new Set(
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ', 1)[0]!),
  );

const mountOf = (fd: number): string =>
  /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '';

/** Reads until the buffer is full or the file ends. */
export function readFully(fd: number, buffer: Buffer, position = 0): number {
  let at = 0;
  while (at < buffer.length) {
    const count = readSync(fd, buffer, at, buffer.length - at, position + at);
    if (count === 0) break;
    at += count;
  }
  return at;
}
