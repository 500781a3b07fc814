import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { scansFolder } from '../config/state-paths.ts';
import { readState } from '../patches/policy-store.ts';
import { replaceFile } from '../patches/state-file.ts';
import type { Component } from './inventory/component.ts';
import type { ScanResult } from './scan.ts';

const place = z.object({ ecosystem: z.string(), name: z.string(), version: z.string(), path: z.string().nullable() });
const memorySchema = z.object({
  startedMs: z.number(),
  root: z.string(),
  recommended: z.array(z.object({ id: z.string(), title: z.string(), places: z.array(place) })),
});

/** What is remembered of a scan, to say what has changed since. */
export type ScanMemory = z.output<typeof memorySchema>;
type Place = z.output<typeof place>;

export interface ScanChanges {
  /** Null: this is the first scan. */
  readonly sinceMs: number | null;
  readonly added: readonly string[];
  readonly removed: readonly { readonly id: string; readonly title: string; readonly why: string }[];
}

/** A scan that has not seen everything leaves what is known of the `last` one. */
export function memoryOf({ startedMs, inventory, recommendations }: ScanResult, last: ScanMemory | null): ScanMemory {
  const recommended = recommendations.map(({ offer, findings }) => ({
    id: offer.id,
    title: offer.title,
    places: findings.map(({ component: { ecosystem, name, version, path } }) => ({ ecosystem, name, version, path })),
  }));
  const known = new Set(recommended.map(({ id }) => id));
  const unseen = inventory.isComplete ? [] : (last?.recommended ?? []).filter(({ id }) => !known.has(id));
  return { startedMs, root: inventory.root, recommended: [...recommended, ...unseen] };
}

/** What is recommended now and was not, or was and is not any more, and why. Only who has seen all knows the latter. */
export function changesSince(last: ScanMemory | null, { inventory, recommendations }: ScanResult): ScanChanges {
  const now = recommendations.map(({ offer }) => offer.id);
  const before = new Set(last?.recommended.map(({ id }) => id));
  return {
    sinceMs: last?.startedMs ?? null,
    added: now.filter((id) => !before.has(id)),
    removed: (inventory.isComplete ? (last?.recommended ?? []) : [])
      .filter(({ id }) => !now.includes(id))
      .map(({ id, title, places }) => ({ id, title, why: whyRemoved(places, inventory.components) })),
  };
}

function whyRemoved(places: readonly Place[], components: readonly Component[]): string {
  const reasons = places.map(({ ecosystem, name, version, path }) => {
    const now = components.filter(
      (component) => component.ecosystem === ecosystem && component.name === name && component.path === path,
    );
    if (now.some((component) => component.version === version))
      return `${name} ${version} is not known as vulnerable any more`;
    const [newer] = now;
    if (newer !== undefined) return `${name} is ${newer.version} now, was ${version}`;
    return `${path ?? name} is not there any more`;
  });
  return [...new Set(reasons)].join('; ');
}

/** Null: there was no scan of this root before. Throws StateError. */
export function lastScan(stateFolder: string, root: string): ScanMemory | null {
  const path = memoryFile(stateFolder, root);
  return existsSync(path) ? readState(path, memorySchema) : null;
}

/** For the next scan of the same root. Throws what the system says. */
export function rememberScan(stateFolder: string, memory: ScanMemory): void {
  replaceFile(memoryFile(stateFolder, memory.root), `${JSON.stringify(memory)}\n`);
}

/** A name for each root; the host itself is the usual case. */
function memoryFile(stateFolder: string, root: string): string {
  const name = root === '/' ? 'host' : `root-${createHash('sha256').update(root).digest('hex').slice(0, 12)}`;
  return join(scansFolder(stateFolder), `${name}.json`);
}
