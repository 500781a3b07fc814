import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ConfigProblem, reasonOf } from '../config/problem.ts';
import { YamlFile } from '../config/yaml-file.ts';
import { descriptionSchema, type PatchDescription } from './description.ts';
import { type RuleEntry, readRuleEntries } from './rule-entry.ts';

/** The patches that come with vpatch. */
const SHIPPED_PATCHES = fileURLToPath(new URL('../../signatures', import.meta.url));

/** A virtual patch: its rules, and what they are for. */
export interface Patch {
  /** The name of its files: its first CVE in lower case. */
  readonly id: string;
  /** The folder of its files: the software it protects. */
  readonly software: string;
  readonly description: PatchDescription;
  readonly rules: readonly RuleEntry[];
  readonly rulesFile: string;
  readonly descriptionFile: string;
}

export interface Catalogue {
  /** By folder, then by id. */
  readonly patches: readonly Patch[];
  /** A patch with a problem is left out; the others are there. */
  readonly problems: readonly ConfigProblem[];
}

/** Reads `<directory>/<software>/cve-YYYY-NNNN.rules` and `.yaml`. Throws what the system says of the folder itself. */
export function readCatalogue(directory: string = SHIPPED_PATCHES): Catalogue {
  const patches: Patch[] = [];
  const problems: ConfigProblem[] = [];
  for (const folder of readdirSync(directory, { withFileTypes: true }).sort(byName)) {
    if (!folder.isDirectory()) continue;
    for (const id of idsIn(join(directory, folder.name), problems)) {
      const patch = readPatch(join(directory, folder.name), folder.name, id, problems);
      if (patch !== null) patches.push(patch);
    }
  }
  problems.push(...repeatedSids(patches));
  return { patches, problems };
}

function idsIn(folder: string, problems: ConfigProblem[]): string[] {
  const ids = new Set<string>();
  for (const name of readdirSync(folder).sort()) {
    const id = /^(cve-\d{4}-\d{4,})\.(?:rules|yaml)$/.exec(name)?.[1];
    if (id !== undefined) ids.add(id);
    else problems.push(wholeFile(join(folder, name), 'expected a name such as cve-2021-44228.rules or .yaml'));
  }
  return [...ids];
}

function readPatch(folder: string, software: string, id: string, problems: ConfigProblem[]): Patch | null {
  const rulesFile = join(folder, `${id}.rules`);
  const descriptionFile = join(folder, `${id}.yaml`);
  const before = problems.length;
  const description = readDescription(descriptionFile, id, problems);
  const rules = readRules(rulesFile, problems);
  if (description === null || problems.length > before) return null;
  return { id, software, description, rules, rulesFile, descriptionFile };
}

function readDescription(file: string, id: string, problems: ConfigProblem[]): PatchDescription | null {
  const yaml = YamlFile.read(file, file);
  problems.push(...yaml.problems);
  if (yaml.problems.length > 0) return null;

  const parsed = descriptionSchema.safeParse(yaml.value);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      if (issue.code !== 'unrecognized_keys') problems.push(yaml.valueProblem(issue.path, issue.message));
      else for (const key of issue.keys) problems.push(yaml.keyProblem([...issue.path, key], 'unknown key'));
    }
    return null;
  }
  if (parsed.data.cves[0] !== id.toUpperCase()) {
    problems.push(yaml.valueProblem(['cves', 0], `expected ${id.toUpperCase()}, as the file is called`));
  }
  return parsed.data;
}

function readRules(file: string, problems: ConfigProblem[]): readonly RuleEntry[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    problems.push(wholeFile(file, `cannot be read: ${reasonOf(error)}`));
    return [];
  }
  const { entries, faults } = readRuleEntries(text);
  problems.push(...faults.map((fault) => ({ file, key: '', ...fault })));
  if (entries.length + faults.length === 0) problems.push(wholeFile(file, 'has no rule'));
  return entries;
}

function repeatedSids(patches: readonly Patch[]): ConfigProblem[] {
  const owners = new Map<number, string>();
  return patches.flatMap(({ rules, rulesFile }) =>
    rules.flatMap(({ sid, line }) => {
      const owner = owners.get(sid);
      owners.set(sid, owner ?? `${rulesFile}:${line}`);
      if (owner === undefined) return [];
      return [{ file: rulesFile, line, column: 1, key: '', message: `sid ${sid} is that of ${owner}` }];
    }),
  );
}

const wholeFile = (file: string, message: string): ConfigProblem => ({ file, line: 0, column: 0, key: '', message });

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
