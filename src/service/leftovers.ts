import { findQueueOwner, readQueueStatistics } from '../base/native/queue-statistics.ts';
import { type Firewall, installedFirewalls } from './firewall.ts';

export type Leftovers =
  /** Rules of a vpatch that is gone; empty: there are none. */
  | { readonly status: 'abandoned'; readonly firewalls: readonly Firewall[] }
  /** Rules of one that runs, which are not ours to touch. `owner` is for people. */
  | { readonly status: 'in use'; readonly owner: string; readonly queue: number };

/** Whose rules are in the firewalls of this network namespace? */
export function findLeftovers(): Leftovers {
  const firewalls = installedFirewalls();
  const bound = new Map(readQueueStatistics().map(({ queue, portId }) => [queue, portId]));
  for (const firewall of firewalls) {
    const queue = firewall.installedQueues()?.find((number) => bound.has(number));
    if (queue === undefined) continue;
    const { pid, command } = findQueueOwner(bound.get(queue)!);
    const owner = pid === null ? 'a process that cannot be seen from here' : `process ${pid} (${command})`;
    return { status: 'in use', owner, queue };
  }
  return { status: 'abandoned', firewalls };
}
