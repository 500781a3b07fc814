import type { FlowCounts } from './counts.ts';
import type { FlowSlot } from './slot.ts';
import { DEFAULT_FLOW_TIMEOUTS, type FlowTimeouts } from './timeouts.ts';

/** How many flows there may be at the same time, over all workers. */
export interface FlowCaps {
  readonly maxTcpFlows: number;
  readonly maxUdpFlows: number;
  readonly maxOtherFlows: number;
  /** TCP flows whose handshake is not complete; null is no limit of their own. */
  readonly maxHalfOpenFlows: number | null;
  /** Flows that one source may have begun, and of these half-open ones; null is no limit. */
  readonly maxFlowsPerSource: number | null;
  readonly maxHalfOpenPerSource: number | null;
}

/** Of one worker's table, which counts together with those of the others. */
export interface FlowTableOptions extends FlowCaps {
  readonly timeouts: FlowTimeouts;
  readonly counts: FlowCounts;
  /** Of `SourceCounts`, where workers share the caps by source; null: this one counts for itself. */
  readonly sourceMemory: SharedArrayBuffer | null;
  /**
   * An established connection is silent: whether it is worth being remembered for longer. Called between packets or
   * for another flow's, it must not call back into the table.
   */
  readonly onSilent: (slot: FlowSlot) => boolean;
  /** 0 to 255: keeps the flow ids of several workers apart. */
  readonly worker: number;
}

/** The caps are ours: Deep Security's documented values are 10,000 TCP and 100,000 UDP, too few for a busy server. */
export const DEFAULT_FLOW_CAPS: FlowCaps = {
  maxTcpFlows: 100_000,
  maxUdpFlows: 100_000,
  maxOtherFlows: 10_000,
  // Off: limits of this kind hurt users of other products more than attackers did.
  maxHalfOpenFlows: null,
  // Off: behind one address may be a whole company.
  maxFlowsPerSource: null,
  maxHalfOpenPerSource: null,
};

export const DEFAULT_FLOW_TABLE_OPTIONS = {
  ...DEFAULT_FLOW_CAPS,
  sourceMemory: null,
  onSilent: () => true,
  timeouts: DEFAULT_FLOW_TIMEOUTS,
  worker: 0,
} as const;

/** Concurrent flows of all kinds. */
export const flowCapacity = ({ maxTcpFlows, maxUdpFlows, maxOtherFlows }: FlowCaps): number =>
  maxTcpFlows + maxUdpFlows + maxOtherFlows;

/** Whether a cap asks who began the flows. */
export const countsSources = ({ maxFlowsPerSource, maxHalfOpenPerSource }: FlowCaps): boolean =>
  maxFlowsPerSource !== null || maxHalfOpenPerSource !== null;
