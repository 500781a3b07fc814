/** A thread that compiles one policy, tries it out, keeps it in the cache, and ends: its memory goes with it. */
import { parentPort, workerData } from 'node:worker_threads';
import type { CheckerAnswer, CheckerTask } from './policy-check.ts';
import { RuleCache } from './rule-cache.ts';
import { compileRuleset, imageOf } from './rule-set.ts';
import { selfTest } from './self-test.ts';

const { policy, key } = workerData as CheckerTask;
const cache = new RuleCache(policy.config.rules.cacheFolder);
const compiled = compileRuleset(policy.rules, policy.config, null, cache.newest()?.databases);
selfTest(compiled.ruleset, policy.config);
const image = imageOf(compiled);
cache.write(key, image);
parentPort?.postMessage(image.bytes satisfies CheckerAnswer);
