import { evaluateSteps } from './evaluate.ts';
import type { Inspected, Step } from './rule.ts';

/** Offsets into the bytes that were looked into, end exclusive. */
export interface MatchedPart {
  readonly start: number;
  readonly end: number;
}

/**
 * Where the steps match, one part for each that has a place (negations and tests have none). Null: they do not match.
 * For people who ask why: it looks a second time.
 */
export function matchedParts(steps: readonly Step[], input: Inspected): MatchedPart[] | null {
  if (!evaluateSteps(steps, input)) return null;
  // Of the successful way through, each step knows where it began.
  const starts = steps.map(({ matchStart }) => matchStart);
  const parts: MatchedPart[] = [];
  let cursor = input.start;
  for (const [i, step] of steps.entries()) {
    const start = starts[i]!;
    const end = step.find(input, cursor, start < 0 ? input.start : start);
    if (end < 0) return parts;
    if (start >= 0 && end > start) parts.push({ start, end });
    cursor = end;
  }
  return parts;
}
