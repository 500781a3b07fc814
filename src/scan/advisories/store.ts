import { createReadStream, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { advisoriesFolder } from '../../config/state-paths.ts';
import { readState, StateError } from '../../patches/policy-store.ts';
import { replaceFile } from '../../patches/state-file.ts';
import { type Advisory, type AdvisorySource, packageKey } from '../advisory.ts';
import { isAbout } from '../ecosystem.ts';
import { type AdvisoryRecord, affectedOf } from './record.ts';

export const KINDS = ['osv', 'debian', 'csaf', 'kev', 'epss'] as const;
export type Kind = (typeof KINDS)[number];

const metaSchema = z.object({
  name: z.string(),
  kind: z.enum(KINDS),
  /** The file or address that it came from. */
  origin: z.string(),
  importedMs: z.number(),
  records: z.number(),
  /** Releases of which it has everything. */
  complete: z.array(z.string()),
});
export type AdvisoryMeta = z.output<typeof metaSchema>;

/** What CISA and FIRST say of a weakness. */
export interface Enrichment {
  /** When it came into CISA's catalogue of exploited weaknesses. */
  readonly kevAdded: string | null;
  readonly isRansomware: boolean;
  /** How likely it is used within 30 days, from 0 to 1. */
  readonly epss: number | null;
}

/**
 * Imported advisories on disk: of each import a gzip file of lines `key<TAB>JSON`, which is read through once for
 * what a scan needs, and a small file about it.
 */
export class AdvisoryStore {
  readonly folder: string;

  constructor(stateFolder: string) {
    this.folder = advisoriesFolder(stateFolder);
  }

  /** By name. Throws StateError. */
  list(): AdvisoryMeta[] {
    if (!existsSync(this.folder)) return [];
    const files = readdirSync(this.folder)
      .filter((name) => name.endsWith('.json'))
      .sort();
    return files.map((name) => readState(join(this.folder, name), metaSchema));
  }

  linesFile(name: string): string {
    return join(this.folder, `${name}.tsv.gz`);
  }

  /** After its lines are in place. */
  add(meta: AdvisoryMeta): void {
    replaceFile(join(this.folder, `${meta.name}.json`), `${JSON.stringify(meta, null, 2)}\n`);
  }

  remove(name: string): void {
    rmSync(join(this.folder, `${name}.json`), { force: true });
    rmSync(this.linesFile(name), { force: true });
  }

  /** What is known of some packages, by `packageKey`. */
  async advisories(wanted: ReadonlySet<string>): Promise<AdvisorySource> {
    const byKey = new Map<string, Advisory[]>();
    const complete = new Set<string>();
    for (const meta of this.list()) {
      if (meta.kind === 'kev' || meta.kind === 'epss') continue;
      for (const ecosystem of meta.complete) complete.add(ecosystem);
      for await (const [key, record] of this.#lines(meta, wanted)) {
        const known = byKey.get(key) ?? [];
        byKey.set(key, known);
        known.push(advisoryOf(record as AdvisoryRecord, meta));
      }
    }
    return {
      about: (family, name) => byKey.get(packageKey(family, name)) ?? [],
      isComplete: (ecosystem) => [...complete].some((release) => isAbout(release, ecosystem)),
    };
  }

  /** What is known of some weaknesses. */
  async enrichments(cves: ReadonlySet<string>): Promise<ReadonlyMap<string, Enrichment>> {
    const found = new Map<string, Enrichment>();
    for (const meta of this.list()) {
      if (meta.kind !== 'kev' && meta.kind !== 'epss') continue;
      for await (const [cve, more] of this.#lines(meta, cves)) {
        found.set(cve, { ...(found.get(cve) ?? NOTHING_KNOWN), ...(more as Partial<Enrichment>) });
      }
    }
    return found;
  }

  async *#lines({ name }: AdvisoryMeta, wanted: ReadonlySet<string>): AsyncGenerator<[string, unknown]> {
    const file = this.linesFile(name);
    try {
      const lines = createInterface({ input: createReadStream(file).pipe(createGunzip()) });
      for await (const line of lines) {
        const tab = line.indexOf('\t');
        const key = line.slice(0, tab);
        if (wanted.has(key)) yield [key, JSON.parse(line.slice(tab + 1)) as unknown];
      }
    } catch {
      throw new StateError(`${file} is damaged: import it again`);
    }
  }
}

const NOTHING_KNOWN: Enrichment = { kevAdded: null, isRansomware: false, epss: null };

const SOURCES: Readonly<Record<Kind, string>> = { osv: 'OSV', debian: 'Debian', csaf: 'Red Hat', kev: '', epss: '' };

const advisoryOf = (record: AdvisoryRecord, { kind }: AdvisoryMeta): Advisory => ({
  id: record.id,
  cves: record.cves,
  affected: affectedOf(record),
  source: SOURCES[kind],
  cvss: record.cvss,
  title: record.title,
});
