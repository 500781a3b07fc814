import { deepFreeze } from '../base/deep-freeze.ts';
import { type Config, DEFAULTS } from './config.ts';

/** A part of a configuration, as one source of it (a file, the command line) gives it. Lists replace lists. */
export type Overrides<T = Config> = {
  readonly [K in keyof T]?: T[K] extends readonly unknown[] | string | number | boolean | null ? T[K] : Overrides<T[K]>;
};

/** Lays sources over each other and over the defaults. */
export const mergeConfig = (...sources: readonly Overrides[]): Config =>
  deepFreeze(sources.reduce<Tree>(layOver, DEFAULTS as unknown as Tree) as unknown as Config);

export const mergeOverrides = (below: Overrides, above: Overrides): Overrides => layOver(below as Tree, above as Tree);

interface Tree {
  readonly [key: string]: unknown;
}

/** What `above` names replaces what `below` says; of blocks, key by key. */
function layOver(below: Tree, above: Tree): Tree {
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const old = merged[key];
    merged[key] = isTree(value) && isTree(old) ? layOver(old, value) : value;
  }
  return merged;
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);
