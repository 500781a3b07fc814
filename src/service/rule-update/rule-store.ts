import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../../base/make-folder.ts';
import { fetchedRulesFolder, liveRulesFolder } from '../../config/state-paths.ts';
import type { SourceFiles } from './archive.ts';
import { SourceError } from './source-error.ts';

const knownDownload = z.object({
  url: z.string(),
  etag: z.string().nullable(),
  modified: z.string().nullable(),
  sha256: z.string(),
});
const knownDownloads = z.record(z.string(), knownDownload);

/** What is remembered of the last download of a source. */
export type KnownDownload = Readonly<z.output<typeof knownDownload>>;

/** With the one that is live: the one before it is there to look at, or to go back to. */
const KEPT_SETS = 2;
/** What was published is for everybody to read, and for nobody else to write, whatever the umask. */
const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;

/**
 * The folder in which fetched rules live: `downloads/` as they came, `sets/` unpacked, `current`, a link to the set
 * that is live, and `sources.json`.
 */
export class RuleStore {
  readonly folder: string;
  readonly #liveLink: string;

  constructor(stateFolder: string) {
    this.folder = fetchedRulesFolder(stateFolder);
    this.#liveLink = liveRulesFolder(stateFolder);
  }

  get hasLiveSet(): boolean {
    return existsSync(this.#liveLink);
  }

  /** Only one at a time writes. Throws SourceError where another one is at work. */
  lock(): () => void {
    makeFolder(this.folder, FOLDER_MODE);
    const file = join(this.folder, 'lock');
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx', mode: FILE_MODE });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      const owner = Number(readFileSync(file, 'utf8'));
      if (isRunning(owner)) throw new SourceError(`another update is at work: process ${owner} (${file})`);
      writeFileSync(file, String(process.pid));
    }
    return () => rmSync(file, { force: true });
  }

  downloads(): Readonly<Record<string, KnownDownload>> {
    const file = join(this.folder, 'sources.json');
    try {
      return knownDownloads.parse(JSON.parse(readFileSync(file, 'utf8')));
    } catch {
      // Not there yet, or not as we wrote it: then all is fetched as if for the first time.
      return {};
    }
  }

  /** Null: nothing of it is kept. */
  downloaded(source: string): Uint8Array | null {
    const file = this.#downloadFile(source);
    return existsSync(file) ? readFileSync(file) : null;
  }

  saveDownload(source: string, bytes: Uint8Array, known: KnownDownload): void {
    makeFolder(join(this.folder, 'downloads'), FOLDER_MODE);
    this.#replaceFile(this.#downloadFile(source), bytes);
    const downloads = { ...this.downloads(), [source]: known };
    this.#replaceFile(join(this.folder, 'sources.json'), `${JSON.stringify(downloads, null, 2)}\n`);
  }

  /** Writes a set that is not live. Returns its folder. `isTemporary`: elsewhere, for a trial. */
  writeSet(sources: ReadonlyMap<string, SourceFiles>, isTemporary: boolean): string {
    const folder = isTemporary ? mkdtempSync(join(tmpdir(), 'vpatch-rules-')) : this.#newSetFolder();
    try {
      for (const [source, files] of sources) {
        for (const [path, bytes] of files) {
          const file = join(folder, source, path);
          makeFolder(dirname(file), FOLDER_MODE);
          writeFileSync(file, bytes, { mode: FILE_MODE, flush: true });
        }
      }
    } catch (error) {
      rmSync(folder, { recursive: true });
      throw error;
    }
    return folder;
  }

  /** From one moment to the next, whoever reads `current` finds the new set. */
  makeLive(setFolder: string): void {
    const link = join(this.folder, `current.${process.pid}`);
    rmSync(link, { force: true });
    symlinkSync(join('sets', basename(setFolder)), link);
    renameSync(link, this.#liveLink);
    this.#removeOldSets();
  }

  #newSetFolder(): string {
    const sets = join(this.folder, 'sets');
    makeFolder(sets, FOLDER_MODE);
    const numbers = readdirSync(sets)
      .map((name) => Number.parseInt(name, 10))
      .filter(Number.isInteger);
    const folder = join(sets, `${Math.max(0, ...numbers) + 1}-${randomBytes(3).toString('hex')}`);
    mkdirSync(folder, FOLDER_MODE);
    return folder;
  }

  #removeOldSets(): void {
    const live = basename(readlinkSync(this.#liveLink));
    const others = readdirSync(join(this.folder, 'sets')).filter((name) => name !== live);
    const byAge = others.sort((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10));
    for (const name of byAge.slice(KEPT_SETS - 1)) rmSync(join(this.folder, 'sets', name), { recursive: true });
  }

  #downloadFile(source: string): string {
    return join(this.folder, 'downloads', source);
  }

  #replaceFile(file: string, content: string | Uint8Array): void {
    writeFileSync(`${file}.new`, content, { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
