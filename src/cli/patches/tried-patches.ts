import { counted } from '../../base/counted.ts';
import type { CounterTree } from '../../base/counters.ts';
import { type EveAlert, type EveEvent, EveLines } from '../../output/eve-lines.ts';
import type { LineOutput } from '../../output/line-output.ts';
import type { Patch } from '../../patches/catalogue.ts';
import { table } from '../table.ts';

/** What one patch would have blocked. */
export interface TriedPatch {
  readonly id: string;
  readonly title: string;
  readonly connections: number;
  readonly sources: number;
  readonly examples: readonly Example[];
}

export interface TryResult {
  readonly home_net: string;
  readonly packets: number;
  readonly flows: number;
  readonly patches: readonly TriedPatch[];
}

/** For the person who judges whether it was an attack. */
interface Example {
  readonly time: string;
  readonly source: string;
  readonly destination: string;
  readonly rule: string;
  /** What it was about, of the protocol: for HTTP the request. Empty where there is nothing to show. */
  readonly what: string;
}

const MAX_EXAMPLES = 5;
/** Of connections and of sources that are told apart, for each patch; beyond, "at least" so many. */
const MAX_COUNTED = 100_000;
/** Of a URL: enough to recognise it. */
const MAX_TEXT = 100;

class Hits {
  readonly connections = new Set<number | string>();
  readonly sources = new Set<string>();
  readonly examples: Example[] = [];

  add(event: EveEvent, alert: EveAlert): void {
    const { src_ip: source = '', dest_ip: destination = '', dest_port: port, timestamp: time } = event;
    const isNew = !this.connections.has(event.flow_id ?? `${time} ${source}`);
    if (this.connections.size < MAX_COUNTED) this.connections.add(event.flow_id ?? `${time} ${source}`);
    if (this.sources.size < MAX_COUNTED) this.sources.add(source);
    if (!isNew || this.examples.length >= MAX_EXAMPLES) return;
    const rule = `${alert.signature_id} ${alert.signature}`;
    this.examples.push({ time, source, destination: `${destination} ${port ?? ''}`.trim(), rule, what: whatOf(event) });
  }
}

function whatOf({ http }: EveEvent): string {
  if (http === undefined) return '';
  const { http_method: method = '', hostname = '', url = '' } = http;
  return `${method} ${hostname}${url.length > MAX_TEXT ? `${url.slice(0, MAX_TEXT)}...` : url}`;
}

/** Reads the events of an inspection, and counts by patch what would have been blocked. */
export class TriedPatches implements LineOutput {
  readonly lostLines = 0;
  readonly #patches: readonly Patch[];
  readonly #hits = new Map<string, Hits>();
  readonly #owners: ReadonlyMap<number, string>;

  constructor(patches: readonly Patch[]) {
    this.#patches = patches;
    this.#owners = new Map(patches.flatMap(({ id, rules }) => rules.map(({ sid }) => [sid, id] as const)));
  }

  write(lines: string): void {
    for (const line of new EveLines(lines)) {
      const alert = line.type === 'alert' ? line.event.alert : undefined;
      if (alert === undefined) continue;
      const id = this.#owners.get(alert.signature_id)!;
      const hits = this.#hits.get(id) ?? new Hits();
      this.#hits.set(id, hits);
      hits.add(line.event, alert);
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Those with something to tell first. */
  result(homeNet: string, stats: CounterTree): TryResult {
    const patches = this.#patches.map(({ id, description }) => {
      const { connections, sources, examples } = this.#hits.get(id) ?? new Hits();
      return { id, title: description.title, connections: connections.size, sources: sources.size, examples };
    });
    return {
      home_net: homeNet,
      packets: count(stats, 'decoder', 'pkts'),
      flows: count(stats, 'flow', 'total'),
      patches: patches.sort((a, b) => b.connections - a.connections),
    };
  }

  text({ home_net: homeNet, packets, flows, patches }: TryResult): string {
    const hit = patches.filter(({ connections }) => connections > 0);
    const parts = hit.map(({ id, title, connections, sources, examples }) => {
      const rows = examples.map(({ time, source, destination, rule, what }) => [
        `  ${time}`,
        `${source} -> ${destination}`,
        rule,
        what,
      ]);
      return `${id}: ${title}\n  would have blocked ${counted(connections, 'connection')} of ${counted(sources, 'source')}\n${table(rows)}`;
    });
    const rest = patches.length - hit.length;
    return [
      ...parts,
      `${counted(packets, 'packet')} in ${counted(flows, 'flow')}, HOME_NET ${homeNet}\n`,
      `${counted(hit.length, 'patch')} would have blocked something, ${rest} nothing\n`,
    ].join('');
  }
}

function count(stats: CounterTree, group: string, name: string): number {
  const tree = stats[group];
  const value = typeof tree === 'object' ? tree[name] : undefined;
  return typeof value === 'number' ? value : 0;
}
