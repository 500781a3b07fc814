import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { readTextFile, readWholeFile, UnreadableFileError } from '../base/whole-file.ts';
import type { Config } from '../config/config.ts';
import { datasetsFolder, liveRulesFolder } from '../config/state-paths.ts';
import { PolicyStore } from '../patches/policy-store.ts';
import { Countries } from '../rules/countries.ts';
import type { ReputationText } from '../rules/reputation.ts';
import { LIST_NAMES, type ListName, type ListText } from '../rules/selection/lists.ts';
import { pinRules } from '../rules/selection/pins.ts';
import { type Selection, selectRules } from '../rules/selection/select.ts';

/** Everything that rules are compiled from, read once: all workers compile the same, whatever becomes of the files. */
export interface RuleTexts {
  readonly files: readonly ListText[];
  /** What the lists of the configuration have changed in `files`; left out where there are none. */
  readonly selection?: Omit<Selection, 'files'>;
  /** By absolute path: files that rules name and that can be read. Left out: there are none. */
  readonly named?: Readonly<Record<string, string>>;
  /** Null: Suricata's defaults. */
  readonly classification: string | null;
  readonly reference: string | null;
  /** Null: only rules themselves say how often they alert. */
  readonly threshold: string | null;
  /** Left out: none is configured. */
  readonly countries?: CountryDatabase;
  /** Null: no reputation of addresses is configured. */
  readonly reputation: { readonly categories: ReputationText; readonly lists: readonly ReputationText[] } | null;
}

/** A database of countries. Shared: one copy for all threads. */
export interface CountryDatabase {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** SHA-256, in hexadecimal. */
  readonly digest: string;
}

/** The configuration has sources, and nothing was fetched from them yet. */
export class NoFetchedRulesError extends Error {
  override name = 'NoFetchedRulesError';
}

/**
 * Throws what the system says of a file that cannot be read, or NoFetchedRulesError. `fetchedFolder` has what the
 * sources of the configuration have, a folder for each.
 */
export function readRuleTexts(
  { rules, state }: Config,
  fetchedFolder: string = liveRulesFolder(state.folder),
): RuleTexts {
  const hasSources = rules.sources.length > 0;
  if (hasSources && !existsSync(fetchedFolder)) {
    throw new NoFetchedRulesError(`there are no rules in ${fetchedFolder} yet: run "vpatch rules update"`);
  }
  const fetched = rules.sources.flatMap(({ name }) => filesBelow(join(fetchedFolder, name)));
  const fetchedLists = (name: string): string | null => {
    const found = fetched.filter((file) => basename(file) === name);
    return found.length === 0 ? null : found.map(readTextFile).join('\n');
  };
  const ruleFiles = [...rules.files, ...fetched.filter((file) => file.endsWith('.rules'))];
  const written = ruleFiles.map((file) => ({ file, text: readTextFile(file) }));
  const lists = readLists(rules);
  // As suricata-update: even without lists, what flowbits need comes into force.
  const selected = hasSources || Object.keys(lists).length > 0 ? selectRules(written, lists) : null;
  const pins = rules.takesPins ? new PolicyStore(state.folder).pins() : {};
  const pinned = Object.keys(pins).length > 0 ? pinRules(selected?.files ?? written, pins) : null;
  const files = pinned?.files ?? selected?.files ?? written;
  const selections = [selected, pinned].filter((one) => one !== null);
  return {
    files,
    ...(selections.length > 0 && {
      selection: { changes: selections.flatMap(({ changes }) => changes), problems: selected?.problems ?? [] },
    }),
    named: readNamed(files, `${fetchedFolder}/`, rules, state.folder),
    classification:
      rules.classificationFile === null
        ? fetchedLists('classification.config')
        : readTextFile(rules.classificationFile),
    reference: rules.referenceFile === null ? fetchedLists('reference.config') : readTextFile(rules.referenceFile),
    threshold: rules.thresholdFile === null ? null : readTextFile(rules.thresholdFile),
    ...(rules.geoipDatabaseFile !== null && { countries: readCountries(rules.geoipDatabaseFile) }),
    reputation:
      rules.reputationCategoriesFile === null
        ? null
        : {
            categories: { file: rules.reputationCategoriesFile, text: readTextFile(rules.reputationCategoriesFile) },
            lists: rules.reputationFiles.map((file) => ({ file, text: readTextFile(file) })),
          },
  };
}

