import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

// What the kernel shows below /proc and /sys. Processes come and go while it is read, and not all of it is ours to see:
// what cannot be read is empty.

/** The text of a file; empty where it cannot be read. */
export const procText = (path: string): string => orElse('', () => readFileSync(path, 'utf8'));

/** The names in a folder; none where it cannot be read. */
export const procEntries = (path: string): string[] => orElse([], () => readdirSync(path));

/** Where a link leads; empty where it cannot be read. */
export const procLink = (path: string): string => orElse('', () => readlinkSync(path));

/** Folders of processes: `/proc/1`, ... */
export const processFolders = (proc = '/proc'): string[] =>
  procEntries(proc).flatMap((name) => (/^\d+$/.test(name) ? [`${proc}/${name}`] : []));

/** The inode of the socket that `/proc/PID/fd/N` leads to. Null: it is no socket. */
export const socketInode = (link: string): string | null => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? null;

function orElse<T>(fallback: T, read: () => T): T {
  try {
    return read();
  } catch {
    return fallback;
  }
}
