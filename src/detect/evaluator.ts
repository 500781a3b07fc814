import { STAGE, type Stage, type Transaction } from '../app/protocol.ts';
import { EMPTY_BYTES } from '../base/bytes.ts';
import type { Direction } from '../base/direction.ts';
import { evaluateSteps, LIMIT, type Limit, reachedLimit } from '../rules/evaluate.ts';
import type { BufferInspection, Inspected, Rule, Step } from '../rules/rule.ts';
import { RuleLimits } from './rule-limits.ts';

/** `notYet`: something is missing that may still come. */
export const OUTCOME = { no: 0, notYet: 1, yes: 2 } as const;
export type RuleOutcome = (typeof OUTCOME)[keyof typeof OUTCOME];

/** What a rule on transactions that also has contents of no buffer looks into for them. */
export interface RawBytes {
  rawMatches(inspection: BufferInspection, direction: Direction): boolean;
}

/** To hold a rule against fewer bytes costs no less: a form may have a thousand empty files. */
const MIN_LOOKED_BYTES = 64;

/** Holds rules against bytes, exactly. */
export class Evaluator {
  /** Which rules were too dear. */
  readonly limits = new RuleLimits();
  /** Bytes that rules were given since somebody set it to 0. */
  lookedBytes = 0;
  /** Of the rule in hand. */
  #limit: Limit = LIMIT.none;
  readonly #input: Inspected = { bytes: EMPTY_BYTES, start: 0, end: 0, skippedBytes: 0, isLittleEndian: false };

  matches(
    steps: readonly Step[],
    bytes: Uint8Array,
    start: number,
    end: number,
    skippedBytes: number,
    isLittleEndian = false,
  ): boolean {
    const input = this.#input;
    input.bytes = bytes;
    input.start = start;
    input.end = end;
    input.skippedBytes = skippedBytes;
    input.isLittleEndian = isLittleEndian;
    this.lookedBytes += Math.max(end - start, MIN_LOOKED_BYTES);
    if (evaluateSteps(steps, input)) return true;
    if (reachedLimit !== LIMIT.none) this.#limit = reachedLimit;
    return false;
  }

  /** The rule did not match: was it tried to the end? */
  #noteLimit(rule: Rule): void {
    if (this.#limit !== LIMIT.none) this.limits.exhausted(rule, this.#limit === LIMIT.rule);
  }

  /** All inspections of a rule that looks into no transactions. */
  payloadMatches(rule: Rule, bytes: Uint8Array, start: number, end: number, skippedBytes: number): boolean {
    const { inspections } = rule;
    if (inspections.length === 0) return true;
    if (!this.limits.mayTry(rule)) return false;
    this.#limit = LIMIT.none;
    for (let i = 0; i < inspections.length; i++) {
      if (this.matches(inspections[i]!.steps, bytes, start, end, skippedBytes)) continue;
      this.#noteLimit(rule);
      return false;
    }
    return true;
  }

  /**
   * `stage` null: it is not known how far the transaction is, and what is there may be incomplete. Files before
   * `firstFile` do not count.
   */
  transactionMatches(
    rule: Rule,
    transaction: Transaction,
    direction: Direction,
    stage: Stage | null,
    raw: RawBytes,
    firstFile: number,
  ): RuleOutcome {
    if (!this.limits.mayTry(rule)) return OUTCOME.no;
    this.#limit = LIMIT.none;
    const outcome = this.#transactionMatches(rule, transaction, direction, stage, raw, firstFile);
    if (outcome !== OUTCOME.yes) this.#noteLimit(rule);
    return outcome;
  }

  #transactionMatches(
    { inspections }: Rule,
    transaction: Transaction,
    direction: Direction,
    stage: Stage | null,
    raw: RawBytes,
    firstFile: number,
  ): RuleOutcome {
    let outcome: RuleOutcome = OUTCOME.yes;
    let hasAskedFiles = false;
    for (let i = 0; i < inspections.length; i++) {
      const inspection = inspections[i]!;
      const { buffer, steps } = inspection;
      if (buffer === null) {
        if (!raw.rawMatches(inspection, direction)) outcome = OUTCOME.notYet;
        continue;
      }
      const isFinal = stage === STAGE.complete || (buffer.stage === STAGE.head && stage !== null);
      if (stage === null || buffer.stage > stage) {
        outcome = OUTCOME.notYet;
        continue;
      }
      let found = false;
      if (buffer.isOfFile === true) {
        if (hasAskedFiles) continue;
        hasAskedFiles = true;
        found = this.#fileMatches(inspections, transaction, direction, stage, firstFile);
      } else {
        const isLittleEndian = buffer.isLittleEndian?.(transaction) === true;
        const mayGrow = !isFinal && buffer.isWhole !== true;
        for (let nth = 0; !found; nth++) {
          const bytes = buffer.read(transaction, direction, nth);
          if (bytes === null) break;
          if (mayGrow && needEnd(steps, bytes.length)) continue;
          found = this.matches(steps, bytes, 0, bytes.length, 0, isLittleEndian);
        }
      }
      if (found) continue;
      if (isFinal) return OUTCOME.no;
      outcome = OUTCOME.notYet;
    }
    return outcome;
  }

  /** One file for which everything holds that the rule asks of files, as far as it is known in this stage. */
  #fileMatches(
    inspections: readonly BufferInspection[],
    transaction: Transaction,
    direction: Direction,
    stage: Stage,
    firstFile: number,
  ): boolean {
    for (let nth = firstFile; ; nth++) {
      let fits = true;
      for (let i = 0; i < inspections.length && fits; i++) {
        const { buffer, steps } = inspections[i]!;
        if (buffer === null || buffer.isOfFile !== true || buffer.stage > stage) continue;
        const bytes = buffer.read(transaction, direction, nth);
        if (bytes === null) return false;
        if (stage !== STAGE.complete && buffer.isSettled?.(transaction, direction, nth) === false) return false;
        fits = this.matches(steps, bytes, 0, bytes.length, 0);
      }
      if (fits) return true;
    }
  }
}

/** How many files are there, `from` of which are known; 0 where the rule asks for none. */
export function filesThere(
  { inspections }: Rule,
  transaction: Transaction,
  direction: Direction,
  from: number,
): number {
  for (let i = 0; i < inspections.length; i++) {
    const { buffer } = inspections[i]!;
    if (buffer === null || buffer.isOfFile !== true) continue;
    let count = from;
    while (buffer.read(transaction, direction, count) !== null) count++;
    return count;
  }
  return 0;
}

/** Can nobody say before more comes than the first `bytes` of the buffer? */
export function needEnd(steps: readonly Step[], bytes: number): boolean {
  for (let i = 0; i < steps.length; i++) {
    const { needsEnd, settledBytes } = steps[i]!;
    if (needsEnd && (settledBytes === undefined || bytes < settledBytes)) return true;
  }
  return false;
}
