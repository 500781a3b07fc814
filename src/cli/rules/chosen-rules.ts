import type { Config } from '../../config/config.ts';
import { type KnownRule, ruleInventory } from '../../rules/inventory.ts';
import { type RuleOptions, settingsFrom } from '../common-options.ts';
import { EXIT, Failure } from '../failure.ts';
import { type LoadedRules, loadRules } from '../loaded-rules.ts';

/** The configuration for rules that may be given as arguments. */
export function chosenConfig(files: readonly string[], options: RuleOptions): Config {
  if (files.length > 0 && options.onlyRules !== undefined) {
    throw new Failure(EXIT.usage, 'give rule files as arguments or with -S, not both');
  }
  const { config } = settingsFrom(files.length > 0 ? { ...options, onlyRules: files } : options);
  if (config.rules.files.length === 0 && config.rules.sources.length === 0) {
    throw new Failure(EXIT.usage, 'there are no rules to load: name rule files, or a configuration with -c');
  }
  return config;
}

/** Those rules, loaded, and every one of their files whatever became of it. */
export function knownRules(config: Config): { readonly loaded: LoadedRules; readonly rules: readonly KnownRule[] } {
  const loaded = loadRules(config);
  const { texts } = loaded;
  return { loaded, rules: ruleInventory(texts.files, loaded, texts.selection?.changes ?? []) };
}
