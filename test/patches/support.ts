import { APP_BUFFERS } from '../../src/app/index.ts';
import { compileRules } from '../../src/rules/compiler.ts';
import { ruleEnvironment } from '../../src/rules/environment.ts';
import type { RuleDiagnostic } from '../../src/rules/rule.ts';

/** What the compiler says of a rule file. */
export const diagnosticsOf = (text: string): readonly RuleDiagnostic[] =>
  compileRules([{ file: 'policy.rules', text }], ruleEnvironment({ buffers: APP_BUFFERS })).diagnostics;
