import type { AddressSet } from '../base/address-set.ts';
import type { HostTrack } from './rule-state.ts';

const THRESHOLD_TYPES = ['limit', 'threshold', 'both', 'detection_filter', 'rate_filter'] as const;
export type ThresholdType = (typeof THRESHOLD_TYPES)[number];

export type NewAction = 'alert' | 'drop' | 'pass' | 'reject';

/** How often a rule that matches is told of, or acts, counted over time. */
export interface Threshold {
  readonly type: ThresholdType;
  readonly track: HostTrack | 'rule';
  readonly count: number;
  readonly windowMs: number;
  /** Of a rate filter: what the rule does beyond the rate, and for how long. */
  readonly newAction: NewAction;
  readonly timeoutMs: number;
}

/** For these hosts the rule acts in silence. */
export interface Suppression {
  readonly track: 'source' | 'destination' | 'either';
  /** Null: for all. */
  readonly addresses: AddressSet | null;
}

/** All that a threshold.config says, or a rule itself. */
export interface ThresholdRules {
  readonly thresholds: readonly Threshold[];
  readonly suppressions: readonly Suppression[];
}

/** Seconds and counts have 32 bits. */
const MAX_U32 = 0xffff_ffff;

const TRACKS: Readonly<Record<string, Threshold['track']>> = {
  by_src: 'source',
  by_dst: 'destination',
  by_both: 'pair',
  by_rule: 'rule',
};

/** `track by_src` and the like. `fail` is given what is wrong. */
export function parseTrack(text: string, fail: (message: string) => never): Threshold['track'] {
  return TRACKS[text] ?? fail(`"${text}" is none of ${Object.keys(TRACKS).join(', ')}`);
}

/** A whole number of seconds or events, at least 1. */
export function parseAmount(name: string, text: string, fail: (message: string) => never): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return number >= 1 && number <= MAX_U32 ? number : fail(`${name} takes a whole number from 1 to ${MAX_U32}`);
}

/** `name value` pairs between commas, each name once and all of `names` there. */
export function parsePairs(
  text: string,
  names: readonly string[],
  fail: (message: string) => never,
): Readonly<Record<string, string>> {
  const given: Record<string, string> = {};
  for (const item of text.split(',')) {
    const [name = '', value = '', ...rest] = item.trim().split(/\s+/);
    if (!names.includes(name)) fail(`"${name}" is none of ${names.join(', ')}`);
    if (given[name] !== undefined) fail(`${name} is there twice`);
    if (value === '' || rest.length > 0) fail(`${name} takes one value`);
    given[name] = value;
  }
  for (const name of names) if (given[name] === undefined) fail(`${name} is missing`);
  return given;
}
