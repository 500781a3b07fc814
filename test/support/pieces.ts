import { part } from './evasions.ts';
import type { Random } from './random.ts';
import type { Segment } from './segments.ts';

/** The data of a segment in up to so many pieces, each a segment of its own, cut anywhere. */
export function inPieces(segment: Segment, pieces: number, random: Random): Segment[] {
  const { length } = segment.data;
  const inside = Array.from({ length: pieces - 1 }, () => random.below(length));
  const places = [...new Set([0, ...inside, length])].sort((a, b) => a - b);
  return places.slice(1).map((end, n) => part(segment, places[n]!, end));
}
