import type { AppLayer } from '../app/app-layer.ts';
import type { Counters } from '../base/counters.ts';
import type { Defragmenter } from '../defrag/defragmenter.ts';
import type { Detector } from '../detect/detector.ts';
import type { FlowTable } from '../flow/table.ts';
import type { TcpTracker } from '../stream/tracker.ts';
import type { FlowBypass } from '../verdict/bypass.ts';
import { IP_PROTOCOL, type Packet } from '../wire/packet.ts';
import { REPORT_COUNTERS } from './reporter.ts';

/** Suricata's names in EVE's `stats`, where it has them; always-on checks have one each under `check`. */
export const PIPELINE_COUNTERS: readonly string[] = [
  'decoder.pkts',
  'decoder.bytes',
  'decoder.ipv4',
  'decoder.ipv6',
  'decoder.tcp',
  'decoder.udp',
  'defrag.ipv4.fragments',
  'defrag.ipv4.reassembled',
  'defrag.ipv6.fragments',
  'defrag.ipv6.reassembled',
  'defrag.timeouts',
  'defrag.memuse',
  'flow.total',
  'flow.active',
  'flow.bypassed',
  'flow.bypassed_total',
  'tcp.reassembly_memuse',
  'app_layer.memuse',
  'app_layer.memcap',
  'detect.stream_window_memuse',
  'detect.stream_window_memcap',
  'detect.stream_windows_cut',
  'detect.stream_windows_shed',
  'detect.tracks_evicted',
  'detect.excepted',
  'detect.rules_parked',
  'ips.accepted',
  'ips.blocked',
  ...REPORT_COUNTERS,
];

/** What is counted with every packet: by index, without looking up a name. */
export class PacketCounters {
  readonly #values: Float64Array;
  readonly #packets: number;
  readonly #bytes: number;
  readonly #ipv4: number;
  readonly #ipv6: number;
  readonly #tcp: number;
  readonly #udp: number;
  readonly #flows: number;
  readonly #accepted: number;
  readonly #blocked: number;

  constructor(counters: Counters) {
    this.#values = counters.values;
    this.#packets = counters.index('decoder.pkts');
    this.#bytes = counters.index('decoder.bytes');
    this.#ipv4 = counters.index('decoder.ipv4');
    this.#ipv6 = counters.index('decoder.ipv6');
    this.#tcp = counters.index('decoder.tcp');
    this.#udp = counters.index('decoder.udp');
    this.#flows = counters.index('flow.total');
    this.#accepted = counters.index('ips.accepted');
    this.#blocked = counters.index('ips.blocked');
  }

  /** One frame of the source, with what became of it. */
  frame(frame: Packet, isBlocked: boolean): void {
    this.#add(this.#packets, 1);
    this.#add(this.#bytes, frame.wireBytes);
    this.#add(isBlocked ? this.#blocked : this.#accepted, 1);
  }

  /** A decoded packet: a frame's own, or one that was in it. */
  packet(packet: Packet): void {
    if (packet.ipVersion === 0) return;
    this.#add(packet.ipVersion === 4 ? this.#ipv4 : this.#ipv6, 1);
    if (packet.protocol === IP_PROTOCOL.tcp) this.#add(this.#tcp, 1);
    else if (packet.protocol === IP_PROTOCOL.udp) this.#add(this.#udp, 1);
  }

  newFlow(): void {
    this.#add(this.#flows, 1);
  }

  #add(counter: number, amount: number): void {
    this.#values[counter] = this.#values[counter]! + amount;
  }
}

/** Whose state is shown as it is, and not counted packet by packet. */
export interface GaugedStages {
  readonly defragmenter: Defragmenter;
  readonly flows: FlowTable;
  readonly streams: TcpTracker;
  readonly apps: AppLayer;
  readonly detector: Detector;
  /** Null: there is none. */
  readonly bypass: FlowBypass | null;
}

/** Totals that stages count for themselves, since the start of theirs. */
const STAGE_TOTALS: Readonly<Record<string, (stages: GaugedStages) => number>> = {
  'defrag.timeouts': ({ defragmenter }) => defragmenter.timeouts,
  'flow.bypassed_total': ({ bypass }) => bypass?.totalFlows ?? 0,
  'app_layer.memcap': ({ apps }) => apps.memory.sheds,
  'detect.stream_windows_cut': ({ detector }) => detector.cutWindows,
  'detect.stream_windows_shed': ({ detector }) => detector.shedWindows,
  'detect.tracks_evicted': ({ detector }) => detector.evictedTracks,
  'detect.excepted': ({ detector }) => detector.exceptedMatches,
};

/** Counters that are not counted packet by packet. */
export class StageCounters {
  readonly #counters: Counters;
  readonly #stages: GaugedStages;
  /** What was counted in this memory before these stages: it outlives a worker that is started anew. */
  readonly #before: ReadonlyMap<string, number>;

  constructor(counters: Counters, stages: GaugedStages) {
    this.#counters = counters;
    this.#stages = stages;
    this.#before = new Map(Object.keys(STAGE_TOTALS).map((name) => [name, counters.get(name)]));
  }

  update(): void {
    const counters = this.#counters;
    for (const [name, before] of this.#before) counters.set(name, before + STAGE_TOTALS[name]!(this.#stages));
    const { defragmenter, flows, streams, apps, detector, bypass } = this.#stages;
    counters.set('defrag.memuse', defragmenter.usedBytes);
    counters.set('flow.active', flows.size);
    counters.set('flow.bypassed', bypass?.activeFlows ?? 0);
    counters.set('tcp.reassembly_memuse', streams.keptBytes);
    counters.set('app_layer.memuse', apps.memory.usedBytes);
    counters.set('detect.stream_window_memuse', detector.windowMemory.usedBytes);
    counters.set('detect.rules_parked', detector.parkedRules);
  }
}
