import type { AppLayer } from '../app/app-layer.ts';
import { type FileDigest, fileDigest } from '../app/files.ts';
import { type AppProtocol, STAGE, type Stage, type Transaction } from '../app/protocol.ts';
import { NO_PROTOCOL } from '../app/session.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import { FLOW_FLAG, type FlowEndReason } from '../flow/flags.ts';
import type { FlowSlot } from '../flow/slot.ts';
import type { FlowTable } from '../flow/table.ts';
import { TIMEOUT_CLASS } from '../flow/timeouts.ts';
import { Packet } from '../wire/packet.ts';
import { fileFields, transactionContext } from './context.ts';
import type { EventSink } from './event.ts';
import { timestamp } from './timestamp.ts';

export interface RecordSettings {
  /** Of RECORD_TYPES. */
  readonly records: readonly string[] | 'all';
  /** Computed for every file that is told of; others only where a rule asks for them. */
  readonly fileHashes: readonly FileDigest[];
}

/**
 * Tells of ordinary traffic what was asked for: each exchange when it is complete, or when its flow ends; each file
 * when it is; each flow at its end. Allocates only for what is told. Of open exchanges there are no more than parsers
 * have.
 */
export class Records {
  readonly #sink: EventSink;
  readonly #flows: FlowTable;
  readonly #apps: AppLayer;
  readonly #settings: RecordSettings;
  /** By flow, exchanges that are not complete, with whose they are. */
  readonly #open = new Map<FlowSlot, Map<Transaction, OpenExchange>>();
  /** The last protocol of connections that are over, and still remembered. */
  readonly #protocolNames = new Map<FlowSlot, string>();
  /** Stands for the packet that the end of a flow does not have. */
  readonly #endPacket = new Packet();

  constructor(sink: EventSink, flows: FlowTable, apps: AppLayer, settings: RecordSettings) {
    this.#sink = sink;
    this.#flows = flows;
    this.#apps = apps;
    this.#settings = settings;
  }

  /** A stage of a transaction is reached, with this packet. */
  progress(packet: Packet, protocol: AppProtocol, transaction: Transaction, direction: Direction, stage: Stage): void {
    const isComplete = stage === STAGE.complete;
    if (isComplete) this.#tellFiles(packet, protocol, transaction, direction);
    if (!this.#has(protocol.name)) return;
    if (protocol.describeMessages !== undefined) {
      if (!isComplete) return;
      const key = protocol.contextKey ?? protocol.name;
      for (const message of protocol.describeMessages(transaction, direction)) {
        this.#tell(packet, protocol, transaction, { [key]: message });
      }
      return;
    }
    const ofFlow = this.#open.get(packet.flow) ?? new Map<Transaction, OpenExchange>();
    const exchange = ofFlow.get(transaction) ?? { protocol, isComplete: [false, false] };
    exchange.isComplete[direction] ||= isComplete;
    if (exchange.isComplete[TO_SERVER] && exchange.isComplete[TO_CLIENT]) {
      ofFlow.delete(transaction);
      this.#tell(packet, protocol, transaction, transactionContext(protocol, transaction));
    } else ofFlow.set(transaction, exchange);
    if (ofFlow.size > 0) this.#open.set(packet.flow, ofFlow);
    else this.#open.delete(packet.flow);
  }

  /** The connection is over, and its parser goes: exchanges that are not complete never will be. */
  connectionOver(flow: FlowSlot, timeMs: number): void {
    const name = this.#protocolName(flow);
    if (name !== null && this.#has('flow')) this.#protocolNames.set(flow, name);
    const ofFlow = this.#open.get(flow);
    if (ofFlow === undefined) return;
    this.#open.delete(flow);
    for (const [transaction, { protocol }] of ofFlow) {
      this.#tell(this.#packetOf(flow, timeMs), protocol, transaction, transactionContext(protocol, transaction));
    }
  }

  /** The flow's columns are still as they were. */
  flowEnded(flow: FlowSlot, reason: FlowEndReason, timeMs: number): void {
    this.connectionOver(flow, timeMs);
    if (!this.#has('flow')) return;
    const name = this.#protocolNames.get(flow);
    this.#protocolNames.delete(flow);
    this.#sink.record?.(this.#packetOf(flow, timeMs), this.#flows.flowId(flow), {
      type: 'flow',
      direction: TO_SERVER,
      transactionId: null,
      fields: { ...(name !== undefined && { app_proto: name }), flow: flowFields(this.#flows, flow, reason) },
    });
  }

  #has(type: string): boolean {
    const { records } = this.#settings;
    return records === 'all' || records.includes(type);
  }

  #protocolName(flow: FlowSlot): string | null {
    return this.#apps.state(flow) === 'failed' ? NO_PROTOCOL : (this.#apps.protocol(flow)?.name ?? null);
  }

  #tell(
    packet: Packet,
    protocol: AppProtocol,
    transaction: Transaction,
    context: Readonly<Record<string, unknown>>,
  ): void {
    this.#sink.record?.(packet, this.#flows.flowId(packet.flow), {
      type: protocol.contextKey ?? protocol.name,
      direction: TO_SERVER,
      transactionId: transaction.id,
      fields: { app_proto: protocol.name, ...context },
    });
  }

  #tellFiles(packet: Packet, protocol: AppProtocol, transaction: Transaction, direction: Direction): void {
    const { files } = protocol;
    if (files === undefined || !this.#has('fileinfo')) return;
    for (let nth = 0; files.name(transaction, direction, nth) !== null; nth++) {
      const { fileHashes } = this.#settings;
      for (const algorithm of fileHashes) fileDigest(files, algorithm, transaction, direction, nth);
      this.#sink.record?.(packet, this.#flows.flowId(packet.flow), {
        type: 'fileinfo',
        direction,
        transactionId: null,
        fields: {
          app_proto: protocol.name,
          ...transactionContext(protocol, transaction),
          fileinfo: fileFields(files, transaction, direction, nth),
        },
      });
    }
  }

  #packetOf(flow: FlowSlot, timeMs: number): Packet {
    const packet = this.#endPacket;
    this.#flows.describe(flow, TO_SERVER, packet);
    packet.timeMs = timeMs;
    return packet;
  }
}

