import { existsSync, lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../../service/command.ts';
import { PREFIX, removeNamespace } from './namespaces.ts';

const NAME = new RegExp(`^${PREFIX}(\\d+)-`);

/** Removes what drills have left that were killed: namespaces and folders. Those of one that runs stay. */
export function removeLeftovers(): void {
  const { output } = runCommand('ip', ['netns', 'list']);
  for (const line of output.split('\n')) if (isLeft(line)) removeNamespace(line.split(' ')[0]!);
  for (const name of readdirSync(tmpdir())) {
    const path = join(tmpdir(), name);
    if (isLeft(name) && isOwn(path)) rmSync(path, { recursive: true, force: true });
  }
}

function isLeft(name: string): boolean {
  const pid = NAME.exec(name)?.[1];
  return pid !== undefined && !isDrill(pid);
}

/** Numbers of processes are used again. */
function isDrill(pid: string): boolean {
  const file = `/proc/${pid}/cmdline`;
  return existsSync(file) && readFileSync(file, 'latin1').split('\0').includes('--drill');
}

/** Anybody can make a folder there, or a link. */
function isOwn(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === process.getuid?.();
}
