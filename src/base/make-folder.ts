import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder, and those above it that are not there; `mode` is for the new ones. Throws what the system says. Not
 * by mkdirSync's `recursive`: of Node 20, it never returns where nothing can be made, such as below /proc.
 */
export function makeFolder(folder: string, mode: number): void {
  if (isMade(folder, mode)) return;
  makeFolder(dirname(folder), mode);
  if (!isMade(folder, mode)) mkdirSync(folder, { mode });
}

/** False: what is above it is not there. */
function isMade(folder: string, mode: number): boolean {
  try {
    mkdirSync(folder, { mode });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return true;
    if (code !== 'ENOENT') throw error;
    return false;
  }
}
