import type { RootFs } from '../root-fs.ts';
import type { InstalledPackage, PackageDatabase } from './component.ts';

const STATUS = '/var/lib/dpkg/status';
const INFO = '/var/lib/dpkg/info';
/** The largest installations have 20 MiB. */
const MAX_STATUS_BYTES = 64 * 1024 * 1024;
const MAX_LIST_BYTES = 16 * 1024 * 1024;
/** Of all lists together. */
const MAX_LISTS_BYTES = 1024 * 1024 * 1024;

/** What dpkg has installed. Null: this is no system of dpkg's. */
export function readDpkg(fs: RootFs): PackageDatabase | null {
  const status = fs.readText(STATUS, MAX_STATUS_BYTES);
  // Images without dpkg itself have a file for each package.
  const parts = fs.list('/var/lib/dpkg/status.d').entries.map(({ name }) => name);
  if (parts.length === 0 && (status ?? '').trim() === '' && !isExpected(fs, status)) return null;

  const packages: InstalledPackage[] = [];
  const add = (paragraph: string, isStatusNeeded: boolean): void => {
    const found = packageOf(paragraph, isStatusNeeded);
    if (found !== null) packages.push(found);
  };
  for (const paragraph of (status ?? '').split(/\n[ \t]*\n/)) add(paragraph, true);
  for (const name of parts) {
    if (!name.endsWith('.md5sums')) add(fs.readText(`/var/lib/dpkg/status.d/${name}`, MAX_LIST_BYTES) ?? '', false);
  }
  const isWhole = status === null ? parts.length > 0 && !fs.exists(STATUS) : isWholeText(status, packages.length);
  return {
    manager: 'dpkg',
    packages,
    damaged: isWhole ? null : STATUS,
    ownersOf: (paths) => ownersOf(fs, packages, paths),
  };
}

/** Whether there should be a list of packages where none, or an empty one, was read. */
const isExpected = (fs: RootFs, status: string | null): boolean =>
  (status === null && fs.exists(STATUS)) || fs.list(INFO).entries.some(({ name }) => name.endsWith('.list'));

/** dpkg and apk end each line, and write no list without packages: what was cut off, or is something else, tells. */
export const isWholeText = (text: string, packages: number): boolean => packages > 0 && text.endsWith('\n');

function packageOf(paragraph: string, isStatusNeeded: boolean): InstalledPackage | null {
  const field = (name: string): string | null =>
    new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(paragraph)?.[1]?.trim() ?? null;
  const name = field('Package');
  const version = field('Version');
  if (name === null || version === null || version === '') return null;
  // Of a package that was removed, its configuration may be left.
  const state = field('Status')?.split(/\s+/)[2] ?? '';
  if (isStatusNeeded && !UNPACKED.has(state)) return null;

  const [, source = name, sourceVersion = version] = /^(\S+)(?:\s+\((.+)\))?$/.exec(field('Source') ?? name) ?? [];
  return {
    name,
    source,
    version: sourceVersion,
    isDistribution: !OTHER_MAKERS.test(field('Maintainer') ?? ''),
  };
}

/** dpkg(1), "Package states": those in which its files are there. */
const UNPACKED = new Set(['installed', 'unpacked', 'half-configured', 'triggers-awaited', 'triggers-pending']);

/** Who packages for several distributions, with upstream's version numbers. */
const OTHER_MAKERS =
  /\b(?:gitlab|grafana|elastic|jenkins(?:-ci)?|kohsuke|docker|f5|nginx|hashicorp|mongodb|mysql|oracle|mariadb|redis|rabbitmq|atlassian|splunk|zabbix|nodesource|percona|influxdata|sonarsource|jfrog|confluent|couchbase|varnish-software|microsoft)\.(?:com|co|io|org|net)\b/i;

function ownersOf(
  fs: RootFs,
  packages: readonly InstalledPackage[],
  paths: ReadonlySet<string>,
): Map<string, InstalledPackage> {
  const owners = new Map<string, InstalledPackage>();
  if (paths.size === 0) return owners;
  const byName = new Map(packages.map((found) => [found.name, found]));
  // A list may say /lib/x of a file that is at /usr/lib/x, and the other way round.
  const wanted = new Map<string, string>();
  for (const path of paths) {
    wanted.set(path, path);
    wanted.set(path.startsWith('/usr/') ? path.slice('/usr'.length) : `/usr${path}`, path);
  }
  let leftBytes = MAX_LISTS_BYTES;
  for (const { name: file } of fs.list(INFO).entries) {
    const [, name] = /^([^:]+)(?::[^.]+)?\.list$/.exec(file) ?? [];
    const owner = byName.get(name ?? '');
    if (owner === undefined) continue;
    const text = fs.readText(`${INFO}/${file}`, Math.min(MAX_LIST_BYTES, leftBytes)) ?? '';
    leftBytes -= text.length;
    for (const line of linesOf(text)) {
      const path = wanted.get(line);
      if (path !== undefined) owners.set(path, owner);
    }
  }
  return owners;
}

function* linesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at);
    yield text.slice(at, end < 0 ? text.length : end);
    at = end < 0 ? text.length : end + 1;
  }
}
