import type { Direction } from '../base/direction.ts';
import type { FlowSlot } from '../flow/slot.ts';
import type { FlowTable } from '../flow/table.ts';
import type { TcpTracker } from '../stream/tracker.ts';

/** A flow's own figures, by whoever counts them. */
export interface FlowFigures {
  packets(flow: FlowSlot, direction: Direction): number;
  bytes(flow: FlowSlot, direction: Direction): number;
  firstSeenMs(flow: FlowSlot): number;
  streamBytes(flow: FlowSlot, direction: Direction): number;
}

/** As they are whenever somebody asks. */
export function figuresOf(flows: FlowTable, streams: TcpTracker): FlowFigures {
  return {
    packets: (flow, direction) => flows.packets[flow * 2 + direction]!,
    bytes: (flow, direction) => flows.bytes[flow * 2 + direction]!,
    firstSeenMs: (flow) => flows.firstSeenMs[flow]!,
    streamBytes: (flow, direction) => streams.sentBytes(flow, direction),
  };
}