interface OpenExchange {
  readonly protocol: AppProtocol;
  readonly isComplete: [boolean, boolean];
}

/** EVE's `flow`. */
function flowFields(flows: FlowTable, flow: FlowSlot, reason: FlowEndReason): Record<string, unknown> {
  const { packets, bytes, firstSeenMs, lastSeenMs } = flows;
  const [startMs, endMs] = [firstSeenMs[flow]!, lastSeenMs[flow]!];
  const [toServer, toClient] = [flow * 2 + TO_SERVER, flow * 2 + TO_CLIENT];
  const flags = flows.flags[flow]!;
  return {
    pkts_toserver: packets[toServer]!,
    pkts_toclient: packets[toClient]!,
    bytes_toserver: bytes[toServer]!,
    bytes_toclient: bytes[toClient]!,
    start: timestamp(startMs),
    end: timestamp(endMs),
    age: Math.max(0, Math.floor(endMs / SECOND_MS) - Math.floor(startMs / SECOND_MS)),
    state: stateOf(flows, flow),
    reason: END_REASONS[reason],
    alerted: (flags & FLOW_FLAG.alerted) !== 0,
    ...((flags & FLOW_FLAG.bypassed) !== 0 && { bypass: 'capture' }),
    ...((flags & FLOW_FLAG.condemned) !== 0
      ? { action: 'drop' }
      : (flags & FLOW_FLAG.passed) !== 0 && { action: 'pass' }),
  };
}

function stateOf(flows: FlowTable, flow: FlowSlot): 'new' | 'established' | 'closed' | 'bypassed' {
  switch (flows.timeoutClass(flow)) {
    case TIMEOUT_CLASS.tcpNew:
    case TIMEOUT_CLASS.udpNew:
      return 'new';
    case TIMEOUT_CLASS.tcpUntracked:
      return (flows.flags[flow]! & FLOW_FLAG.condemned) !== 0 ? 'new' : establishedState(flows, flow);
    case TIMEOUT_CLASS.tcpClosed:
      return 'closed';
    case TIMEOUT_CLASS.icmp:
    case TIMEOUT_CLASS.other:
      return flows.packets[flow * 2 + TO_CLIENT]! > 0 ? 'established' : 'new';
    default:
      return establishedState(flows, flow);
  }
}

const establishedState = ({ flags }: FlowTable, flow: FlowSlot): 'bypassed' | 'established' =>
  (flags[flow]! & FLOW_FLAG.bypassed) !== 0 ? 'bypassed' : 'established';

/** In Suricata's words. */
const END_REASONS: Readonly<Record<FlowEndReason, string>> = {
  timeout: 'timeout',
  evicted: 'forced',
  recycled: 'forced',
  reused: 'tcp_reuse',
  forced: 'shutdown',
};

const SECOND_MS = 1000;
