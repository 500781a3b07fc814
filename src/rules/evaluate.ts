import type { Inspected, Step } from './rule.ts';

/**
 * Steps that one rule may try on one buffer; Suricata's detect.inspection-recursion-limit. Beyond it the rule does
 * not match, and `reachedLimit` says so.
 */
export const MAX_TRIED_STEPS = 3000;

/**
 * Bytes that the regular expressions of one evaluation may be given, counted again for each try, with the nanoseconds
 * that they took: some hundred bodies of 100 kB, or one try that runs over the same bytes again and again. Without it
 * 3,000 tries on a long body take seconds. Beyond it, as at MAX_TRIED_STEPS.
 */
const MAX_REGEX_BYTES = 16 * 1024 * 1024;

/** The same for all rules and buffers of a packet together. Both ours: it then has cost some ten milliseconds. */
const MAX_PACKET_STEPS = 200_000;
const MAX_PACKET_REGEX_BYTES = 64 * 1024 * 1024;

/** Why an evaluation did not get to its end: it was too dear by itself, or all before it on this packet were. */
export const LIMIT = { none: 0, rule: 1, packet: 2 } as const;
export type Limit = (typeof LIMIT)[keyof typeof LIMIT];

/** Of this thread, since its start. */
export const evaluationCounters = {
  /** Evaluations that ended at MAX_TRIED_STEPS or MAX_REGEX_BYTES. */
  exhausted: 0,
  /** Regular expressions that ended at their limit; the rule then does not match. */
  regexLimits: 0,
};

/**
 * Do all steps match? As Suricata's content inspection: each step starts from the end of the last match; where a
 * relative step fails, the matching step before it is asked for its next match.
 */
export function evaluateSteps(steps: readonly Step[], input: Inspected): boolean {
  reachedLimit = LIMIT.none;
  const leftSteps = MAX_PACKET_STEPS - packetSteps;
  if (leftSteps <= 0 || isPacketSpent()) {
    reachedLimit = LIMIT.packet;
    return false;
  }
  triedSteps = 0;
  maxSteps = leftSteps < MAX_TRIED_STEPS ? leftSteps : MAX_TRIED_STEPS;
  regexBytes = 0;
  evaluationNumber++;
  const isMatch = evaluateFrom(steps, 0, input, input.start) === MATCH;
  packetSteps += triedSteps;
  packetRegexBytes += regexBytes;
  return isMatch;
}

/** The next packet: what the one before it has cost does not count. */
export function beginPacket(): void {
  packetSteps = 0;
  packetRegexBytes = 0;
}

/** The same within an evaluation, for bytes that a step has made: counted to the same limits. */
export function evaluateNested(steps: readonly Step[], input: Inspected): boolean {
  // What steps have found out about other bytes is void.
  evaluationNumber++;
  const result = evaluateFrom(steps, 0, input, input.start) === MATCH;
  evaluationNumber++;
  return result;
}

const MATCH = 1;
/** Another match of an earlier step may help. */
const NO_MATCH = 0;
/** Nothing can help any more. */
const HOPELESS = -1;

let triedSteps = 0;
let maxSteps = MAX_TRIED_STEPS;
let regexBytes = 0;
let packetSteps = 0;
let packetRegexBytes = 0;

/** Of the last evaluation that did not match. */
export let reachedLimit: Limit = LIMIT.none;

/** A regular expression ended at a limit of its own: whether it matches, nobody knows. */
export function noteRegexLimit(): void {
  evaluationCounters.regexLimits++;
  reachedLimit = LIMIT.rule;
}

/** Tells steps that a new evaluation has begun, and what they found out about the bytes is void. */
export let evaluationNumber = 0;

/** Asked before a regular expression looks at this many bytes; false: no more. */
export function mayScan(bytes: number): boolean {
  regexBytes += bytes;
  if (regexBytes <= MAX_REGEX_BYTES) return true;
  evaluationCounters.exhausted++;
  reachedLimit = LIMIT.rule;
  triedSteps = maxSteps;
  return false;
}

/** What the expression that was allowed by `mayScan` has cost, in nanoseconds. */
export function noteRegexWork(work: number): void {
  regexBytes += work;
}

/** An expression outside of evaluations, for the buffer that they look at; its work is a packet's all the same. */
export function notePacketRegexWork(work: number): void {
  packetRegexBytes += work;
}

/** Expressions have had of this packet's time what there is: evaluations behind this say so. */
export const isPacketSpent = (): boolean => packetRegexBytes >= MAX_PACKET_REGEX_BYTES;

function evaluateFrom(steps: readonly Step[], index: number, input: Inspected, cursor: number): number {
  if (index === steps.length) return MATCH;
  if (isExhausted()) return HOPELESS;
  const step = steps[index]!;
  let end = step.find(input, cursor, input.start);
  if (end < 0) return mayHelp(step) ? NO_MATCH : HOPELESS;

  for (;;) {
    // Read before the steps behind it run; a step that only tests has no place and is not asked again.
    const matchStart = step.matchStart;
    const result = evaluateFrom(steps, index + 1, input, end);
    if (result !== NO_MATCH || matchStart < 0) return result;
    if (isExhausted()) return HOPELESS;
    end = step.find(input, cursor, matchStart + 1);
    if (end < 0) return mayHelp(step) ? NO_MATCH : HOPELESS;
  }
}

/** The evaluation ends as soon as this is true, so that it is counted once. */
function isExhausted(): boolean {
  triedSteps++;
  if (triedSteps < maxSteps) return false;
  if (reachedLimit === LIMIT.none) {
    evaluationCounters.exhausted++;
    reachedLimit = maxSteps < MAX_TRIED_STEPS ? LIMIT.packet : LIMIT.rule;
  }
  return true;
}

const mayHelp = (step: Step): boolean => step.isRelative && step.endsSearch !== true;
