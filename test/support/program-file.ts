import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { programsFolder } from './test-programs.ts';

/**
 * The file by which a plain Node starts a program or thread of ours, given its source, such as
 * `new URL('./load-process.ts', import.meta.url)`. The tools in dist/tools have it beside them; under vitest it is
 * compiled now, with all that it imports, and removed behind the last test. `beside` is what the program starts by
 * name instead of importing it: paths from the project's root.
 */
export function programFile(source: URL, ...beside: readonly string[]): string {
  const file = fileURLToPath(source);
  const built = asJavaScript(file);
  if (existsSync(built)) return built;
  let program = programs.get(file);
  if (program === undefined) {
    program = join(compiled(file, ...beside), asJavaScript(relative('.', file)));
    programs.set(file, program);
  }
  return program;
}

const programs = new Map<string, string>();

const asJavaScript = (file: string): string => file.replace(/\.ts$/, '.js');

/** The folder that has the sources compiled, each in its place in the project. Types are checked elsewhere. */
function compiled(...sources: readonly string[]): string {
  const folder = mkdtempSync(join(programsFolder(process.ppid), 'program-'));
  // One test runs its program as another user.
  chmodSync(folder, 0o755);
  // By package.json our code finds the addon, and Node takes it for ESM.
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const name of ['native', 'node_modules']) symlinkSync(resolve(name), join(folder, name));
  const configuration = {
    extends: resolve('tsconfig.json'),
    compilerOptions: { outDir: folder, rootDir: resolve('.'), noCheck: true },
    files: sources.map((source) => resolve(source)),
  };
  const project = join(folder, 'tsconfig.json');
  writeFileSync(project, JSON.stringify(configuration));
  execFileSync(resolve('node_modules/.bin/tsc'), ['-p', project], { stdio: 'pipe' });
  return folder;
}
