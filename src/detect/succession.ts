import type { Steps } from '../base/steps.ts';
import type { Ruleset } from './ruleset.ts';

/** Rules that are ready to take over from others. */
export interface Succession {
  readonly ruleset: Ruleset;
  /** Of each place among the others, that of the same rule here; -1: it is gone. */
  readonly places: Int32Array;
}

/** Rules whose names are compared at one go: 0.2 ms. */
const SLICE_RULES = 1024;

/**
 * Looks for the rules of `before` in `ruleset`, and makes those there that traffic has met before: it goes on meeting
 * them, and its packets need not wait for them then.
 */
export function* succession(before: Ruleset, ruleset: Ruleset): Steps<Succession> {
  const { identities } = ruleset;
  yield;
  const placeOf = new Map<string, number>();
  for (const [place, identity] of identities.entries()) {
    placeOf.set(identity, place);
    if (place % SLICE_RULES === 0) yield;
  }
  const earlier = before.identities;
  yield;
  const places = new Int32Array(earlier.length);
  for (const [place, identity] of earlier.entries()) {
    places[place] = placeOf.get(identity) ?? -1;
    if (place % SLICE_RULES === 0) yield;
  }
  for (const place of before.madePlaces) {
    if (places[place]! >= 0) ruleset.rule(places[place]!);
    yield;
  }
  return { ruleset, places };
}
