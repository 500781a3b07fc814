import { resolve } from 'node:path';
import type { Command } from 'commander';
import { counted } from '../base/counted.ts';
import { readTextFile } from '../base/whole-file.ts';
import type { Config } from '../config/config.ts';
import { reasonOf } from '../config/problem.ts';
import { expandRuleFiles } from '../config/rule-files.ts';
import { withoutControls } from '../output/log.ts';
import type { Patch } from '../patches/catalogue.ts';
import { type Offer, offersOf } from '../patches/offer.ts';
import { PolicyStore, StateError } from '../patches/policy-store.ts';
import { type RuleEntry, readRuleEntries } from '../patches/rule-entry.ts';
import { AdvisoryStore } from '../scan/advisories/store.ts';
import { settingsFrom } from './common-options.ts';
import { EXIT, Failure } from './failure.ts';
import { loadCatalogue } from './patches/shipped.ts';
import { collect } from './repeatable.ts';
import { takeOver } from './take-over.ts';

/** What the commands of the scan and its policy share. */
export interface SetupOptions {
  readonly config?: string;
  readonly state?: string;
  readonly candidates?: readonly string[];
}

export interface ScanSetup {
  readonly settings: Config['scan'];
  readonly stateFolder: string;
  readonly store: PolicyStore;
  readonly advisories: AdvisoryStore;
  readonly patches: readonly Patch[];
  readonly offers: ReadonlyMap<string, Offer>;
}

export const addSetupOptions = (command: Command): Command =>
  addStateOptions(command).option(
    '--candidates <file>',
    'rules to choose from by their CVEs, beside the patches; repeatable',
    collect,
  );

export const addStateOptions = (command: Command): Command =>
  command
    .option('-c, --config <file>', 'configuration (default: /etc/vpatch/vpatch.yaml if it is there)')
    .option('--state <folder>', 'where policies, advisories and results are kept (default: /var/lib/vpatch)');

type StateOptions = Pick<SetupOptions, 'config' | 'state'>;

/** `--state` stands for the state folder of the configuration. */
export const stateSettings = ({ config, state }: StateOptions): Pick<Config, 'scan' | 'state'> => ({
  ...configOf(config),
  ...(state !== undefined && { state: { folder: resolve(state) } }),
});

/** The configuration without its rules: a scan must work where they are not there yet. */
const configOf = (file: string | undefined): Config =>
  settingsFrom({ ...(file !== undefined && { config: file }), onlyRules: [], logLevel: 'warn' }).config;

/** Has a service that loads this host's policy take over the new one. A line for people. Throws as `takeOver`. */
export async function takePolicyOver({ config: file, state }: StateOptions): Promise<string> {
  if (state !== undefined) return BY_ITSELF;
  const config = configOf(file);
  if (config.rules.policy === 'recommended') return takeOver(config);
  return 'vpatch loads it once the configuration says "policy: recommended" under "rules"\n';
}

/** The same for what is pinned, which holds for all rules that a service loads. */
export async function takePinsOver({ config: file, state }: StateOptions): Promise<string> {
  return state === undefined ? takeOver(configOf(file)) : BY_ITSELF;
}

const BY_ITSELF = 'a vpatch that runs by it takes it over with "vpatch reload"\n';

/** What a scan needs beside the machine, by options and configuration. */
export function scanSetup(options: SetupOptions): ScanSetup {
  const {
    scan: settings,
    state: { folder: stateFolder },
  } = stateSettings(options);
  const { patches } = loadCatalogue();
  const ruleSets = [...settings.candidates, ...(options.candidates ?? [])].flatMap(candidateRules);
  return {
    settings,
    stateFolder,
    store: new PolicyStore(stateFolder),
    advisories: new AdvisoryStore(stateFolder),
    patches,
    offers: offersOf(patches, ruleSets),
  };
}

function candidateRules(pattern: string): RuleEntry[][] {
  const found = expandRuleFiles(pattern, process.cwd());
  if (!('files' in found)) throw new Failure(EXIT.usage, `--candidates ${pattern}: ${found.message}`);
  return found.files.map((file) => {
    const { entries, faults } = readRuleEntries(readTextFile(file));
    if (faults.length > 0) {
      const [{ line, column, message }] = faults as [(typeof faults)[number]];
      process.stderr.write(
        `vpatch: ${withoutControls(`${file}:${line}:${column}: ${message}`)} (${counted(faults.length, 'line')} left out)\n`,
      );
    }
    return entries;
  });
}

/** Runs what reads or writes the state folder, so that what is wrong with it is told. */
export function withState<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof StateError) throw new Failure(EXIT.usage, error.message);
    if (error instanceof Error && 'code' in error && 'path' in error) {
      throw new Failure(EXIT.usage, `${String(error.path)}: ${reasonOf(error)}`);
    }
    throw error;
  }
}
