const DAY_MS = 86_400_000;

/**
 * A time zone by its IANA name, as Node's own data has it. A local time is a number too: the instant at which UTC shows
 * the same date and time.
 */
export class TimeZone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;

  /** Throws RangeError for a name that there is not. Null: the zone of this system. */
  constructor(name: string | null) {
    this.#format = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
      ...(name !== null && { timeZone: name }),
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    this.name = this.#format.resolvedOptions().timeZone;
  }

  localMs(instantMs: number): number {
    const parts = new Map(this.#format.formatToParts(instantMs).map(({ type, value }) => [type, Number(value)]));
    const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
    const seconds = Date.UTC(
      part('year'),
      part('month') - 1,
      part('day'),
      part('hour'),
      part('minute'),
      part('second'),
    );
    return seconds + (instantMs - Math.floor(instantMs / 1000) * 1000);
  }

  /** RFC 3339, with seconds: `2026-11-29T03:30:00+01:00`. */
  format(instantMs: number): string {
    const localMs = this.localMs(instantMs);
    const offsetMinutes = Math.round((localMs - instantMs) / 60_000);
    const digits = (value: number): string => String(value).padStart(2, '0');
    const ahead = Math.abs(offsetMinutes);
    const offset = `${offsetMinutes < 0 ? '-' : '+'}${digits(Math.floor(ahead / 60))}:${digits(ahead % 60)}`;
    return new Date(localMs).toISOString().slice(0, 19) + offset;
  }

  /** What local time is ahead of UTC. */
  offsetMs(instantMs: number): number {
    return this.localMs(instantMs) - instantMs;
  }

  /**
   * When clocks show this local time: the first time where they do twice. Where they never do, because they are put
   * forward over it, the instant at which that happens.
   */
  instantMs(localMs: number): number {
    // No zone is a day off UTC, so one of these lies before any change near the local time, the other behind it.
    const before = this.offsetMs(localMs - DAY_MS);
    const after = this.offsetMs(localMs + DAY_MS);
    const earliest = localMs - Math.max(before, after);
    const latest = localMs - Math.min(before, after);
    for (const instant of [earliest, latest]) if (this.localMs(instant) === localMs) return instant;
    return this.changeMs(earliest, latest);
  }

  /** The first instant after `startMs` with another offset than there; one is known to be in force at `endMs`. */
  changeMs(startMs: number, endMs: number): number {
    const offset = this.offsetMs(startMs);
    let same = startMs;
    let other = endMs;
    while (other - same > 1) {
      const middle = Math.floor((same + other) / 2);
      if (this.offsetMs(middle) === offset) same = middle;
      else other = middle;
    }
    return other;
  }
}
