import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where the tests of one run have their programs compiled. `runner` is the process id of vitest. */
export const programsFolder = (runner: number): string => join(tmpdir(), `vpatch-programs-${runner}`);

/** For vitest: before the first test. */
export function setup(): void {
  mkdirSync(programsFolder(process.pid));
}

/** Behind the last one. Processes that run tests are ended without a chance to tidy up. */
export function teardown(): void {
  rmSync(programsFolder(process.pid), { recursive: true, force: true });
}
