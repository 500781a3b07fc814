import type { RootFs } from '../root-fs.ts';
import type { InstalledPackage, PackageDatabase } from './component.ts';

const MAX_DATABASE_BYTES = 64 * 1024 * 1024;

/** What apk has installed (apk-tools' "installed" format: a letter and a colon on each line). Null: no such system. */
export function readApk(fs: RootFs): PackageDatabase | null {
  const text =
    fs.readText('/lib/apk/db/installed', MAX_DATABASE_BYTES) ??
    fs.readText('/usr/lib/apk/db/installed', MAX_DATABASE_BYTES);
  if (text === null) return null;
  const packages = text.split('\n\n').flatMap((paragraph) => {
    const field = (letter: string): string | undefined =>
      new RegExp(`^${letter}:(.*)$`, 'm').exec(paragraph)?.[1]?.trim();
    const name = field('P');
    const version = field('V');
    if (name === undefined || version === undefined) return [];
    return [{ name, source: field('o') ?? name, version, isDistribution: true }];
  });
  return { manager: 'apk', packages, ownersOf: (paths) => ownersOf(text, packages, paths) };
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
