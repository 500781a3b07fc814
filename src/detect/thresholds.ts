import type { Rule } from '../rules/rule.ts';
import type { NewAction, Suppression, Threshold } from '../rules/threshold.ts';
import type { Packet } from '../wire/packet.ts';
import { trackKey } from './packet-state.ts';
import { TRACK_KEY_WORDS, type TrackTable } from './track-table.ts';

/** What becomes of a rule that matched. `silent`: it acts, and is not told of. `none`: as if it had not matched. */
export type Passage = 'full' | 'silent' | 'none';

/** Counts how often rules match, by packets' time, and decides what is told. Survives a change of rules. */
export class Thresholds {
  /** Of the last `weigh`: what a rate filter makes of the rule's action; null where none does. */
  newAction: NewAction | null = null;
  readonly #table: TrackTable;
  readonly #key = new Uint32Array(TRACK_KEY_WORDS);

  constructor(table: TrackTable) {
    this.#table = table;
  }

  /** Counters that had to go before their time, since too many were there. */
  get evicted(): number {
    return this.#table.evicted;
  }

  /** Counts a match of the rule in this packet. The first threshold that holds it back decides. */
  weigh(rule: Rule, packet: Packet): Passage {
    this.newAction = null;
    if (packet.ipVersion === 0) return 'full';
    const { suppressions, thresholds } = rule;
    for (let i = 0; i < suppressions.length; i++) if (isSuppressed(suppressions[i]!, packet)) return 'silent';
    if (thresholds.length === 0) return 'full';
    this.#table.enter();
    try {
      for (let i = 0; i < thresholds.length; i++) {
        const passage = this.#count(rule, thresholds[i]!, packet);
        if (passage !== 'full') return passage;
      }
      return 'full';
    } finally {
      this.#table.leave();
    }
  }

  #count(rule: Rule, threshold: Threshold, packet: Packet): Passage {
    const { type, count, windowMs } = threshold;
    const { timeMs } = packet;
    const table = this.#table;
    trackKey(packet, rule.sid, rule.gid * 8 + TYPE_NUMBERS[type], threshold.track, this.#key);
    let entry = table.find(this.#key, timeMs);
    if (entry < 0) {
      entry = table.claim(this.#key, timeMs);
      this.#begin(entry, threshold, timeMs);
    } else if (type === 'rate_filter' && table.count[entry]! < 0) {
      const actsSinceSeconds = -table.count[entry]!;
      if (Math.abs(wholeSeconds(timeMs) - actsSinceSeconds) <= wholeSeconds(threshold.timeoutMs)) {
        this.newAction = threshold.newAction;
      } else table.count[entry] = count + 1;
      return 'full';
    } else if (Math.abs(timeMs - table.startMs[entry]!) > windowMs) {
      // It is over, or the clock has been set back.
      this.#begin(entry, threshold, timeMs);
    } else {
      table.count[entry] = table.count[entry]! + 1;
    }
    const seen = table.count[entry]!;
    switch (type) {
      case 'limit':
        return seen <= count ? 'full' : 'silent';
      case 'threshold':
        if (seen < count) return 'none';
        table.count[entry] = 0;
        return 'full';
      case 'both':
        return seen < count ? 'none' : seen === count ? 'full' : 'silent';
      case 'detection_filter':
        return seen > count ? 'full' : 'none';
      case 'rate_filter':
        if (seen > count) {
          table.count[entry] = -wholeSeconds(timeMs);
          table.endMs[entry] = timeMs + threshold.timeoutMs + windowMs + MILLISECONDS;
          this.newAction = threshold.newAction;
        }
        return 'full';
      default:
        return type satisfies never;
    }
  }

  #begin(entry: number, { windowMs }: Threshold, timeMs: number): void {
    this.#table.startMs[entry] = timeMs;
    this.#table.count[entry] = 1;
    // The window's last moment belongs to it.
    this.#table.endMs[entry] = timeMs + windowMs + 1;
  }
}

/**
 * As in Suricata, a rate filter acts for a whole number of seconds; the first match behind them is not counted, and the
 * window of before goes on. While it acts, the count is the second in which that began, negated.
 */
const MILLISECONDS = 1000;
const wholeSeconds = (timeMs: number): number => Math.floor(timeMs / MILLISECONDS);

/** Thresholds of one rule count apart. */
const TYPE_NUMBERS: Readonly<Record<Threshold['type'], number>> = {
  limit: 0,
  threshold: 0,
  both: 0,
  detection_filter: 1,
  rate_filter: 2,
};

function isSuppressed({ track, addresses }: Suppression, { ipVersion, source, destination }: Packet): boolean {
  if (ipVersion === 0) return false;
  if (addresses === null) return true;
  if (track !== 'destination' && addresses.contains(ipVersion, source)) return true;
  return track !== 'source' && addresses.contains(ipVersion, destination);
}
