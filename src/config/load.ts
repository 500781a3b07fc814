import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import type { z } from 'zod';
import { RuleFault } from '../rules/fault.ts';
import { HeaderSets } from '../rules/header-sets.ts';
import { nearestName } from '../rules/nearest-name.ts';
import { type Config, DEFAULTS } from './config.ts';
import { mergeConfig, mergeOverrides, type Overrides } from './overrides.ts';
import { type ConfigProblem, reasonOf } from './problem.ts';
import { expandRuleFiles } from './rule-files.ts';
import { configSchema, keysAt } from './schema.ts';
import { policyRulesFile } from './state-paths.ts';
import { readSuricataYaml } from './suricata/suricata-yaml.ts';
import { kindOfVariable, parseAssignment, type VariableKind } from './variables.ts';
import { YamlFile } from './yaml-file.ts';

/** Where a configuration comes from, the later the stronger. Relative paths count from `directory`. */
export interface ConfigSources {
  /** The command's own defaults, weaker than everything below. */
  readonly defaults?: Overrides;
  /** An existing suricata.yaml: what applies here is taken over. */
  readonly suricataYaml?: string;
  readonly file?: string;
  /** Of the command line. */
  readonly overrides?: Overrides;
  /** `NAME=VALUE` for rule variables. */
  readonly assignments?: readonly string[];
  /** Rule files beside those of the files above; patterns are allowed. */
  readonly addedRules?: readonly string[];
  /** Rule files instead of those of the files above. */
  readonly onlyRules?: readonly string[];
  readonly directory?: string;
}

/** Nothing of a configuration is used when a part of it is wrong; then all that is wrong is told at once. */
export type LoadedConfig =
  | {
      readonly status: 'ok';
      readonly config: Config /** What a user should know. */;
      readonly notes: readonly string[];
    }
  | { readonly status: 'invalid'; readonly problems: readonly ConfigProblem[] };

/** All layers on top of each other, each problem with its place. Never throws for what is in a file. */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const directory = sources.directory ?? process.cwd();
  const problems: ConfigProblem[] = [];
  const notes: string[] = [];
  const layers: Overrides[] = sources.defaults === undefined ? [] : [sources.defaults];
  const skipRules = sources.onlyRules !== undefined;

  if (sources.suricataYaml !== undefined) {
    const taken = readSuricataYaml(sources.suricataYaml, directory, skipRules);
    problems.push(...taken.problems);
    notes.push(...taken.notes);
    layers.push(taken.overrides);
  }
  const reads = sources.file === undefined ? [] : readConfigFiles(sources.file, directory, skipRules, problems);
  layers.push(...reads.map(({ values }) => values));
  if (sources.overrides !== undefined) layers.push(sources.overrides);
  const assigned = assignVariables(sources.assignments ?? [], mergeConfig(...layers), problems);
  layers.push(assigned);
  layers.push(ruleFilesOf(sources, mergeConfig(...layers), directory, problems));

  const config = mergeConfig(...layers);
  problems.push(...variableProblems(config, assigned, reads));
  if (problems.length > 0) return { status: 'invalid', problems: problems.sort(byPlace) };
  return { status: 'ok', config, notes };
}

interface ReadFile {
  readonly yaml: YamlFile;
  readonly values: Overrides;
}

/** The file and, in the order of their names, those of its drop-in folder: `vpatch.d/*.yaml` beside `vpatch.yaml`. */
function readConfigFiles(file: string, directory: string, skipRules: boolean, problems: ConfigProblem[]): ReadFile[] {
  const folder = join(dirname(file), `${basename(file, extname(file))}.d`);
  const files = [file];
  try {
    const names = readdirSync(resolve(directory, folder)).filter((name) => name.endsWith('.yaml'));
    files.push(...names.sort().map((name) => join(folder, name)));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') {
      problems.push({ file: folder, line: 0, column: 0, key: '', message: `cannot be read: ${reasonOf(error)}` });
    }
  }
  return files.map((one) => readConfigFile(one, directory, skipRules, problems));
}

