import { ContentDraft } from './content-draft.ts';
import type { RuleDraft } from './draft.ts';
import type { FastPattern } from './rule.ts';

/**
 * The content by which the rule's candidates are found, chosen as Suricata does: the one that says `fast_pattern`;
 * else, in the buffers that Suricata prefers, the longest, and of these the one of the most varied bytes. Unlike
 * Suricata never a negated one.
 */
export function chooseFastPattern(draft: RuleDraft): FastPattern | null {
  let best: { content: ContentDraft; inspection: RuleDraft['inspections'][number]; rank: number } | null = null;
  for (const inspection of draft.inspections) {
    // Headers are short, and looked at packet by packet.
    if (inspection.choice?.protocol === '') continue;
    const rank = rankOf(inspection.choice?.definition.name ?? null);
    for (const step of inspection.steps) {
      if (!(step instanceof ContentDraft) || step.isNegated) continue;
      if (step === draft.fastPattern) return patternOf(step, inspection.choice?.definition ?? null);
      if (best === null || rank < best.rank || (rank === best.rank && isStronger(step.bytes, best.content.bytes))) {
        best = { content: step, inspection, rank };
      }
    }
  }
  return best === null ? null : patternOf(best.content, best.inspection.choice?.definition ?? null);
}

function patternOf(content: ContentDraft, buffer: FastPattern['buffer']): FastPattern {
  const { bytes, chop, isCaseless } = content;
  return {
    buffer,
    bytes: chop === null ? bytes : bytes.subarray(chop.offset, chop.offset + chop.length),
    isCaseless,
  };
}

/** Suricata's order of buffers: those of transactions, then the payload, then short ones that every message has. */
function rankOf(buffer: string | null): number {
  if (buffer === null || buffer === 'http.stat_msg') return 3;
  return buffer === 'http.method' || buffer === 'http.stat_code' ? 4 : 2;
}

const isStronger = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length !== b.length ? a.length > b.length : strength(a) > strength(b);

/** Suricata's measure: each byte counts when it is new, most if it is rare in text; a repeated one counts 1. */
function strength(bytes: Uint8Array): number {
  const seen = new Set<number>();
  let sum = 0;
  for (const byte of bytes) {
    sum += seen.has(byte) ? 1 : weight(byte);
    seen.add(byte);
  }
  return sum;
}

function weight(byte: number): number {
  const lower = byte | 0x20;
  if (lower >= 0x61 && lower <= 0x7a) return 3;
  return (byte >= 0x20 && byte <= 0x7e) || byte === 0x00 || byte === 0x01 || byte === 0xff ? 4 : 6;
}
