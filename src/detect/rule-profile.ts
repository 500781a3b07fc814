import type { Stage, Transaction } from '../app/protocol.ts';
import type { Direction } from '../base/direction.ts';
import type { Rule } from '../rules/rule.ts';
import { Evaluator, OUTCOME, type RawBytes, type RuleOutcome } from './evaluator.ts';

/** What it cost to hold one rule against bytes. */
export interface RuleCost {
  readonly gid: number;
  readonly sid: number;
  readonly message: string;
  /** How often it was a candidate whose header fits. */
  checks: number;
  /** How often all that it looks for was there; state and thresholds are judged later. */
  matches: number;
  totalMs: number;
  longestMs: number;
}

/** An evaluator that measures, for a replay. Without it nothing is measured, and nothing asks whether it should be. */
export class RuleProfile extends Evaluator {
  readonly #nowMs: () => number;
  readonly #costs = new Map<string, RuleCost>();

  /** `nowMs`: any clock that does not go back. */
  constructor(nowMs: () => number) {
    super();
    this.#nowMs = nowMs;
  }

  /** Of every rule that was held against anything. */
  get costs(): readonly RuleCost[] {
    return [...this.#costs.values()];
  }

  override payloadMatches(rule: Rule, bytes: Uint8Array, start: number, end: number, skippedBytes: number): boolean {
    const startedMs = this.#nowMs();
    const isMatch = super.payloadMatches(rule, bytes, start, end, skippedBytes);
    this.#add(rule, isMatch, startedMs);
    return isMatch;
  }

  override transactionMatches(
    rule: Rule,
    transaction: Transaction,
    direction: Direction,
    stage: Stage | null,
    raw: RawBytes,
    firstFile: number,
  ): RuleOutcome {
    const startedMs = this.#nowMs();
    const outcome = super.transactionMatches(rule, transaction, direction, stage, raw, firstFile);
    this.#add(rule, outcome === OUTCOME.yes, startedMs);
    return outcome;
  }

  #add(rule: Rule, isMatch: boolean, startedMs: number): void {
    const ms = this.#nowMs() - startedMs;
    const key = `${rule.gid}:${rule.sid}`;
    let cost = this.#costs.get(key);
    if (cost === undefined) {
      cost = { gid: rule.gid, sid: rule.sid, message: rule.message, checks: 0, matches: 0, totalMs: 0, longestMs: 0 };
      this.#costs.set(key, cost);
    }
    cost.checks++;
    if (isMatch) cost.matches++;
    cost.totalMs += ms;
    if (ms > cost.longestMs) cost.longestMs = ms;
  }
}