/** Checks one file and makes its paths absolute: they count from the file's own folder. */
function readConfigFile(file: string, directory: string, skipRules: boolean, problems: ConfigProblem[]): ReadFile {
  const yaml = YamlFile.read(resolve(directory, file), file);
  if (yaml.problems.length > 0) {
    problems.push(...yaml.problems);
    return { yaml, values: {} };
  }
  // A file with nothing but comments is a valid configuration: all defaults.
  const parsed = configSchema.safeParse(yaml.value ?? {});
  if (!parsed.success) {
    problems.push(...parsed.error.issues.flatMap((issue) => problemsOf(issue, yaml)));
    return { yaml, values: {} };
  }
  return { yaml, values: withAbsolutePaths(parsed.data, resolve(directory, dirname(file)), yaml, skipRules, problems) };
}

function problemsOf(issue: z.core.$ZodIssue, yaml: YamlFile): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(issue.path);
    return issue.keys.map((key) => yaml.keyProblem([...issue.path, key], unknownKeyMessage(key, known)));
  }
  if (issue.code === 'invalid_key') {
    const expected = issue.issues[0]?.message ?? 'this is no key that can stand here';
    return [yaml.keyProblem(issue.path, expected)];
  }
  return [yaml.valueProblem(issue.path, issue.message)];
}

function unknownKeyMessage(key: string, known: readonly string[]): string {
  const suggestion = nearestName(key, known);
  return suggestion === null
    ? `unknown key; known here: ${known.join(', ')}`
    : `unknown key; did you mean ${suggestion}?`;
}

function withAbsolutePaths(
  values: Overrides,
  directory: string,
  yaml: YamlFile,
  skipRules: boolean,
  problems: ConfigProblem[],
): Overrides {
  const { datasets, files, reputationFiles, sources } = values.rules ?? {};
  const absolute = (path: string): string => resolve(directory, path);
  const eveFile = values.outputs?.eve?.file;
  const expanded = (skipRules ? [] : files)?.flatMap((pattern, i) => {
    const found = expandRuleFiles(pattern, directory);
    if ('files' in found) return found.files;
    problems.push(yaml.keyProblem(['rules', 'files', i], found.message));
    return [];
  });
  const paths = PATHS.flatMap((field) => {
    const path = values.rules?.[field];
    return path == null ? [] : [[field, absolute(path)] as const];
  });
  return mergeOverrides(values, {
    rules: {
      ...Object.fromEntries(paths),
      ...(expanded !== undefined && { files: expanded }),
      ...(sources !== undefined && {
        sources: sources.map((source) => ({ ...source, path: source.path === null ? null : absolute(source.path) })),
      }),
      ...(datasets !== undefined && { datasets: absoluteDatasets(datasets, absolute) }),
      ...(reputationFiles !== undefined && { reputationFiles: reputationFiles.map(absolute) }),
    },
    ...(values.scan !== undefined && { scan: absoluteScan(values.scan, absolute) }),
    ...(values.state?.folder !== undefined && { state: { folder: absolute(values.state.folder) } }),
    ...(values.notify !== undefined && { notify: absoluteNotify(values.notify, absolute) }),
    ...(eveFile != null && eveFile !== '-' && { outputs: { eve: { file: absolute(eveFile) } } }),
  });
}

const absoluteDatasets = (
  datasets: Overrides<Config['rules']['datasets']>,
  absolute: (path: string) => string,
): Overrides<Config['rules']['datasets']> =>
  Object.fromEntries(
    Object.entries(datasets).map(([name, set]) => [
      name,
      { ...set, ...(set?.load != null && { load: absolute(set.load) }) },
    ]),
  );

/** Candidates stay patterns: only a scan looks for them, and nothing else fails where they are not there. */
const absoluteScan = (
  { candidates }: Overrides<Config['scan']>,
  absolute: (path: string) => string,
): Overrides<Config['scan']> => ({
  ...(candidates !== undefined && { candidates: candidates.map(absolute) }),
});

const absoluteNotify = (
  { mail, webhook }: Overrides<Config['notify']>,
  absolute: (path: string) => string,
): Overrides<Config['notify']> => ({
  ...(mail != null && {
    mail: {
      ...(mail.passwordFile != null && { passwordFile: absolute(mail.passwordFile) }),
      ...(mail.caFile != null && { caFile: absolute(mail.caFile) }),
    },
  }),
  ...(webhook?.headerFile != null && { webhook: { headerFile: absolute(webhook.headerFile) } }),
});

