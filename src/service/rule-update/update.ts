import { rmSync } from 'node:fs';
import type { Config } from '../../config/config.ts';
import { compareRules, type RuleDifferences } from '../../rules/rule-differences.ts';
import { sourceRules } from '../../rules/selection/source-rule.ts';
import { compileRuleset } from '../rule-set.ts';
import { type RuleTexts, readRuleTexts } from '../rule-texts.ts';
import type { SourceFiles } from './archive.ts';
import { RuleStore } from './rule-store.ts';
import { SourceError } from './source-error.ts';
import { readSource, withoutIgnored } from './source-reader.ts';

export interface UpdateOptions {
  /** Nothing is fetched: what was fetched before is unpacked again. */
  readonly isOffline: boolean;
  /** Nothing is kept, and nothing goes live. */
  readonly isTrial: boolean;
}

export interface UpdateReport {
  readonly sources: readonly {
    readonly name: string;
    readonly how: string;
    readonly files: number;
    readonly rules: number;
  }[];
  readonly differences: RuleDifferences;
  readonly loaded: number;
  readonly refused: number;
  readonly isLive: boolean;
}

/**
 * More refused rules than this share mean that the rules are not meant for us, or broken on their way. Ours: of public
 * rule sets, less than one in a hundred is refused.
 */
const MAX_REFUSED_SHARE = 0.1;

/**
 * Fetches all sources, compiles what they have together with the other rules of the configuration, and makes it live if
 * it is sound. Throws SourceError where anything fails; then the rules that were live stay so.
 */
export async function updateRules(config: Config, { isOffline, isTrial }: UpdateOptions): Promise<UpdateReport> {
  const store = new RuleStore(config.state.folder);
  const unlock = isTrial ? () => {} : store.lock();
  let setFolder: string | null = null;
  let isLive = false;
  try {
    const read = await readSources(config, store, isOffline);
    setFolder = store.writeSet(new Map(read.map(({ name, files }) => [name, files])), isTrial);
    const texts = readRuleTexts(config, setFolder);
    const { loaded, refused } = tried(texts, config);
    const differences = compareRules(liveFiles(config, store), texts.files);
    if (!isTrial) {
      for (const { save } of read) save();
      store.makeLive(setFolder);
      isLive = true;
    }
    const sources = read.map(({ name, how, files, rules }) => ({ name, how, files: files.size, rules }));
    return { sources, differences, loaded, refused, isLive };
  } finally {
    if (setFolder !== null && !isLive) rmSync(setFolder, { recursive: true });
    unlock();
  }
}

interface NamedSource {
  readonly name: string;
  readonly files: SourceFiles;
  readonly how: string;
  readonly rules: number;
  readonly save: () => void;
}

async function readSources({ rules }: Config, store: RuleStore, isOffline: boolean): Promise<NamedSource[]> {
  const read: NamedSource[] = [];
  for (const source of rules.sources) {
    const { files: all, how, save } = await readSource(source, store, isOffline);
    const files = withoutIgnored(all, rules.ignoredFiles);
    const count = [...files]
      .filter(([path]) => path.endsWith('.rules'))
      .reduce((sum, [path, bytes]) => sum + sourceRules(path, Buffer.from(bytes).toString('utf8')).length, 0);
    if (count === 0) throw new SourceError(`${source.name}: no rules in it`);
    read.push({ name: source.name, files, how, rules: count, save });
  }
  return read;
}

function tried(texts: RuleTexts, config: Config): { loaded: number; refused: number } {
  const { rules, diagnostics } = compileRuleset(texts, config);
  const loaded = rules.length;
  const refused = diagnostics.filter(({ severity }) => severity === 'error').length;
  if (loaded === 0) throw new SourceError('none of the rules can be loaded');
  if (refused > (loaded + refused) * MAX_REFUSED_SHARE) {
    throw new SourceError(
      `${refused} of ${loaded + refused} rules cannot be loaded; the first: ${diagnostics[0]!.message}`,
    );
  }
  return { loaded, refused };
}

/** What is live now; nothing before the first time. */
const liveFiles = (config: Config, store: RuleStore): RuleTexts['files'] =>
  store.hasLiveSet ? readRuleTexts(config).files : [];
