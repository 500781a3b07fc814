import type { AppProtocol, Transaction } from '../app/protocol.ts';
import type { CounterTree } from '../base/counters.ts';
import type { Direction } from '../base/direction.ts';
import type { Rule } from '../rules/rule.ts';
import type { DropReason, HeldBy } from '../verdict/judge.ts';
import type { Packet } from '../wire/packet.ts';

/** What an event says about the packet's flow. Reused by the reporter: read during the call only. */
export interface FlowFacts {
  /** EVE's `flow_id`: an integer below 2^53, the same for the whole life of the flow. */
  flowId: number;
  /** Null: not recognised (yet). */
  protocol: AppProtocol | null;
  /** When its first packet came, and what has come so far, to the server and to the client. Bytes on the wire. */
  startMs: number;
  packets: [number, number];
  bytes: [number, number];
}

/** A rule matched. Reused by the pipeline: read during the call only. */
export interface AlertFacts {
  rule: Rule;
  /** The packet does not arrive: because of this rule, or because it fails an always-on check. */
  isBlocked: boolean;
  /** Why the rule did not block, although that is its action. Null: it has, or is no rule that blocks. */
  heldBy: HeldBy | null;
  /** The rule rejects: whoever it names is told. */
  rejects: boolean;
  /** What becomes of the packet in the end, which another rule or check may have decided. */
  verdict: PacketVerdict;
  /** What the rule matched in, null where that is a packet or a stream. */
  transaction: Transaction | null;
  /** Whose transaction it is; the flow may have changed to another protocol since. */
  protocol: AppProtocol | null;
}

export type PacketVerdict = 'alert' | 'pass' | 'drop';

/** Which kind of stage noticed it, in EVE's words. */
export type AnomalyType = 'decode' | 'stream' | 'applayer';

/** Something wrong or remarkable in the traffic itself. */
export interface AnomalyFacts {
  type: AnomalyType;
  /** As rules name it: `ipv4.trunc_pkt`, `stream.rst_invalid_ack`, `http.request_smuggling`. */
  event: string;
  /** It is an always-on check, and not just remarkable. */
  isCheck: boolean;
  /** Because of it the packet does not arrive. */
  isBlocked: boolean;
  transaction: Transaction | null;
  /** Where in its stream, in bytes; -1 where the event is of no such place. */
  streamOffset: number;
  /** The rule that it is about; null where it is about the traffic alone. */
  rule: Rule | null;
}

/** One packet that did not arrive. */
export interface DropFacts {
  reason: DropReason;
  /** The always-on check, limit or event that decided; null where a rule did. */
  check: string | null;
  /** The rule that decided; null where none did. */
  rule: Rule | null;
}

/** Ordinary traffic that records were asked for. */
export interface RecordFacts {
  /** EVE's `event_type`. */
  type: string;
  /** Who is the source in it: TO_SERVER is the client, whichever way the packet goes. */
  direction: Direction;
  /** Null where the record is of no exchange. */
  transactionId: number | null;
  fields: Readonly<Record<string, unknown>>;
}

/**
 * Who is told what happened. Called while a packet is judged, so nothing here may wait for a disk or a peer.
 * `flow` is null for a packet that belongs to none. Packet and facts are borrowed for the call.
 */
export interface EventSink {
  alert(packet: Packet, flow: FlowFacts | null, facts: AlertFacts): void;
  anomaly(packet: Packet, flow: FlowFacts | null, facts: AnomalyFacts): void;
  drop(packet: Packet, flow: FlowFacts | null, facts: DropFacts): void;
  record?(packet: Packet, flowId: number | null, facts: RecordFacts): void;
  /** Totals since the start. */
  stats(timeMs: number, uptimeSeconds: number, counters: CounterTree): void;
  /** Time goes on, also when nothing happens: what waited for it is told. */
  elapse?(nowMs: number): void;
  /** No event comes any more. */
  close?(): void;
}