const PATHS = [
  'disableFile',
  'enableFile',
  'dropFile',
  'modifyFile',
  'listsFolder',
  'cacheFolder',
  'classificationFile',
  'referenceFile',
  'dataFolder',
  'geoipDatabaseFile',
  'reputationCategoriesFile',
  'thresholdFile',
] as const;

/** Rules that are named on the command line are taken as they are, and no others. */
const NO_OTHERS = {
  takesPins: false,
  sources: [],
  disableFile: null,
  enableFile: null,
  dropFile: null,
  modifyFile: null,
  listsFolder: null,
};

function assignVariables(assignments: readonly string[], base: Config, problems: ConfigProblem[]): Overrides {
  const addresses: Record<string, string> = {};
  const ports: Record<string, string> = {};
  for (const text of assignments) {
    const assignment = parseAssignment(text);
    if (assignment === null) {
      problems.push(onCommandLine(`--set ${text}`, 'expected NAME=VALUE, such as HOME_NET=[10.0.0.0/8,fd00::/8]'));
      continue;
    }
    const { name, value } = assignment;
    (kindOfVariable(name, value, base.variables) === 'ports' ? ports : addresses)[name] = value;
  }
  return { variables: { addresses, ports } };
}

/**
 * What the rule compiler would say of the variables that a user set. Those that nobody set are right, or
 * wrong only because of those that somebody did.
 */
function variableProblems({ variables }: Config, assigned: Overrides, reads: readonly ReadFile[]): ConfigProblem[] {
  const sets = new HeaderSets(variables);
  const problems: ConfigProblem[] = [];
  const attempt = (name: string, kind: VariableKind, text: string): void => {
    try {
      if (kind === 'ports') sets.ports({ text, at: 0 });
      else sets.addresses({ text, at: 0 });
    } catch (error) {
      if (!(error instanceof RuleFault)) throw error;
      const read = reads.findLast(({ values }) => values.variables?.[kind]?.[name] !== undefined);
      problems.push(
        read !== undefined && assigned.variables?.[kind]?.[name] === undefined
          ? read.yaml.valueProblem(['variables', kind, name], error.message)
          : onCommandLine(`variable ${name}=${text}`, error.message),
      );
    }
  };
  for (const kind of ['addresses', 'ports'] as const) {
    for (const [name, value] of Object.entries(variables[kind])) {
      if (value !== DEFAULTS.variables[kind][name]) attempt(name, kind, value);
    }
  }
  return problems;
}

/** The rule files of the command line beside, or instead of, those of the configuration; each file once. */
function ruleFilesOf(
  { addedRules = [], onlyRules }: ConfigSources,
  base: Config,
  directory: string,
  problems: ConfigProblem[],
): Overrides {
  const expand = (option: string, patterns: readonly string[]): readonly string[] =>
    patterns.flatMap((pattern) => {
      const found = expandRuleFiles(pattern, directory);
      if ('files' in found) return found.files;
      problems.push(onCommandLine(`${option} ${pattern}`, found.message));
      return [];
    });
  const configured =
    onlyRules === undefined ? [...policyFiles(base, problems), ...base.rules.files] : expand('-S', onlyRules);
  const files = [...new Set([...configured, ...expand('-s', addedRules)])];
  return { rules: { files, ...(onlyRules !== undefined && NO_OTHERS) } };
}

/** Before all others: of rules with the same number, the policy's is the one that the user has decided on. */
function policyFiles({ rules, state }: Config, problems: ConfigProblem[]): string[] {
  if (rules.policy === 'none') return [];
  const file = policyRulesFile(state.folder);
  if (existsSync(file)) return [file];
  problems.push(onCommandLine('rules.policy', `there is no policy in ${file} yet: run "vpatch scan --apply"`));
  return [];
}

/** As one reads a file. The command line comes first; files keep their order. */
const byPlace = (a: ConfigProblem, b: ConfigProblem): number =>
  a.file === b.file ? a.line - b.line || a.column - b.column : 0;

const onCommandLine = (key: string, message: string): ConfigProblem => ({ file: '', line: 0, column: 0, key, message });
