/** More edits than this make another word, not a slip of the hand. */
const MAX_EDITS = 2;
/** Between two names that are as near: the one with the same signs between its words. */
const OTHER_SIGN = 0.01;

/** The name that a misspelt one most likely means, or null where none is near. */
export function nearestName(name: string, candidates: Iterable<string>): string | null {
  let best: string | null = null;
  let bestEdits = Math.min(MAX_EDITS, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    const edits = editDistance(name, candidate, bestEdits);
    if (edits < bestEdits) {
      best = candidate;
      bestEdits = edits;
    }
  }
  return best;
}

/** Levenshtein's distance, row by row; `limit` where it is that or more. `.`, `-` and `_` are nearly the same. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = row[j]! + difference(a[i]!, b[j]!);
      next.push(Math.min(replaced, row[j + 1]! + 1, next[j]! + 1));
    }
    row = next;
  }
  return Math.min(row[b.length]!, limit);
}

const difference = (a: string, b: string): number => (a === b ? 0 : plain(a) === plain(b) ? OTHER_SIGN : 1);

const plain = (char: string): string => (char === '.' || char === '-' ? '_' : char.toLowerCase());
