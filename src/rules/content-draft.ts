import { ByteVariable } from './byte-variable.ts';
import { ContentStep } from './content-step.ts';
import type { StepDraft } from './draft.ts';
import { Literal } from './literal.ts';
import type { Step } from './rule.ts';

/** A `content` and the modifiers that have been given to it so far. */
export class ContentDraft implements StepDraft {
  readonly bytes: Uint8Array;
  readonly isNegated: boolean;
  /** Where it stands in the rule's text. */
  readonly at: number;
  isCaseless = false;
  isRaw = false;
  offset: number | ByteVariable | null = null;
  depth: number | ByteVariable | null = null;
  distance: number | ByteVariable | null = null;
  within: number | ByteVariable | null = null;
  isAtStart = false;
  isAtEnd = false;
  /** The part that the multi-pattern search looks for; null: all of it. */
  chop: { readonly offset: number; readonly length: number } | null = null;

  constructor(bytes: Uint8Array, isNegated: boolean, at: number) {
    this.bytes = bytes;
    this.isNegated = isNegated;
    this.at = at;
  }

  get isRelative(): boolean {
    return this.distance !== null || this.within !== null;
  }

  get isPlaced(): boolean {
    return this.offset !== null || this.depth !== null || this.isAtStart;
  }

  get hasVariables(): boolean {
    return [this.offset, this.depth, this.distance, this.within].some((limit) => limit instanceof ByteVariable);
  }

  get isMonotone(): boolean {
    return !this.hasVariables;
  }

  build(isChainMonotone: boolean): Step {
    const literal = new Literal(this.bytes, this.isCaseless);
    return new ContentStep(literal, {
      isNegated: this.isNegated,
      isAtEnd: this.isAtEnd,
      isRelative: this.isRelative,
      offset: this.isAtStart ? 0 : this.offset,
      depth: this.isAtStart ? this.bytes.length : this.depth,
      distance: this.distance,
      within: this.within,
      endsSearch:
        isChainMonotone && !this.isNegated && !this.hasVariables && this.distance !== null && this.within === null,
    });
  }
}
