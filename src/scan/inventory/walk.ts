import type { Dirent } from 'node:fs';
import type { RootFs } from '../root-fs.ts';
import { APPLICATION_FILE_NAMES, findApplication } from './application-files.ts';
import { findInBinary, isServerBinary } from './binaries.ts';
import type { Find } from './find.ts';
import { jarFinds } from './jar-facts.ts';
import { ARCHIVE_NAME, findInArchive } from './jars.ts';
import {
  findBitnamiComponents,
  findComposerPackages,
  findNodePackage,
  findPythonPackage,
  findRubyGem,
  findWordpressPlugin,
} from './language-packages.ts';

export interface WalkLimits {
  readonly maxMs: number;
  readonly maxFiles: number;
  readonly maxFinds: number;
}

export const DEFAULT_WALK_LIMITS: WalkLimits = {
  // A large server has a million files, which take some ten seconds.
  maxMs: 120_000,
  maxFiles: 5_000_000,
  maxFinds: 200_000,
};

/** Deeper than node_modules go; what is made to go deeper is not walked. */
const MAX_DEPTH = 64;
const MAX_POM_BYTES = 64 * 1024;
/** Between two reports of progress. */
const PROGRESS_FILES = 5000;

/** Kernel interfaces, what is gone at the next start, and files of containers: these are scanned by `--root`. */
const SKIPPED: ReadonlySet<string> = new Set([
  '/proc',
  '/sys',
  '/dev',
  '/run',
  '/tmp/.X11-unix',
  '/var/lib/docker',
  '/var/lib/containerd',
  '/var/lib/containers',
  '/var/lib/kubelet',
  '/var/snap',
]);

/** File systems of other machines, and those without files of their own. */
const REMOTE_TYPES =
  /^(?:nfs4?|cifs|smb3?|ceph|glusterfs|lustre|afs|9p|fuse\..*|autofs|proc|sysfs|devpts|cgroup2?|overlay)$/;

export interface WalkResult {
  readonly finds: readonly Find[];
  readonly files: number;
  /** False: a limit ended it, and there may be more. */
  readonly isComplete: boolean;
  /** What was not looked at, for people. */
  readonly notes: readonly string[];
}

export interface WalkOptions {
  readonly limits?: WalkLimits;
  readonly nowMs: () => number;
  readonly onProgress?: (files: number, folder: string) => void;
}

/** Looks at the files of a system for software that no package manager knows. Follows no links. */
export async function walk(fs: RootFs, options: WalkOptions): Promise<WalkResult> {
  const walker = new Walker(fs, options);
  await walker.run();
  return walker.result();
}

class Walker {
  readonly #fs: RootFs;
  readonly #options: WalkOptions;
  readonly #limits: WalkLimits;
  readonly #skipped: ReadonlySet<string>;
  readonly #finds: Find[] = [];
  readonly #endMs: number;
  #files = 0;
  #unreadFolders = 0;
  #incompleteArchives: string[] = [];
  #end: string | null = null;

  constructor(fs: RootFs, options: WalkOptions) {
    this.#fs = fs;
    this.#options = options;
    this.#limits = options.limits ?? DEFAULT_WALK_LIMITS;
    this.#endMs = options.nowMs() + this.#limits.maxMs;
    this.#skipped = new Set([...SKIPPED, ...(fs.isLive ? otherFileSystems(fs) : [])]);
  }