/** Those with cities have hundreds of MiB. */
const MAX_COUNTRIES_BYTES = 1024 * 2 ** 20;

/** Throws what is wrong with it. */
function readCountries(file: string): CountryDatabase {
  const read = readWholeFile(file, MAX_COUNTRIES_BYTES);
  const bytes = new Uint8Array(new SharedArrayBuffer(read.length));
  bytes.set(read);
  try {
    new Countries(bytes);
  } catch (error) {
    throw new Error(`${file} is no database in MaxMind's format: ${(error as Error).message}`, { cause: error });
  }
  return { bytes, digest: createHash('sha256').update(read).digest('hex') };
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** The lists that choose among rules; each that is named, else that of the folder where it has one. */
function readLists(rules: Config['rules']): Partial<Record<ListName, ListText>> {
  const named = {
    disable: rules.disableFile,
    enable: rules.enableFile,
    drop: rules.dropFile,
    modify: rules.modifyFile,
  };
  const lists: Partial<Record<ListName, ListText>> = {};
  for (const name of LIST_NAMES) {
    const inFolder = rules.listsFolder === null ? null : join(rules.listsFolder, `${name}.conf`);
    const file = named[name] ?? (inFolder !== null && existsSync(inFolder) ? inFolder : null);
    if (file !== null) lists[name] = { file, text: readTextFile(file) };
  }
  return lists;
}

/** Where a file is that a rule of `ruleFile` names. */
export const pathOf = (ruleFile: string, name: string): string => resolve(dirname(ruleFile), name);

/** Where a set is kept under this name. */
export const keptPathOf = (stateFolder: string, name: string): string => resolve(datasetsFolder(stateFolder), name);

/**
 * Lists of digests, and what sets of values begin with. A rule whose file cannot be read is refused when it is
 * compiled, and so is one from elsewhere that names a file of this host: only what was fetched with it.
 */
function readNamed(
  files: RuleTexts['files'],
  fetchedFolder: string,
  { dataFolder, datasets }: Config['rules'],
  stateFolder: string,
): Record<string, string> {
  const named: Record<string, string> = {};
  const read = (path: string): void => {
    if (path in named) return;
    try {
      // A rule from elsewhere must not name a pipe that holds us up.
      if (statSync(path).isFile()) named[path] = readTextFile(path);
    } catch (error) {
      const isOfFile = error instanceof UnreadableFileError || (error instanceof Error && 'code' in error);
      if (!isOfFile) throw error;
    }
  };
  const keptFolder = datasetsFolder(stateFolder);
  const readBelow = (folder: string, name: string): void => {
    const path = resolve(folder, name);
    if (path.startsWith(`${folder}/`)) read(path);
  };
  for (const { load, state } of Object.values(datasets)) {
    if (load !== null) read(load);
    if (state === null) continue;
    readBelow(keptFolder, state);
    if (dataFolder !== null) readBelow(dataFolder, state);
  }
  for (const { file, text } of files) {
    for (const [, isKept, name = ''] of text.matchAll(NAMED_FILES)) {
      const path = pathOf(file, name);
      if (!file.startsWith(fetchedFolder) || path.startsWith(fetchedFolder)) read(path);
      if (isKept !== undefined) readBelow(keptFolder, name);
      if (dataFolder !== null) readBelow(dataFolder, name);
    }
  }
  return named;
}

/**
 * The file of `dataset`, `datarep`, `filemd5` and the like. Looked for within 1,000 characters of settings, so that a
 * text without an end of options costs no more the longer it is.
 */
const NAMED_FILES =
  /\b(?:data(?:set|rep)\s*:[^;]{0,1000}?,\s*(?:load|(state))|file(?:md5|sha1|sha256)\s*:\s*"?(?:!\s*)?)\s*([^\s,;"]+)/g;
