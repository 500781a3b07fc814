import { EMPTY_BYTES } from '../base/bytes.ts';
import { type StateEffect, type StateKind, type TextScope, variableId } from './rule-state.ts';

/** Longer ones are cut. Ours: enough for a header field, and a flow can hold one for each name that rules have. */
const MAX_CAPTURED_BYTES = 4096;

/** A group of a regular expression, and the variable that its text goes into. */
export interface Capture {
  readonly group: number;
  readonly scope: TextScope;
  readonly name: string;
}

/** What the groups of one regular expression matched last, for the variables that they go into. */
export class CapturedGroups {
  readonly captures: readonly Capture[];
  readonly #values: Uint8Array[];

  constructor(captures: readonly Capture[]) {
    this.captures = captures;
    this.#values = captures.map(() => EMPTY_BYTES);
  }

  /** `groups` as Regex has them, of a match in `bytes`, which are borrowed. */
  take(bytes: Uint8Array, groups: Uint32Array): void {
    for (const [i, { group }] of this.captures.entries()) {
      const start = groups[2 * group] ?? UNSET;
      const end = groups[2 * group + 1] ?? UNSET;
      this.#values[i] = start === UNSET ? EMPTY_BYTES : bytes.slice(start, Math.min(end, start + MAX_CAPTURED_BYTES));
    }
  }

  /** What a rule that matches does with each. */
  effects(): StateEffect[] {
    return this.captures.map(({ scope, name }, i) => {
      const id = variableId(kindOf(scope), name);
      return (state) => state.setText(scope, id, this.#values[i]!);
    });
  }
}

/** The state that a variable of this scope is. */
export const kindOf = (scope: TextScope): StateKind => (scope === 'flow' ? 'flowvar' : 'pktvar');

const UNSET = 0xffff_ffff;

/** The names of the groups of a pattern, in their order; null for one without a name. */
export function groupNames(pattern: string): (string | null)[] {
  const names: (string | null)[] = [];
  // Escapes and character classes have no groups; `(?` begins one only with a name.
  for (const [text, angled, quoted] of pattern.matchAll(GROUP)) {
    if (text[0] === '(') names.push(angled ?? quoted ?? null);
  }
  return names;
}

const GROUP = /\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?!\?|\*)|\(\?P?<(?![=!])([^>]+)>|\(\?'([^']+)'/gs;
