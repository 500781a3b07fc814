import { existsSync } from 'node:fs';
import { z } from 'zod';
import { heldFile } from '../config/state-paths.ts';
import { readState } from './policy-store.ts';
import { replaceFile } from './state-file.ts';

const heldSchema = z.object({
  hold: z.enum(['detect', 'soak']),
  sinceMs: z.number(),
  /** Matches that would have blocked, and when the last one was. */
  hits: z.number(),
  lastHitMs: z.number().nullable(),
  /** Time and connections that were inspected since then, or since it is held. */
  cleanMs: z.number(),
  cleanFlows: z.number(),
  /** Hits by `gid:sid`, and by source. */
  rules: z.record(z.string(), z.number()),
  sources: z.record(z.string(), z.number()),
});

/** What became of a patch or a rule since it is held. */
export type Held = z.output<typeof heldSchema>;

const storedSchema = z.record(z.string(), heldSchema);

/** By what is pinned. Throws StateError. */
export function readHeld(stateFolder: string): Record<string, Held> {
  const path = heldFile(stateFolder);
  return existsSync(path) ? readState(path, storedSchema) : {};
}

export const writeHeld = (stateFolder: string, held: Readonly<Record<string, Held>>): void =>
  replaceFile(heldFile(stateFolder), `${JSON.stringify(held)}\n`);
