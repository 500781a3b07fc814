import type { AddressSet } from '../base/address-set.ts';
import { HeaderSets, type RuleVariables } from './header-sets.ts';
import type { ListProblem } from './list-file.ts';
import {
  type NewAction,
  parseAmount,
  parsePairs,
  parseTrack,
  type Suppression,
  type Threshold,
  type ThresholdRules,
  type ThresholdType,
} from './threshold.ts';

/** What threshold.config says for rules: an id of 0 stands for all. */
interface ThresholdEntry {
  readonly gid: number;
  readonly sid: number;
  readonly threshold: Threshold | null;
  readonly suppression: Suppression | null;
}

/** Finds what applies to a rule. */
export class ThresholdConfig {
  readonly #entries: readonly ThresholdEntry[];

  constructor(entries: readonly ThresholdEntry[]) {
    this.#entries = entries;
  }

  /**
   * As in Suricata a rule has one threshold at most: its own, or the first that is meant for all. An `event_filter` of
   * exactly this rule replaces it, a `rate_filter` does not.
   */
  applyTo(gid: number, sid: number, own: readonly Threshold[]): ThresholdRules {
    let thresholds = own;
    const suppressions: Suppression[] = [];
    for (const entry of this.#entries) {
      if ((entry.gid !== 0 && entry.gid !== gid) || (entry.sid !== 0 && entry.sid !== sid)) continue;
      if (entry.suppression !== null) suppressions.push(entry.suppression);
      if (entry.threshold === null) continue;
      const replaces = entry.sid !== 0 && entry.threshold.type !== 'rate_filter';
      if (replaces || thresholds.length === 0) thresholds = [entry.threshold];
    }
    return { thresholds, suppressions };
  }
}

export const NO_THRESHOLDS = new ThresholdConfig([]);

/**
 * Reads Suricata's threshold.config: `event_filter` (also called `threshold`), `rate_filter` and `suppress`; a line
 * that ends in `\` goes on in the next one. Addresses are written as in a rule's header, the brackets around a list may
 * be missing.
 */
export function parseThresholdConfig(
  text: string,
  variables: RuleVariables,
): { readonly config: ThresholdConfig; readonly problems: readonly ListProblem[] } {
  const sets = new HeaderSets(variables);
  const addressesOf = (list: string): AddressSet =>
    sets.addresses({ text: list.includes(',') && !list.startsWith('[') ? `[${list}]` : list, at: 0 });
  const entries: ThresholdEntry[] = [];
  const problems: ListProblem[] = [];
  let begun = '';
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = (begun + raw).trim();
    begun = line.endsWith('\\') ? `${line.slice(0, -1)} ` : '';
    if (begun !== '' || line === '' || line.startsWith('#')) continue;
    try {
      entries.push(entryOf(line, addressesOf));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      problems.push({ line: index + 1, message: error.message });
    }
  }
  return { config: new ThresholdConfig(entries), problems };
}

const fail = (message: string): never => {
  throw new RangeError(message);
};

const FILTER_TYPES: readonly ThresholdType[] = ['limit', 'threshold', 'both'];
const NEW_ACTIONS: readonly NewAction[] = ['alert', 'drop', 'pass', 'reject'];

function entryOf(line: string, addressesOf: (list: string) => AddressSet): ThresholdEntry {
  const [, kind = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
  if (kind === 'event_filter' || kind === 'threshold') {
    const pairs = parsePairs(rest, ['gen_id', 'sig_id', 'type', 'track', 'count', 'seconds'], fail);
    const type = FILTER_TYPES.find((known) => known === pairs.type);
    return entry(
      pairs,
      thresholdOf(type ?? fail(`"${pairs.type}" is none of ${FILTER_TYPES.join(', ')}`), pairs),
      null,
    );
  }
  if (kind === 'rate_filter') {
    const pairs = parsePairs(rest, ['gen_id', 'sig_id', 'track', 'count', 'seconds', 'new_action', 'timeout'], fail);
    return entry(pairs, thresholdOf('rate_filter', pairs), null);
  }
  if (kind !== 'suppress') return fail('expected event_filter, threshold, rate_filter or suppress');
  const [, ids = '', track, list] = /^(.*?)(?:\s*,\s*track\s+(\w+)\s*,\s*ip\s+(.+))?$/.exec(rest) ?? [];
  const suppression: Suppression =
    track === undefined
      ? { track: 'either', addresses: null }
      : { track: suppressedTrack(track), addresses: addressesOf(list!.trim()) };
  return entry(parsePairs(ids, ['gen_id', 'sig_id'], fail), null, suppression);
}

function entry(
  { gen_id = '', sig_id = '' }: Readonly<Record<string, string>>,
  threshold: Threshold | null,
  suppression: Suppression | null,
): ThresholdEntry {
  if (!/^\d{1,10}$/.test(gen_id) || !/^\d{1,10}$/.test(sig_id)) fail('gen_id and sig_id are numbers; 0 is all');
  return { gid: Number(gen_id), sid: Number(sig_id), threshold, suppression };
}

function thresholdOf(type: ThresholdType, pairs: Readonly<Record<string, string>>): Threshold {
  const { track = '', count = '', seconds = '', new_action = 'alert', timeout = '1' } = pairs;
  const newAction = NEW_ACTIONS.find((known) => known === new_action);
  return {
    type,
    track: parseTrack(track, fail),
    count: parseAmount('count', count, fail),
    windowMs: parseAmount('seconds', seconds, fail) * 1000,
    newAction: newAction ?? fail(`"${new_action}" is none of ${NEW_ACTIONS.join(', ')}`),
    timeoutMs: parseAmount('timeout', timeout, fail) * 1000,
  };
}

const SUPPRESSED_TRACKS: Readonly<Record<string, Suppression['track']>> = {
  by_src: 'source',
  by_dst: 'destination',
  by_either: 'either',
};

const suppressedTrack = (text: string): Suppression['track'] =>
  SUPPRESSED_TRACKS[text] ?? fail(`"${text}" is none of ${Object.keys(SUPPRESSED_TRACKS).join(', ')}`);
