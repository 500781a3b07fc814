import type { Config } from '../config/config.ts';
import { diagnosticText } from '../rules/diagnostic-text.ts';
import type { RuleDiagnostic } from '../rules/rule.ts';
import { KeptPolicy } from './kept-policy.ts';
import { type CheckedPolicy, differingBlocks, type Policy, reloadedConfig } from './policy.ts';
import type { checkPolicy } from './policy-check.ts';
import type { RuleReport } from './rule-set.ts';

/** What files and command line say now. `problems` are for the administrator. */
export type ReadPolicy = () =>
  | { readonly status: 'ok'; readonly policy: Policy }
  | { readonly status: 'invalid'; readonly problems: readonly string[] };

export interface KeeperOptions {
  readonly policy: KeptPolicy;
  readonly read: ReadPolicy;
  readonly check: typeof checkPolicy;
  /** Has all workers take it over, or none: then it rejects. */
  readonly adopt: (checked: CheckedPolicy) => Promise<void>;
  /** Has memory given back, after every change and every attempt at one. */
  readonly release: () => Promise<void>;
  readonly now: () => number;
}

export type Reloaded =
  | {
      readonly status: 'ok';
      readonly version: string;
      readonly rules: RuleReport;
      /** Rules that are refused and were not before. Only where it was forced. */
      readonly newlyRefused: readonly string[];
      /** Blocks of the configuration in which something waits for the next start. */
      readonly waiting: readonly string[];
      /** False: everything was as it is. */
      readonly isChanged: boolean;
    }
  | { readonly status: 'refused'; readonly reasons: readonly string[] };

/** More reasons than anybody reads. */
const MAX_REASONS = 20;

/** The policy in use, and the only way to another one. What is not good as a whole changes nothing. */
export class PolicyKeeper {
  readonly #options: KeeperOptions;
  #policy: KeptPolicy;
  #rules: RuleReport;
  #loadedAtMs: number;
  /** Changes are made one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  /** `rules`: what became of those of the policy. */
  constructor(options: KeeperOptions, rules: RuleReport) {
    this.#options = options;
    this.#policy = options.policy;
    this.#rules = rules;
    this.#loadedAtMs = options.now();
  }

  get policy(): KeptPolicy {
    return this.#policy;
  }

  get rules(): RuleReport {
    return this.#rules;
  }

  get version(): string {
    return this.#policy.version;
  }

  get loadedAtMs(): number {
    return this.#loadedAtMs;
  }

  /**
   * Reads everything again. Refused when the configuration or a file is wrong, when rules are refused that are not
   * refused now or none is left (unless forced), and when inspection by them fails. Never rejects.
   */
  reload(isForced: boolean): Promise<Reloaded> {
    return this.#inTurn(async () => {
      const read = this.#options.read();
      if (read.status === 'invalid') return { status: 'refused', reasons: read.problems };
      const config = reloadedConfig(this.#policy.config, read.policy.config);
      const waiting = differingBlocks(config, read.policy.config);
      return this.#change({ config, rules: read.policy.rules }, isForced, waiting);
    });
  }

  /** The same policy with something of its configuration changed, for instance the addresses of this host. */
  reconfigure(change: (config: Config) => Config): Promise<Reloaded> {
    return this.#inTurn(() => {
      const { config, rules } = this.#policy.policy;
      return this.#change({ config: change(config), rules }, true, []);
    });
  }

  async #change(policy: Policy, isForced: boolean, waiting: readonly string[]): Promise<Reloaded> {
    const kept = KeptPolicy.of(policy);
    const { version } = kept;
    if (version === this.version) {
      this.#policy = this.#policy.withConfig(policy.config);
      return { status: 'ok', version, rules: this.#rules, newlyRefused: [], waiting, isChanged: false };
    }
    const { rules, checked } = await this.#options.check(policy);
    const newlyRefused = firstOf(refusalsBeyond(this.#rules.refused, rules.refused).map((one) => diagnosticText(one)));
    const isEmptied = this.#rules.loaded > 0 && rules.loaded === 0 && kept.assigned === null;
    const reasons = isEmptied ? [...newlyRefused, noRuleLeft(this.#rules.loaded)] : newlyRefused;
    if (reasons.length > 0 && !isForced) return { status: 'refused', reasons };
    await this.#options.adopt(checked);
    this.#policy = kept;
    this.#rules = rules;
    this.#loadedAtMs = this.#options.now();
    return { status: 'ok', version, rules, newlyRefused, waiting, isChanged: true };
  }

  #inTurn(change: () => Promise<Reloaded>): Promise<Reloaded> {
    const turn = this.#last
      .then(change)
      .catch((error: Error): Reloaded => ({ status: 'refused', reasons: [error.message] }))
      .then(async (reloaded) => {
        // What was read and compiled is garbage only now, when nobody is within the change any more.
        await this.#policy.pack();
        await this.#options.release();
        return reloaded;
      });
    this.#last = turn;
    return turn;
  }
}

/**
 * What a full disk or a slip makes of a file. A policy without patches is none: a scan has found that none is needed.
 */
const noRuleLeft = (loaded: number): string =>
  `no rule would be left of ${loaded}: the files of rules are empty; if they are meant to be, use "vpatch reload --force"`;

/** Rules that could not be loaded before either are no reason to keep the others from being renewed. */
function refusalsBeyond(known: readonly RuleDiagnostic[], now: readonly RuleDiagnostic[]): RuleDiagnostic[] {
  const before = new Set(known.map(identityOf));
  return now.filter((diagnostic) => !before.has(identityOf(diagnostic)));
}

/** Lines move when a file is edited. */
const identityOf = ({ file, sid, message }: RuleDiagnostic): string => JSON.stringify([file, sid, message]);

function firstOf(reasons: readonly string[]): readonly string[] {
  if (reasons.length <= MAX_REASONS) return reasons;
  return [
    ...reasons.slice(0, MAX_REASONS),
    `and ${reasons.length - MAX_REASONS} more: "vpatch rules check" lists them`,
  ];
}
