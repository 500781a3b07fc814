import type { Message, Notice, NoticeGroup } from './notice.ts';

/** More in one message nobody reads. An attacker can choose addresses and, with many rules, which of them match. */
const MAX_GROUPS = 100;
const HOUR_MS = 3_600_000;

export interface DigestSettings {
  /** From the first notice to the message. */
  readonly gatherMs: number;
  readonly maxPerHour: number;
  readonly now: () => number;
  readonly send: (message: Message) => void;
}

/**
 * Gathers notices by group and lets messages out no oftener than wanted: what comes while the hour has had its messages
 * is gathered until the next may go. Of groups beyond a bound, only the number of events is kept.
 */
export class Digest {
  readonly #settings: DigestSettings;
  #groups = new Map<string, NoticeGroup>();
  #leftOutEvents = 0;
  /** When the messages of the last hour went out. */
  #sentMs: number[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(settings: DigestSettings) {
    this.#settings = settings;
  }

  add(notice: Notice): void {
    const { group, count, timeMs } = notice;
    const before = this.#groups.get(group);
    if (before !== undefined) {
      const firstMs = Math.min(before.firstMs, timeMs);
      const lastMs = Math.max(before.lastMs, timeMs);
      this.#groups.set(group, { notice, count: before.count + count, firstMs, lastMs });
    } else if (this.#groups.size < MAX_GROUPS) {
      this.#groups.set(group, { notice, count, firstMs: timeMs, lastMs: timeMs });
    } else {
      this.#leftOutEvents += count;
    }
    this.#wait(this.#settings.gatherMs);
  }

  /** Lets out what there is, whatever the hour has had. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#groups.size === 0) return;
    const { now, send } = this.#settings;
    const message = { timeMs: now(), groups: [...this.#groups.values()], leftOutEvents: this.#leftOutEvents };
    this.#groups = new Map();
    this.#leftOutEvents = 0;
    this.#sentMs.push(message.timeMs);
    send(message);
  }

  #wait(delayMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#flushIfAllowed();
    }, delayMs).unref();
  }

  #flushIfAllowed(): void {
    const { now, maxPerHour } = this.#settings;
    const nowMs = now();
    // What was sent in the future was sent before the clock was set back: nobody knows how long ago.
    this.#sentMs = this.#sentMs.filter((sentMs) => sentMs <= nowMs && nowMs - sentMs < HOUR_MS);
    if (this.#sentMs.length < maxPerHour) this.flush();
    else this.#wait(this.#sentMs[0]! + HOUR_MS - nowMs);
  }
}
