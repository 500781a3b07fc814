import type { Transaction } from '../app/protocol.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import { matchedParts } from '../rules/matched-parts.ts';
import type { BufferInspection, Rule } from '../rules/rule.ts';
import type { Packet } from '../wire/packet.ts';

/** Bytes that a rule matched: `vpatch.matched` of an alert. */
export interface Evidence {
  /** The rule's sticky buffer, or `payload`. */
  readonly buffer: string;
  /** Where they begin in it. */
  readonly offset: number;
  /** As rules write them: what is not printable ASCII is in hexadecimal between bars. */
  readonly bytes: string;
}

/** Of each alert, so that lines stay readable. */
const MAX_PARTS = 8;
/** Of each part. */
const MAX_BYTES = 64;
const BOTH: readonly Direction[] = [TO_SERVER, TO_CLIENT];

/**
 * What of the rule can be shown in what is at hand. Of what matched across several packets of a stream nothing is left
 * to show, nor of a body whose message is complete.
 */
export function evidenceOf(packet: Packet, rule: Rule, transaction: Transaction | null): Evidence[] {
  return rule.inspections.flatMap((inspection) => partsOf(inspection, packet, transaction)).slice(0, MAX_PARTS);
}

function partsOf(inspection: BufferInspection, packet: Packet, transaction: Transaction | null): Evidence[] {
  const { buffer, steps } = inspection;
  if (buffer === null || buffer.isFrame === true) {
    const { bytes, payloadStart: start, payloadEnd: end } = packet;
    const parts = matchedParts(steps, { bytes, start, end, skippedBytes: 0 });
    return (parts ?? []).map((part) => evidence('payload', bytes, start, part.start, part.end));
  }
  if (transaction === null) return [];
  for (const direction of buffer.direction === null ? BOTH : [buffer.direction]) {
    for (let nth = 0; ; nth++) {
      const bytes = buffer.read(transaction, direction, nth);
      if (bytes === null) break;
      const parts = matchedParts(steps, { bytes, start: 0, end: bytes.length, skippedBytes: 0 });
      if (parts !== null) return parts.map(({ start, end }) => evidence(buffer.name, bytes, 0, start, end));
    }
  }
  return [];
}

const evidence = (buffer: string, bytes: Uint8Array, origin: number, start: number, end: number): Evidence => ({
  buffer,
  offset: start - origin,
  bytes: patternText(bytes.subarray(start, Math.min(end, start + MAX_BYTES))),
});

/** What would have to be escaped in a `content` is in hexadecimal too. */
const IS_PLAIN = /[ !#-9<-[\]-{}~]/;

/** `GET|0d 0a|`. */
export function patternText(bytes: Uint8Array): string {
  let text = '';
  let isHex = false;
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    if (IS_PLAIN.test(character)) {
      text += isHex ? `|${character}` : character;
      isHex = false;
    } else {
      text += `${isHex ? ' ' : '|'}${byte.toString(16).padStart(2, '0')}`;
      isHex = true;
    }
  }
  return isHex ? `${text}|` : text;
}
