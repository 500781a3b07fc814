import type { CounterTree } from '../base/counters.ts';
import type { AlertFacts, AnomalyFacts, DropFacts, EventSink, FlowFacts, RecordFacts } from '../output/event.ts';
import type { Packet } from '../wire/packet.ts';

export interface AlertTally {
  readonly gid: number;
  readonly signature_id: number;
  readonly signature: string;
  readonly action: 'allowed' | 'blocked';
  count: number;
}

export interface DropTally {
  readonly reason: string;
  readonly check: string | null;
  packets: number;
}

export interface AnomalyTally {
  readonly event: string;
  count: number;
}

/** Counts events by what they are, for a summary, and hands them on. As large as there are rules and checks. */
export class Tally implements EventSink {
  readonly #alerts = new Map<string, AlertTally>();
  readonly #drops = new Map<string, DropTally>();
  readonly #anomalies = new Map<string, AnomalyTally>();
  readonly #next: EventSink | null;

  constructor(next: EventSink | null) {
    this.#next = next;
  }

  /** The most frequent first. */
  get alerts(): readonly AlertTally[] {
    return [...this.#alerts.values()].sort((a, b) => b.count - a.count || a.signature_id - b.signature_id);
  }

  get drops(): readonly DropTally[] {
    return [...this.#drops.values()].sort((a, b) => b.packets - a.packets);
  }

  get anomalies(): readonly AnomalyTally[] {
    return [...this.#anomalies.values()].sort((a, b) => b.count - a.count);
  }

  alert(packet: Packet, flow: FlowFacts | null, facts: AlertFacts): void {
    const { rule } = facts;
    const action = facts.isBlocked ? 'blocked' : 'allowed';
    const tally = entry(this.#alerts, `${rule.gid}:${rule.sid}:${action}`, () => ({
      gid: rule.gid,
      signature_id: rule.sid,
      signature: rule.message,
      action,
      count: 0,
    }));
    tally.count++;
    this.#next?.alert(packet, flow, facts);
  }

  anomaly(packet: Packet, flow: FlowFacts | null, facts: AnomalyFacts): void {
    entry(this.#anomalies, facts.event, () => ({ event: facts.event, count: 0 })).count++;
    this.#next?.anomaly(packet, flow, facts);
  }

  drop(packet: Packet, flow: FlowFacts | null, facts: DropFacts): void {
    const { reason, check } = facts;
    entry(this.#drops, `${reason}/${check ?? ''}`, () => ({ reason, check, packets: 0 })).packets++;
    this.#next?.drop(packet, flow, facts);
  }

  record(packet: Packet, flowId: number | null, facts: RecordFacts): void {
    this.#next?.record?.(packet, flowId, facts);
  }

  stats(timeMs: number, uptimeSeconds: number, counters: CounterTree): void {
    this.#next?.stats(timeMs, uptimeSeconds, counters);
  }

  elapse(nowMs: number): void {
    this.#next?.elapse?.(nowMs);
  }

  close(): void {
    this.#next?.close?.();
  }
}

function entry<T>(map: Map<string, T>, key: string, create: () => T): T {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create();
  map.set(key, created);
  return created;
}
