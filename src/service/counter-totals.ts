import { PIPELINE_COUNTERS } from '../output/pipeline-counters.ts';

const INDEX_OF: ReadonlyMap<string, number> = new Map(PIPELINE_COUNTERS.map((name, index) => [name, index]));

/** What the pipelines of all workers have counted under one name. Unknown names are our own mistake. */
export function counterTotal(workers: readonly Float64Array[], name: string): number {
  const index = INDEX_OF.get(name);
  if (index === undefined) throw new Error(`no counter is called "${name}"`);
  return totalAt(workers, index);
}

/** The same of all names with this prefix, by what follows it, where anything was counted. */
export function countedBehind(workers: readonly Float64Array[], prefix: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [name, index] of INDEX_OF) {
    const total = name.startsWith(prefix) ? totalAt(workers, index) : 0;
    if (total > 0) counts[name.slice(prefix.length)] = total;
  }
  return counts;
}

const totalAt = (workers: readonly Float64Array[], index: number): number =>
  workers.reduce((sum, values) => sum + values[index]!, 0);
