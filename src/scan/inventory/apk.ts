import type { RootFs } from '../root-fs.ts';
import type { InstalledPackage, PackageDatabase } from './component.ts';
import { isWholeText } from './dpkg.ts';

const PATHS = ['/lib/apk/db/installed', '/usr/lib/apk/db/installed'];
const MAX_DATABASE_BYTES = 64 * 1024 * 1024;

/** What apk has installed (apk-tools' "installed" format: a letter and a colon on each line). Null: no such system. */
export function readApk(fs: RootFs): PackageDatabase | null {
  const path = PATHS.find((one) => fs.exists(one));
  if (path === undefined) return null;
  const text = fs.readText(path, MAX_DATABASE_BYTES) ?? '';
  const packages = text.split('\n\n').flatMap((paragraph) => {
    const field = (letter: string): string | undefined =>
      new RegExp(`^${letter}:(.*)$`, 'm').exec(paragraph)?.[1]?.trim();
    const name = field('P');
    const version = field('V');
    if (name === undefined || version === undefined) return [];
    return [{ name, source: field('o') ?? name, version, isDistribution: true }];
  });
  const damaged = isWholeText(text, packages.length) ? null : path;
  return { manager: 'apk', packages, damaged, ownersOf: (paths) => ownersOf(text, packages, paths) };
}

function ownersOf(
  text: string,
  packages: readonly InstalledPackage[],
  paths: ReadonlySet<string>,
): Map<string, InstalledPackage> {
  const owners = new Map<string, InstalledPackage>();
  const byName = new Map(packages.map((found) => [found.name, found]));
  let owner: InstalledPackage | undefined;
  let folder = '';
  for (const [, letter, value = ''] of text.matchAll(/^([PFR]):(.*)$/gm)) {
    if (letter === 'P') owner = byName.get(value);
    else if (letter === 'F') folder = value;
    else if (owner !== undefined && paths.has(`/${folder}/${value}`)) owners.set(`/${folder}/${value}`, owner);
  }
  return owners;
}
