import type { RootFs } from '../root-fs.ts';
import { readApk } from './apk.ts';
import type { Component, InstalledPackage, PackageDatabase } from './component.ts';
import { readDpkg } from './dpkg.ts';
import type { Find } from './find.ts';
import { type OperatingSystem, readOperatingSystem } from './os-release.ts';
import { type ListeningProcess, readProcesses } from './processes.ts';
import { readRpm } from './rpm.ts';
import { enabledServices } from './services.ts';
import { type WalkOptions, walk } from './walk.ts';

export interface Inventory {
  readonly root: string;
  readonly isLive: boolean;
  readonly system: OperatingSystem;
  readonly components: readonly Component[];
  readonly packages: number;
  readonly files: number;
  /** False: a limit ended the search for software, or a package database is damaged, and there may be more. */
  readonly isComplete: boolean;
  /** Of the running system; of an image there are none. */
  readonly processes: readonly UsingProcess[];
  /** systemd's units that start with the system. */
  readonly services: readonly string[];
  /** What could not be looked at, for people. */
  readonly notes: readonly string[];
}

export interface UsingProcess extends ListeningProcess {
  /** Source packages of its files. */
  readonly packages: ReadonlySet<string>;
}

/** What is installed and runs. Reads only, within the root and within limits; nothing that is found is run. */
export async function takeInventory(fs: RootFs, options: WalkOptions): Promise<Inventory> {
  const notes: string[] = [];
  const system = readOperatingSystem(fs);
  const databases = packageDatabases(fs, notes);
  if (databases.length > 0 && system.ecosystem === null) {
    notes.push(`there are no advisories for the packages of "${system.name}": only other software is matched`);
  }
  const list = fs.isLive ? readProcesses() : { processes: [], inContainers: 0, isComplete: true };
  if (list.inContainers > 0) {
    notes.push(`${list.inContainers} listening processes run in containers: scan each with --root /proc/PID/root`);
  }
  if (!list.isComplete) notes.push('not all processes could be looked at: only root sees what all listen to');

  const { finds, files, isComplete, notes: walkNotes } = await walk(fs, options);
  notes.push(...walkNotes);
  const wanted = new Set([
    ...finds.map(({ path }) => fileOf(path)),
    ...list.processes.flatMap(({ files }) => [...files]),
  ]);
  const owners = new Map(databases.flatMap((database) => [...database.ownersOf(wanted)]));
  return {
    root: fs.root,
    isLive: fs.isLive,
    system,
    components: [
      ...databases.flatMap((database) => packageComponents(database, system.ecosystem)),
      ...finds.map((find) => componentOf(find, owners.get(fileOf(find.path)))),
    ],
    packages: databases.reduce((sum, { packages }) => sum + packages.length, 0),
    files,
    isComplete: isComplete && databases.every(({ damaged }) => damaged === null),
    processes: list.processes.map((process) => ({
      ...process,
      packages: new Set([...process.files].flatMap((file) => owners.get(file)?.source ?? [])),
    })),
    services: enabledServices(fs),
    notes,
  };
}

/** The file that holds a find: of a jar in a jar, the outer one. */
export const fileOf = (path: string): string => path.split('!', 1)[0]!;

function packageDatabases(fs: RootFs, notes: string[]): PackageDatabase[] {
  const rpm = readRpm(fs);
  if (rpm.unread !== null) {
    notes.push(`${rpm.unread} is a package database of a form that is not read: packages of rpm are missing`);
  }
  const databases = [readDpkg(fs), readApk(fs), rpm.database].filter((database) => database !== null);
  for (const { manager, damaged } of databases) {
    if (damaged !== null) notes.push(`${damaged} is damaged or cannot be read: packages of ${manager} may be missing`);
  }
  return databases;
}

/** One for each source package and version. */
function packageComponents({ manager, packages }: PackageDatabase, ecosystem: string | null): Component[] {
  const components = new Map<string, { component: Component; from: Set<string> }>();
  const add = (name: string, { name: from, source, version, isDistribution }: InstalledPackage): void => {
    const key = `${name} ${version}`;
    const known = components.get(key);
    if (known !== undefined) {
      known.from.add(from);
      return;
    }
    const component = {
      ecosystem: ecosystem ?? `unknown ${manager}`,
      name,
      version,
      path: null,
      from: [],
      owner: { name: from, source, isDistribution },
    };
    components.set(key, { component, from: new Set([from]) });
  };
  for (const installed of packages) {
    add(installed.source, installed);
    // Advisories for rpm name either.
    if (manager === 'rpm' && installed.name !== installed.source) add(installed.name, installed);
  }
  return [...components.values()].map(({ component, from }) => ({ ...component, from: [...from].sort() }));
}

const componentOf = (
  { ecosystem, name, version, path, source }: Find,
  owner: InstalledPackage | undefined,
): Component => ({
  ecosystem,
  name,
  version,
  path,
  from: [source],
  owner:
    owner === undefined
      ? null
      : // What lies in /opt is another maker's, whoever has packaged it.
        { ...owner, isDistribution: owner.isDistribution && !path.startsWith('/opt/') },
});
