/**
 * How a rule is held that would block: it only reports, in prevent mode too. `soak`: until it has not matched for long.
 */
export type Hold = 'detect' | 'soak';

/** In a rule's metadata: `vpatch_hold detect cve-2021-44228`, the word and whatever it is that is held. */
export const HOLD_KEY = 'vpatch_hold';

/** Null: the rule is not held. */
export function holdOf(metadata: Readonly<Record<string, readonly string[]>>): Hold | null {
  const values = metadata[HOLD_KEY];
  if (values === undefined) return null;
  // Whoever writes another word there does not want it to block.
  return values.every((value) => /^soak\b/.test(value)) ? 'soak' : 'detect';
}

/** Of a rule on one line. `what` is held, of which the rule may be only a part. */
export const withHold = (rule: string, hold: Hold, what: string): string =>
  rule.replace(/\)\s*$/, ` metadata:${HOLD_KEY} ${hold} ${what};)`);
