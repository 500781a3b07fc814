import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/**
 * Sources as plain JavaScript in a folder of their own, for programs that a test starts: in another network namespace,
 * or where the test runner's own transformations would change what is measured.
 */
export class Compiled {
  readonly folder = mkdtempSync(join(tmpdir(), 'vpatch-compiled-'));

  /** Paths from the project's root; what they import comes along. */
  constructor(...sources: readonly string[]) {
    const place = ['--outDir', this.folder, '--rootDir', '.', '--ignoreConfig', '--types', 'node', '--skipLibCheck'];
    const language = ['--target', 'es2023', '--module', 'nodenext', '--rewriteRelativeImportExtensions'];
    execFileSync(resolve('node_modules/.bin/tsc'), [...place, ...language, ...sources], { stdio: 'pipe' });
    symlinkSync(resolve('node_modules'), join(this.folder, 'node_modules'));
    writeFileSync(join(this.folder, 'package.json'), '{ "type": "module" }');
  }

  /** Adds a program that imports them as `./src/...`, and returns its path. */
  program(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  close(): void {
    rmSync(this.folder, { recursive: true });
  }
}
