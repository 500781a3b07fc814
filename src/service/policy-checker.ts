/** A thread that loads one policy, tries it out, says what became of it, and ends: its memory goes with it. */
import { parentPort, workerData } from 'node:worker_threads';
import { runAll } from '../base/steps.ts';
import { keepingIn } from '../detect/pattern-databases.ts';
import type { Policy } from './policy.ts';
import type { CheckerAnswer } from './policy-check.ts';
import { compileRulesetInSteps, reportOf } from './rule-set.ts';
import { selfTest } from './self-test.ts';

const answer = (message: CheckerAnswer): void => parentPort?.postMessage(message);

const policy = workerData as Policy;
const databases = new Map<string, SharedArrayBuffer>();
const compiled = runAll(compileRulesetInSteps(policy.rules, policy.config, keepingIn(databases)));
selfTest(compiled.ruleset, policy.config);
answer({ rules: reportOf(compiled), databases });
