import { promisify } from 'node:util';
import { constants, deflateRaw, inflateRawSync } from 'node:zlib';
import type { Config } from '../config/config.ts';
import { policyRulesFile } from '../config/state-paths.ts';
import { versionOfRules } from '../patches/policy.ts';
import { type Policy, policyVersion } from './policy.ts';
import type { RuleTexts } from './rule-texts.ts';

/**
 * The policy in use, for weeks in which nobody compiles it: `pack` makes of its texts, 10 MB for 14,000 rules, a tenth.
 */
export class KeptPolicy {
  readonly config: Config;
  /** See policyVersion. */
  readonly version: string;
  /** Of the policy file among its rules; null: there is none. */
  readonly assigned: string | null;
  readonly #texts: KeptTexts;

  private constructor(config: Config, version: string, assigned: string | null, texts: KeptTexts) {
    this.config = config;
    this.version = version;
    this.assigned = assigned;
    this.#texts = texts;
  }

  static of(policy: Policy): KeptPolicy {
    const { config, rules } = policy;
    const path = policyRulesFile(config.state.folder);
    const assigned = versionOfRules(rules.files.find(({ file }) => file === path)?.text ?? '');
    return new KeptPolicy(config, policyVersion(policy), assigned, new KeptTexts(rules));
  }

  /** The same rules by a configuration of the same version. */
  withConfig(config: Config): KeptPolicy {
    return new KeptPolicy(config, this.version, this.assigned, this.#texts);
  }

  /** As it was before it was packed, for which it takes 5 to 10 ms a megabyte to unpack it. */
  get policy(): Policy {
    return { config: this.config, rules: this.#texts.texts };
  }

  /** Works beside this thread, and not twice. Never rejects: where there is no memory for it, nothing is packed. */
  pack(): Promise<void> {
    return this.#texts.pack();
  }
}

interface PackedTexts {
  readonly files: readonly { readonly file: string; readonly bytes: Buffer }[];
  readonly named: Readonly<Record<string, Buffer>> | null;
  readonly others: Omit<RuleTexts, 'files' | 'named'>;
}

class KeptTexts {
  #kept: RuleTexts | PackedTexts;

  constructor(texts: RuleTexts) {
    this.#kept = texts;
  }

  get texts(): RuleTexts {
    if (!isPacked(this.#kept)) return this.#kept;
    const { files, named, others } = this.#kept;
    return {
      ...others,
      files: files.map(({ file, bytes }) => ({ file, text: unpacked(bytes) })),
      ...(named !== null && { named: mapValues(named, unpacked) }),
    };
  }

  async pack(): Promise<void> {
    if (isPacked(this.#kept)) return;
    try {
      this.#kept = await packedTexts(this.#kept);
    } catch {
      // Without memory for it: they stay as they are, and are the same.
    }
  }
}

async function packedTexts({ files, named, ...others }: RuleTexts): Promise<PackedTexts> {
  // One after the other: each takes a quarter of a megabyte meanwhile.
  const packedFiles: PackedTexts['files'][number][] = [];
  for (const { file, text } of files) packedFiles.push({ file, bytes: await packed(text) });
  const packedNamed: Record<string, Buffer> = {};
  for (const [path, text] of Object.entries(named ?? {})) packedNamed[path] = await packed(text);
  return { files: packedFiles, named: named === undefined ? null : packedNamed, others };
}

const isPacked = (kept: RuleTexts | PackedTexts): kept is PackedTexts => 'others' in kept;

const deflated = promisify(deflateRaw) as (bytes: Buffer, options: { level: number }) => Promise<Buffer>;
/** At others, 14,000 rules are up to a fifth smaller, and take three times the time. */
const packed = (text: string): Promise<Buffer> =>
  deflated(Buffer.from(text, 'utf8'), { level: constants.Z_BEST_SPEED });
const unpacked = (bytes: Buffer): string => inflateRawSync(bytes).toString('utf8');

const mapValues = <A, B>(values: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
