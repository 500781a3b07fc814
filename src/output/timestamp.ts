/** 31 December 9999: what a capture file says beyond it is no time, and `Date` would throw far beyond it. */
const LAST_MS = 253_402_300_799_999;

/** EVE's form, always in UTC: `2009-11-24T21:27:09.534255+0000`. */
export function timestamp(timeMs: number): string {
  const boundedMs = timeMs >= 0 ? Math.min(timeMs, LAST_MS) : 0;
  const microseconds = Math.round(boundedMs * 1000);
  const seconds = Math.floor(microseconds / 1e6);
  const fraction = String(microseconds - seconds * 1e6).padStart(6, '0');
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${fraction}+0000`;
}
