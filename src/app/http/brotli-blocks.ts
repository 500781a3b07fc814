import { CORRUPT } from './bit-reader.ts';
import type { PrefixCode } from './prefix-code.ts';

/** How the commands of a compressed meta-block are written. */
export interface MetaBlock {
  readonly literals: Blocks;
  readonly commands: Blocks;
  readonly distances: Blocks;
  /** Of each type of literals, how its context is made. */
  readonly modes: Uint8Array;
  readonly postfixBits: number;
  readonly directDistances: number;
}

/** What a meta-block says of its literals, commands or distances: they come in blocks of several types. */
export class Blocks {
  types = 1;
  type = 0;
  previousType = 1;
  /** How many are left of the block; where there is one type, more than a meta-block can have. */
  left = 1 << 24;
  typeCode: PrefixCode = CORRUPT;
  countCode: PrefixCode = CORRUPT;
  trees = 1;
  contextMap = NO_CONTEXTS;
  readonly codes: PrefixCode[] = [];
}

const NO_CONTEXTS = new Uint8Array(0);
