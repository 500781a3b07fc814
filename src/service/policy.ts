import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/config.ts';
import type { RuleImage } from './rule-image.ts';
import type { RuleTexts } from './rule-texts.ts';

/**
 * What packets are judged by: the configuration and all rules, among which those of the virtual patches (PatchPolicy)
 * are one file. A reload makes a new one, which all workers take at the same time or none does. Users read of it as the
 * ruleset: their policy is what a scan has assigned.
 */
export interface Policy {
  readonly config: Config;
  readonly rules: RuleTexts;
}

/**
 * A policy whose rules were compiled. It crosses threads, without the texts of the rules, which are in the image as far
 * as they are of use.
 */
export interface CheckedPolicy extends Policy {
  /** Of a RuleImage. */
  readonly image: RuleImage['bytes'];
  /** Names of the sets of values that its rules have. */
  readonly datasets: readonly string[];
}

export const checkedPolicy = ({ config, rules }: Policy, { bytes, datasets }: RuleImage): CheckedPolicy => ({
  config,
  rules: { ...rules, files: [] },
  image: bytes,
  datasets,
});

const VERSION_DIGITS = 12;
/** Blocks of the configuration that say nothing of how packets are judged. */
const BESIDE_JUDGEMENT = ['mode', 'log', 'outputs', 'control', 'metrics', 'state', 'history', 'notify', 'scan'];

/** The same for the same rules, lists and settings, wherever and whenever they were read. */
export function policyVersion({ config, rules }: Policy): string {
  const settings = Object.entries(config).filter(([block]) => !BESIDE_JUDGEMENT.includes(block));
  const judged = { ...Object.fromEntries(settings), rules: { ...config.rules, files: [] } };
  // Text by text: together they can be large.
  const texts = [...rules.files.map(({ text }) => text), ...Object.values(rules.named ?? {})];
  const lists = { ...rules, selection: null, countries: rules.countries?.digest, files: [], named: {} };
  const lengths = texts.map(({ length }) => length);
  const hash = createHash('sha256').update(JSON.stringify([judged, lists, lengths]));
  for (const text of texts) hash.update(text);
  return hash.digest('hex').slice(0, VERSION_DIGITS);
}

/**
 * What a reload makes of the configuration in use: what judges packets, whom the firewall leaves alone, when scans run
 * and how much is logged are taken from the new one. Everything else sizes tables or opens things, and waits for the
 * next start.
 */
export const reloadedConfig = (current: Config, next: Config): Config => ({
  ...current,
  mode: next.mode,
  rules: next.rules,
  scan: next.scan,
  variables: next.variables,
  checks: next.checks,
  failure: { ...current.failure, limits: next.failure.limits },
  bypass: { ...next.bypass, isEnabled: current.bypass.isEnabled, mark: current.bypass.mark },
  queue: { ...current.queue, interfaces: next.queue.interfaces, managementPorts: next.queue.managementPorts },
  log: next.log,
});

/** Blocks of the configuration in which something differs: of a reloaded one, what waits for the next start. */
export const differingBlocks = (a: Config, b: Config): string[] =>
  Object.keys(a).filter((block) => !isDeepStrictEqual(a[block as keyof Config], b[block as keyof Config]));
