import { u8 } from '../base/bytes.ts';
import type { InspectionDraft, StepDraft } from './draft.ts';
import { evaluateNested } from './evaluate.ts';
import type { Inspected, Step } from './rule.ts';

export interface Base64Place {
  /** Of base64 text, at most. */
  readonly maxBytes: number;
  readonly offset: number;
  readonly isRelative: boolean;
}

/** `base64_decode`, and what `base64_data` looks for in what it has decoded. */
export class Base64Draft implements StepDraft {
  readonly isMonotone = false;
  readonly #place: Base64Place;
  /** Null: that something can be decoded is enough. */
  data: InspectionDraft | null = null;

  constructor(place: Base64Place) {
    this.#place = place;
  }

  build(): Step {
    return new Base64Step(
      this.#place,
      (this.data?.steps ?? []).map((step) => step.build(false)),
    );
  }
}

class Base64Step implements Step {
  readonly matchStart = -1;
  readonly isRelative: boolean;
  readonly needsEnd: boolean;
  readonly #place: Base64Place;
  readonly #steps: readonly Step[];
  readonly #view: Inspected = { bytes: decoded, start: 0, end: 0, skippedBytes: 0 };

  constructor(place: Base64Place, steps: readonly Step[]) {
    this.#place = place;
    this.#steps = steps;
    this.isRelative = place.isRelative;
    this.needsEnd = steps.some((step) => step.needsEnd);
  }

  find(input: Inspected, cursor: number): number {
    const { maxBytes, offset, isRelative } = this.#place;
    const start = (isRelative ? cursor : input.start) + offset;
    const length = decode(input.bytes, start, Math.min(input.end, start + maxBytes));
    if (length === 0) return -1;
    this.#view.end = length;
    return evaluateNested(this.#steps, this.#view) ? cursor : -1;
  }
}

/** Suricata's BASE64_DECODE_MAX. */
export const MAX_BASE64_BYTES = 65_535;

/** Of all steps, in turn: a step looks into it before the next one decodes. */
const decoded = new Uint8Array(Math.ceil((MAX_BASE64_BYTES * 3) / 4));

/** RFC 4648 §4, up to the first byte that is none of its alphabet. Returns how many bytes there are in `decoded`. */
function decode(bytes: Uint8Array, start: number, end: number): number {
  let length = 0;
  let bits = 0;
  let bitCount = 0;
  for (let at = start; at < end; at++) {
    const value = VALUES[u8(bytes, at)]!;
    if (value === NONE) break;
    bits = ((bits << 6) | value) & 0xfff;
    bitCount += 6;
    if (bitCount < 8) continue;
    bitCount -= 8;
    decoded[length++] = (bits >> bitCount) & 0xff;
  }
  return length;
}

const NONE = 0xff;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = new Uint8Array(256).fill(NONE);
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i;
