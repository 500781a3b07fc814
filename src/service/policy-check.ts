import { Worker } from 'node:worker_threads';
import { trimNativeMemory } from '../base/native/addon.ts';
import type { PatternDatabases } from '../detect/pattern-databases.ts';
import type { CheckedPolicy, Policy } from './policy.ts';
import type { RuleReport } from './rule-set.ts';

export interface PolicyCheck {
  readonly rules: RuleReport;
  readonly checked: CheckedPolicy;
}

/** Loads a policy and tries it out. Rejects when that throws or takes too much memory. */
export type CheckPolicy = (policy: Policy) => Promise<PolicyCheck>;

/** What the thread says. */
export interface CheckerAnswer {
  readonly rules: RuleReport;
  readonly databases: PatternDatabases;
}

/** The same bound as a worker has: what does not fit here does not fit there. */
const OLD_GENERATION_MIB = 1024;
/** Half of what V8 would take: while there are the old rules and the new ones, memory is what is scarce. */
const YOUNG_GENERATION_MIB = 24;

/** In a thread of its own, so that neither packets nor commands wait and nothing is left in this thread's memory. */
export const checkPolicy: CheckPolicy = (policy) =>
  new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./policy-checker.js', import.meta.url), {
      name: 'vpatch-check',
      workerData: policy,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: OLD_GENERATION_MIB, maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB },
    });
    // Whoever stops the service does not wait for it.
    thread.unref();
    let check: PolicyCheck | null = null;
    thread.once('message', ({ rules, databases }: CheckerAnswer) => {
      check = { rules, checked: { policy, databases } };
    });
    thread.once('error', reject);
    // Its memory is free again only then.
    thread.once('exit', () => {
      // What compiling patterns has left behind, before the workers load theirs.
      trimNativeMemory();
      if (check === null) reject(new Error('the check of the new rules ended without a word'));
      else resolve(check);
    });
  });
