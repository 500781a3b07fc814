import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../src/config/config.ts';
import { mergeConfig } from '../../src/config/overrides.ts';
import { expandRuleFiles } from '../../src/config/rule-files.ts';
import type { Ruleset } from '../../src/detect/ruleset.ts';
import { compileRuleset } from '../../src/service/rule-set.ts';
import type { RuleSet } from './engine.ts';
import { SERVER } from './traffic.ts';

const defaults = mergeConfig();

/**
 * As by default, with nothing that is kept on this machine. The server is at home and the client is not: rules for
 * attacks on servers have to look at every request.
 */
export const BENCH_CONFIG: Config = {
  ...defaults,
  variables: {
    ...defaults.variables,
    addresses: { ...defaults.variables.addresses, HOME_NET: SERVER, EXTERNAL_NET: '!$HOME_NET' },
  },
  rules: { ...defaults.rules, cacheFolder: join(tmpdir(), 'vpatch-bench-cache') },
};

export interface RuleText {
  readonly file: string;
  readonly text: string;
}

/** Throws where a file is not there. */
export function textsOf({ files }: RuleSet): RuleText[] {
  return files.flatMap((pattern) => {
    const expanded = expandRuleFiles(pattern, process.cwd());
    if ('message' in expanded) throw new Error(expanded.message);
    return expanded.files.map((file) => ({ file, text: readFileSync(file, 'utf8') }));
  });
}

export const compiled = (files: readonly RuleText[], config = BENCH_CONFIG): Ruleset =>
  compileRuleset({ files, classification: null, reference: null, threshold: null, reputation: null }, config).ruleset;
