import type { RuleDraft } from './draft.ts';
import type { Inspected, Step } from './rule.ts';

/** Adds a condition on the whole of a buffer that no content looks into: a number, a set, a date. */
export function addBufferTest(draft: RuleDraft, buffer: string, test: (input: Inspected) => boolean): void {
  const step: Step = {
    matchStart: -1,
    isRelative: false,
    needsEnd: false,
    find: (input, cursor) => (test(input) ? cursor : -1),
  };
  draft.addStep({ isMonotone: true, build: () => step }, draft.inspection(draft.chooseBuffer(buffer)));
}
