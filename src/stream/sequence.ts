/**
 * RFC 9293 §3.4: sequence space wraps at 2^32, so numbers are compared by their distance. All sequence numbers in this
 * folder are signed 32-bit integers (`| 0`), which V8 keeps without a box.
 */

/** How far `a` is ahead of `b`; negative where it is behind. */
export const distance = (a: number, b: number): number => (a - b) | 0;

export const isAfter = (a: number, b: number): boolean => ((a - b) | 0) > 0;
