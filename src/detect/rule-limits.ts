import type { Rule } from '../rules/rule.ts';

/**
 * So often within so long may a rule end at what one evaluation may cost; then it is parked for as long: it is not
 * tried, so that traffic made to make it dear costs nothing more. All ours.
 */
export const PARK_AFTER = 16;
const WINDOW_MS = 60_000;
const PARKED_MS = 60_000;

/** A rule that was not held against all of a packet. */
export interface LimitedRule {
  readonly rule: Rule;
  /** It was not tried at all. */
  readonly isParked: boolean;
  /** With this packet it has been parked. */
  readonly isNewlyParked: boolean;
}

interface Abuse {
  count: number;
  sinceMs: number;
  parkedUntilMs: number;
}

/** Counts how often rules use up what they may spend, and parks those of which traffic makes too much. */
export class RuleLimits {
  /** Of the packet in hand, each once. */
  readonly reached: LimitedRule[] = [];
  /** Where each stands in `reached`: many rules can be tried on many transactions of one packet. */
  readonly #places = new Map<Rule, number>();
  readonly #abuses = new Map<Rule, Abuse>();
  #nowMs = 0;

  begin(nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.reached.length === 0) return;
    this.reached.length = 0;
    this.#places.clear();
  }

  /** Other rules: nothing is known of them. */
  clear(): void {
    this.#abuses.clear();
  }

  get parkedRules(): number {
    let count = 0;
    for (const abuse of this.#abuses.values()) if (this.#isParked(abuse)) count++;
    return count;
  }

  /** False: it is parked, which is noted. */
  mayTry(rule: Rule): boolean {
    if (this.#abuses.size === 0) return true;
    const abuse = this.#abuses.get(rule);
    if (abuse === undefined || !this.#isParked(abuse)) return true;
    this.#note(rule, true, false);
    return false;
  }

  /** An evaluation of it ended at a limit. `isItsOwn`: and not because other rules had cost too much. */
  exhausted(rule: Rule, isItsOwn: boolean): void {
    if (!isItsOwn) {
      this.#note(rule, false, false);
      return;
    }
    const nowMs = this.#nowMs;
    let abuse = this.#abuses.get(rule);
    if (abuse === undefined) {
      abuse = { count: 0, sinceMs: nowMs, parkedUntilMs: 0 };
      this.#abuses.set(rule, abuse);
    }
    if (Math.abs(nowMs - abuse.sinceMs) >= WINDOW_MS) {
      abuse.count = 0;
      abuse.sinceMs = nowMs;
    }
    const isNewlyParked = ++abuse.count >= PARK_AFTER;
    if (isNewlyParked) {
      abuse.parkedUntilMs = nowMs + PARKED_MS;
      abuse.count = 0;
    }
    this.#note(rule, false, isNewlyParked);
  }

  /** Not when the clock has been set back, either: nobody is to wait until it has caught up. */
  #isParked({ parkedUntilMs }: Abuse): boolean {
    const restMs = parkedUntilMs - this.#nowMs;
    return restMs > 0 && restMs <= PARKED_MS;
  }

  #note(rule: Rule, isParked: boolean, isNewlyParked: boolean): void {
    const known = this.#places.get(rule);
    if (known === undefined) {
      this.#places.set(rule, this.reached.length);
      this.reached.push({ rule, isParked, isNewlyParked });
    } else if (isNewlyParked) this.reached[known] = { rule, isParked, isNewlyParked };
  }
}
