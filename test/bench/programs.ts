import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where administrators' programs are, whatever the caller's own path is. */
const MORE_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The Debian packages of what the loads take, where they are called otherwise. */
const PACKAGES: Readonly<Record<string, string>> = {
  ping: 'iputils-ping',
  dnsmasq: 'dnsmasq-base',
  nginx: 'nginx-light',
  ss: 'iproute2',
};

export function isInstalled(program: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...MORE_FOLDERS];
  return folders.some((folder) => isExecutable(join(folder, program)));
}

/** What to tell the user; null when all are there. */
export function missingFor(programs: readonly string[]): string | null {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return null;
  const packages = missing.map((program) => PACKAGES[program] ?? program);
  return `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing (apt-get install ${packages.join(' ')})`;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
