import { APP_BUFFERS } from '../../src/app/index.ts';
import { compileRules } from '../../src/rules/compiler.ts';
import { ruleEnvironment } from '../../src/rules/environment.ts';
import type { Rule } from '../../src/rules/rule.ts';

/** Compiles rules that must all load. */
export function rulesOf(text: string): readonly Rule[] {
  const { rules, diagnostics } = compileRules(
    [{ file: 'test.rules', text }],
    ruleEnvironment({
      buffers: APP_BUFFERS,
    }),
  );
  if (diagnostics.length > 0) throw new Error(`rules of the test: ${JSON.stringify(diagnostics, null, 1)}`);
  return rules;
}

/** Compiles the one rule of the text. */
export function ruleOf(text: string): Rule {
  const rules = rulesOf(text);
  if (rules.length !== 1) throw new Error(`${rules.length} rules instead of one`);
  return rules[0]!;
}
