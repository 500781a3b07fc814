import { AppLayer } from '../../src/app/app-layer.ts';
import type { AppSink } from '../../src/app/protocol.ts';
import type { Config } from '../../src/config/config.ts';
import { Layers } from '../../src/defrag/layers.ts';
import type { Ruleset } from '../../src/detect/ruleset.ts';
import type { FlowSlot } from '../../src/flow/slot.ts';
import { FlowTable } from '../../src/flow/table.ts';
import { EveWriter } from '../../src/output/eve.ts';
import type { EventSink } from '../../src/output/event.ts';
import type { LineOutput } from '../../src/output/line-output.ts';
import { Pipeline } from '../../src/pipeline.ts';
import type { StreamConsumer } from '../../src/stream/consumer.ts';
import { TcpTracker } from '../../src/stream/tracker.ts';
import { Decoder } from '../../src/wire/decode.ts';
import { IP_PROTOCOL, NO_FLOW, NO_TUNNEL, type Packet } from '../../src/wire/packet.ts';

/** Takes packets as far as a stage, with state of its own. */
export type Cut = (packet: Packet) => void;

/** The pipeline up to and with this stage. */
export interface StageCut {
  readonly name: string;
  /** For traffic from its beginning. */
  readonly begin: (config: Config, ruleset: Ruleset) => Cut;
}

/** Each does what the one before it does, and one stage more: the difference is what that stage costs. */
export const STAGES: readonly StageCut[] = [
  { name: 'decode', begin: () => decoding() },
  { name: 'defrag', begin: (config) => defragmenting(config) },
  { name: 'flow', begin: (config) => tracking(config, false, null) },
  { name: 'stream', begin: (config) => tracking(config, true, null) },
  { name: 'app', begin: (config) => tracking(config, true, DEAF) },
  { name: 'detect, verdict', begin: (config, ruleset) => inspecting(config, ruleset, SILENT) },
  {
    name: 'output',
    begin: (config, ruleset) =>
      inspecting(
        config,
        ruleset,
        new EveWriter(NOWHERE, { mode: 'prevent', hasPacketNumbers: false, folding: config.events }),
      ),
  },
];

/** All of them. */
export const WHOLE: StageCut = STAGES.at(-1)!;

/** Where flows land must not depend on the run. */
const SEED = [1, 2] as const;

function decoding(): Cut {
  const decoder = new Decoder();
  return (packet) => {
    packet.flow = NO_FLOW;
    decoder.decode(packet);
  };
}

function defragmenting(config: Config, next: Cut = () => {}): Cut {
  const decode = decoding();
  const layers = new Layers(config.defrag, config.tunnel.maxDepth, config.tunnel.isIpv4InIpv4Open !== false);
  return (frame) => {
    layers.begin();
    for (let packet: Packet | null = frame; packet !== null; packet = layers.takeInner()) {
      decode(packet);
      if (packet.isFragment || packet.tunnelLink !== NO_TUNNEL) layers.open(packet);
      next(packet);
    }
  };
}

/** Flows, with their streams where wanted, with their protocols where somebody is told of them. */
function tracking(config: Config, withStreams: boolean, sink: AppSink | null): Cut {
  const flows: FlowTable = new FlowTable(SEED, (flow) => forget(flow), {
    ...config.flow,
    timeouts: config.timeouts,
    worker: 0,
  });
  const apps = sink === null ? null : new AppLayer(sink, flows);
  const consumer: StreamConsumer = {
    onData: (flow, direction, bytes, start, end) => apps?.consume(flow, direction, bytes, start, end),
    onGap: (flow, direction, missingBytes) => apps?.gap(flow, direction, missingBytes),
    onRestart: (flow) => apps?.release(flow),
    onEnd: (flow, direction) => apps?.end(flow, direction),
  };
  const streams: TcpTracker = new TcpTracker(flows, consumer, {
    maxOutOfOrderBytes: config.stream.maxOutOfOrderBytes,
    maxTotalBytes: config.stream.memoryBytes,
    midstreamUntilMs: Number.POSITIVE_INFINITY,
  });
  const forget = (flow: FlowSlot): void => {
    if (withStreams) streams.end(flow);
    apps?.release(flow);
  };
  let expiredAtMs = Number.NEGATIVE_INFINITY;
  return defragmenting(config, (packet) => {
    if (packet.ipVersion === 0 || packet.isUnreadable || packet.isFragment) return;
    if (packet.timeMs - expiredAtMs >= EXPIRE_INTERVAL_MS) {
      expiredAtMs = packet.timeMs;
      flows.expire(packet.timeMs, EXPIRE_MAX_FLOWS);
    }
    flows.lookup(packet);
    if (packet.flow === NO_FLOW) return;
    if (apps !== null) apps.nowMs = packet.timeMs;
    if (packet.protocol === IP_PROTOCOL.tcp) {
      if (withStreams) streams.packet(packet);
    } else if (packet.protocol === IP_PROTOCOL.udp && packet.payloadEnd > packet.payloadStart) {
      apps?.datagram(packet.flow, packet.direction, packet.bytes, packet.payloadStart, packet.payloadEnd);
    }
  });
}

/** As `Pipeline` does. */
const EXPIRE_INTERVAL_MS = 20;
const EXPIRE_MAX_FLOWS = 1_000;

function inspecting(config: Config, ruleset: Ruleset, sink: EventSink): Cut {
  const options = { config, mode: 'prevent' as const, ruleset, sink, seed: SEED };
  const pipeline = new Pipeline({ ...options, midstreamUntilMs: Number.POSITIVE_INFINITY });
  return (packet) => {
    pipeline.process(packet);
  };
}

const DEAF: AppSink = { onProgress: () => {}, onEvent: () => {} };
const SILENT: EventSink = { alert: () => {}, anomaly: () => {}, drop: () => {}, stats: () => {} };
const NOWHERE: LineOutput = { write: () => {}, lostLines: 0, close: () => Promise.resolve() };