  async run(): Promise<void> {
    const stack: { path: string; depth: number }[] = [{ path: '', depth: 0 }];
    for (let folder = stack.pop(); folder !== undefined && this.#end === null; folder = stack.pop()) {
      if (folder.depth > MAX_DEPTH) {
        this.#unreadFolders++;
        continue;
      }
      const { entries, isComplete } = this.#fs.list(folder.path === '' ? '/' : folder.path);
      if (!isComplete) this.#unreadFolders++;
      for (const entry of entries) {
        const path = `${folder.path}/${entry.name}`;
        if (entry.isDirectory()) {
          if (!this.#skipped.has(path)) stack.push({ path, depth: folder.depth + 1 });
        } else if (entry.isFile()) await this.#look(path, entry);
        if (this.#end !== null) break;
      }
    }
  }

  result(): WalkResult {
    const archives = this.#incompleteArchives;
    const shown = archives.slice(0, 3).join(', ');
    return {
      finds: this.#finds,
      files: this.#files,
      isComplete: this.#end === null,
      notes: [
        ...(this.#end === null ? [] : [`not all files were looked at: ${this.#end}`]),
        ...(this.#unreadFolders === 0 ? [] : [`${this.#unreadFolders} folders could not be read to their end`]),
        ...(archives.length === 0
          ? []
          : [
              `${archives.length} archives are broken or beyond the limits: ${shown}${archives.length > 3 ? ' ...' : ''}`,
            ]),
      ],
    };
  }

  async #look(path: string, entry: Dirent): Promise<void> {
    this.#files++;
    if (this.#files % PROGRESS_FILES === 0) this.#options.onProgress?.(this.#files, path);
    if (this.#files > this.#limits.maxFiles) this.#end = `there are more than ${this.#limits.maxFiles}`;
    else if (this.#finds.length > this.#limits.maxFinds) this.#end = 'there is too much software';
    else if (this.#options.nowMs() >= this.#endMs) {
      this.#end = `that would take longer than ${this.#limits.maxMs / 1000} s`;
    }
    if (this.#end !== null) return;

    const { name } = entry;
    if (ARCHIVE_NAME.test(name)) {
      const { finds, isIncomplete } = await findInArchive(this.#fs, path);
      this.#add(finds);
      if (isIncomplete) this.#incompleteArchives.push(path);
    } else for (const find of finderOf(path, name)) this.#add(find(this.#fs, path));
  }

  /** One file may tell of more than a call takes arguments. */
  #add(finds: readonly Find[]): void {
    for (const find of finds) this.#finds.push(find);
  }
}

type Finder = (fs: RootFs, path: string) => readonly Find[];

const BY_NAME: ReadonlyMap<string, Finder> = new Map<string, Finder>([
  ['package.json', findNodePackage],
  ['METADATA', findPythonPackage],
  ['PKG-INFO', findPythonPackage],
  ['installed.json', findComposerPackages],
  ['readme.txt', findWordpressPlugin],
  ['.bitnami_components.json', findBitnamiComponents],
  ['pom.properties', findUnpackedJar],
]);

function* finderOf(path: string, name: string): Generator<Finder> {
  const byName = BY_NAME.get(name);
  if (byName !== undefined) yield byName;
  if (APPLICATION_FILE_NAMES.has(name)) yield findApplication;
  const dot = name.lastIndexOf('.');
  if (name.endsWith('.egg-info')) yield findPythonPackage;
  else if (name.endsWith('.gemspec')) yield findRubyGem;
  else if (name.endsWith('.php') && path.endsWith(`/plugins/${name.slice(0, -4)}/${name}`)) yield findWordpressPlugin;
  else if (isServerBinary(name) || (dot < 0 && PROGRAM_FOLDERS.test(path))) yield findInBinary;
}

/** Where programs without an extension are worth a look at their first bytes. */
const PROGRAM_FOLDERS =
  /^\/(?:(?:usr\/(?:local\/)?)?s?bin|usr\/local\/[^/]+|opt|srv|home|root|app|usr\/libexec|var\/www)\//;

/** A jar or war that a server has unpacked. */
function findUnpackedJar(fs: RootFs, path: string): readonly Find[] {
  if (!/\/META-INF\/maven\/[^/]+\/[^/]+\/pom\.properties$/.test(path)) return [];
  const poms = [fs.readText(path, MAX_POM_BYTES) ?? ''];
  return jarFinds({
    path,
    manifest: null,
    poms,
    versionProperties: null,
    hasJndiLookup: false,
    hasOtherLookups: false,
  });
}

/** Mount points, of the running system, that hold what is not this machine's own. */
function otherFileSystems(fs: RootFs): string[] {
  const mounts = fs.readText('/proc/self/mounts', 1024 * 1024) ?? '';
  return mounts.split('\n').flatMap((line) => {
    const [, point = '/', type = ''] = line.split(' ');
    return point !== '/' && REMOTE_TYPES.test(type) ? [point.replaceAll('\\040', ' ')] : [];
  });
}
