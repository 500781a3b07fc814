import { Worker } from 'node:worker_threads';
import { trimNativeMemory } from '../base/native/addon.ts';
import { type CheckedPolicy, checkedPolicy, type Policy } from './policy.ts';
import { RuleCache, ruleKey } from './rule-cache.ts';
import { RuleImage } from './rule-image.ts';
import type { RuleReport } from './rule-set.ts';

export interface PolicyCheck {
  readonly rules: RuleReport;
  readonly checked: CheckedPolicy;
}

/** What the thread is given. */
export interface CheckerTask {
  readonly policy: Policy;
  /** Of the rules, in the cache. */
  readonly key: string;
}

/** What it says: the bytes of an image. */
export type CheckerAnswer = RuleImage['bytes'];

/** The same bound as a worker has: what does not fit here does not fit there. */
const OLD_GENERATION_MIB = 1024;
/** Half of what V8 would take: while there are the old rules and the new ones, memory is what is scarce. */
const YOUNG_GENERATION_MIB = 24;

/**
 * Compiles a policy and tries it out, for a reload: whoever stops the service meanwhile does not wait for it. Rejects
 * when that throws or takes too much memory.
 */
export const checkPolicy = (policy: Policy): Promise<PolicyCheck> => policyFrom(policy, () => {}, false);

/** The same for the start. `tell` hears why what is in the cache cannot be used. */
export const loadPolicy = (policy: Policy, tell: (what: string) => void): Promise<PolicyCheck> =>
  policyFrom(policy, tell, true);

/**
 * From the cache, where it was tried out before, or else compiled anew. `keepsAlive`: the process does not end before.
 */
async function policyFrom(policy: Policy, tell: (what: string) => void, keepsAlive: boolean): Promise<PolicyCheck> {
  const key = ruleKey(policy.rules, policy.config);
  const cached = new RuleCache(policy.config.rules.cacheFolder).read(key);
  if (cached.status === 'there') return checkOf(policy, cached.image);
  if (cached.status === 'unusable') {
    tell(`the rules are compiled anew, since the cache cannot be used: ${cached.reason}`);
  }
  return inThread({ policy, key }, keepsAlive);
}

/** In a thread of its own, so that neither packets nor commands wait and nothing is left in this thread's memory. */
const inThread = (task: CheckerTask, keepsAlive: boolean): Promise<PolicyCheck> =>
  new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./policy-checker.js', import.meta.url), {
      name: 'vpatch-check',
      workerData: task,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: OLD_GENERATION_MIB, maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB },
    });
    if (!keepsAlive) thread.unref();
    let image: RuleImage | null = null;
    thread.once('message', (bytes: CheckerAnswer) => {
      image = new RuleImage(bytes);
    });
    thread.once('error', reject);
    // Its memory is free again only then.
    thread.once('exit', () => {
      // What compiling patterns has left behind, before the workers load theirs.
      trimNativeMemory();
      if (image === null) reject(new Error('the check of the rules ended without a word'));
      else resolve(checkOf(task.policy, image));
    });
  });

const checkOf = (policy: Policy, image: RuleImage): PolicyCheck => ({
  rules: image.report,
  checked: checkedPolicy(policy, image),
});
