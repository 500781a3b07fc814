import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export interface CompiledSources {
  /** Of a compiled file, which lies where its source lies in the repository. */
  path(file: string): string;
  remove(): void;
}

/**
 * Compiles src/base/native/ and the programs of this folder for a plain Node: threads and processes of a test do not
 * pass through vitest, and Node 20 does not read TypeScript.
 */
export function compileForNode(): CompiledSources {
  const root = mkdtempSync(join(tmpdir(), 'vpatch-native-'));
  // One test runs its program as another user.
  chmodSync(root, 0o755);
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  symlinkSync(resolve('native'), join(root, 'native'));
  symlinkSync(resolve('node_modules'), join(root, 'node_modules'));
  execFileSync('node_modules/.bin/tsc', ['-p', 'test/native/tsconfig.json', '--outDir', root], { stdio: 'pipe' });
  return { path: (file) => join(root, file), remove: () => rmSync(root, { recursive: true, force: true }) };
}
