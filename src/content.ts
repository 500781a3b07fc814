import { AppLayer } from './app/app-layer.ts';
import { appProtocols } from './app/index.ts';
import type { AppSink, FrameListener, Stage, Transaction } from './app/protocol.ts';
import type { Counters } from './base/counters.ts';
import type { Direction } from './base/direction.ts';
import { appOptions } from './config/app-options.ts';
import type { Config, MidstreamPolicy } from './config/config.ts';
import { Detector } from './detect/detector.ts';
import type { Evaluator } from './detect/evaluator.ts';
import type { Exceptions } from './detect/exceptions.ts';
import { FlowContext } from './detect/flow-context.ts';
import { figuresOf } from './detect/flow-figures.ts';
import type { Ruleset } from './detect/ruleset.ts';
import type { Succession } from './detect/succession.ts';
import { ownTracks, type Tracks } from './detect/tracks.ts';
import { FLOW_FLAG, type FlowEndReason } from './flow/flags.ts';
import type { FlowSlot } from './flow/slot.ts';
import type { FlowTable } from './flow/table.ts';
import { Anomalies } from './output/anomalies.ts';
import type { EventSink } from './output/event.ts';
import { Reporter } from './output/reporter.ts';
import type { StreamConsumer } from './stream/consumer.ts';
import type { StreamEvent } from './stream/events.ts';
import { TcpTracker } from './stream/tracker.ts';
import { CheckActions } from './verdict/checks.ts';
import { Findings } from './verdict/judge.ts';
import { NO_FLOW, Packet } from './wire/packet.ts';

export interface ContentOptions {
  readonly config: Config;
  readonly ruleset: Ruleset;
  readonly sink: EventSink;
  /** Secret and random for each process: where flows land in the table must not be foreseeable. */
  readonly seed: readonly [number, number];
  /** Connections that were there before us are followed from where they are, until this time of packets. */
  readonly midstreamUntilMs: number;
  /** Several workers share what rules remember of hosts. */
  readonly tracks?: Tracks;
  /** Left out: one that does not measure what rules cost. */
  readonly evaluator?: Evaluator;
}

/** Between two packets. */
export const NO_PACKET = new Packet();

/**
 * What flows carry: the bytes of streams go from TCP reassembly to the protocol parsers, and what these find goes to
 * the rules, all while the packet that brought the bytes is in hand.
 */
export class Content implements StreamConsumer, AppSink {
  readonly streams: TcpTracker;
  readonly apps: AppLayer;
  readonly detector: Detector;
  /** What was found out about the packet in hand. */
  readonly findings: Findings;
  readonly context = new FlowContext();
  readonly anomalies: Anomalies;
  readonly reporter: Reporter;
  packet = NO_PACKET;
  /** Of bytes that the packet in hand delivers, rules on the stream could not see all that they would need. */
  reachesLimit = false;
  /** With this packet, a direction of its flow came to its end. */
  hasEnded = false;
  readonly #flows: FlowTable;
  readonly #counters: Counters;
  /** Stands for the packet that a silent flow does not have when it ends. */
  readonly #flowEnd = new Packet();
  readonly #judgeFlowEnd: (packet: Packet) => void;
  /** As far as rules on the stream look. */
  readonly #streamDepthBytes: number;
  readonly #midstreamPolicy: MidstreamPolicy;
  #looksIntoEncrypted: boolean;

  /** `judgeFlowEnd`: what was found in the end of a silent flow is decided, and told. */
  constructor(options: ContentOptions, flows: FlowTable, counters: Counters, judgeFlowEnd: (packet: Packet) => void) {
    const { config, ruleset, sink } = options;
    const { stream } = config;
    this.#flows = flows;
    this.#counters = counters;
    this.#judgeFlowEnd = judgeFlowEnd;
    this.#streamDepthBytes = stream.depthBytes;
    this.#midstreamPolicy = stream.midstreamPolicy;
    this.#looksIntoEncrypted = looksIntoEncrypted(config);
    this.streams = new TcpTracker(flows, this, {
      maxOutOfOrderBytes: stream.maxOutOfOrderBytes,
      maxTotalBytes: stream.memoryBytes,
      midstreamUntilMs: options.midstreamUntilMs,
      isOneSided: stream.isOneSided,
    });
    this.apps = new AppLayer(this, flows, {
      protocols: appProtocols(appOptions(config)),
      frames: this.#frames,
      memoryBytes: config.appLayer.memoryBytes,
      isOneSided: stream.isOneSided,
      onShed: (flow) => this.detector.forgetTransactions(flow),
    });
    const limits = { streamDepthBytes: stream.depthBytes, windowMemoryBytes: stream.memoryBytes };
    this.detector = new Detector(ruleset, limits, {
      figures: figuresOf(flows, this.streams),
      tracks: options.tracks ?? ownTracks(options.seed),
      ...(options.evaluator !== undefined && { evaluator: options.evaluator }),
    });
    this.findings = new Findings(this.detector.matches);
    this.reporter = new Reporter(sink, counters, flows, this.apps, config.outputs.eve);
    this.anomalies = new Anomalies(new CheckActions(config.checks), this.findings, this.streams, this.reporter);
  }

  /** Between packets only. */
  replacePolicy(rules: Succession, config: Config): void {
    this.detector.replace(rules);
    this.anomalies.checks = new CheckActions(config.checks);
    this.#looksIntoEncrypted = looksIntoEncrypted(config);
  }

  /** Between packets only. */
  setExceptions(exceptions: Exceptions): void {
    this.detector.setExceptions(exceptions);
    this.anomalies.exceptions = exceptions;
  }

  /** Milliseconds since 1970 UTC, of the packet in hand or of the last one. */
  get timeMs(): number {
    return this.apps.nowMs;
  }

  set timeMs(timeMs: number) {
    this.apps.nowMs = timeMs;
  }

  begin(packet: Packet): void {
    this.findings.reset();
    this.packet = packet;
    packet.flow = NO_FLOW;
    this.context.reset();
    this.detector.begin(packet, this.context);
  }

  /** A pass rule exempts the rest of its flow. */
  meetsRules(flow: FlowSlot): boolean {
    return flow === NO_FLOW || (this.#flows.flags[flow]! & FLOW_FLAG.passed) === 0;
  }

  /** All that still comes of it is encrypted, and not looked into. */
  isEncrypted(flow: FlowSlot): boolean {
    return !this.#looksIntoEncrypted && this.apps.isEncrypted(flow);
  }

  /** Its receiver reads it whole or not at all. */
  parseDatagram(packet: Packet): void {
    // As in Suricata, one with a bad checksum is read where the check of it does not drop.
    if (packet.missingBytes > 0 || packet.payloadStart === packet.payloadEnd) return;
    this.apps.datagram(packet.flow, packet.direction, packet.bytes, packet.payloadStart, packet.payloadEnd);
  }

  /** A connection that is over is remembered for its last packets, but needs nothing of its content any more. */
  letGo(flow: FlowSlot): void {
    this.hasEnded = false;
    if (flow === NO_FLOW || !this.streams.isOver(flow)) return;
    this.reporter.records?.connectionOver(flow, this.timeMs);
    this.apps.release(flow);
    this.detector.forgetStreams(flow);
  }

  /** A condemned flow is remembered for long, and needs nothing of its content. */
  abandon(flow: FlowSlot): void {
    this.reporter.records?.connectionOver(flow, this.timeMs);
    this.apps.abandon(flow);
    this.detector.forgetStreams(flow);
    this.streams.abandon(flow);
  }

  /**
   * What is remembered of a silent flow gets small. Nothing but `unpack` and the flow's columns may be asked of it
   * then.
   */
  pack(flow: FlowSlot): void {
    this.streams.pack(flow);
    this.apps.pack(flow);
    this.detector.pack(flow);
    this.#flows.flags[flow] = this.#flows.flags[flow]! | FLOW_FLAG.packed;
  }

  /** All is as if it had not been packed. */
  unpack(flow: FlowSlot): void {
    this.#flows.flags[flow] = this.#flows.flags[flow]! & ~FLOW_FLAG.packed;
    this.streams.unpack(flow);
    this.apps.unpack(flow);
    this.detector.unpack(flow);
  }

  /**
   * An established connection was silent for long. False: nobody looks into what still comes of it, so that it can be
   * forgotten. Else it keeps what rules may still need, and gives back the rest.
   */
  setAside(flow: FlowSlot): boolean {
    if ((this.#flows.flags[flow]! & NOT_LOOKED_INTO) !== 0 || this.isEncrypted(flow)) return false;
    if ((this.#flows.flags[flow]! & FLOW_FLAG.packed) !== 0) this.unpack(flow);
    this.streams.setAside(flow);
    this.pack(flow);
    return true;
  }

  /** Ends what is still open of the flow, and forgets it. */
  forget(flow: FlowSlot, reason: FlowEndReason): void {
    if ((this.#flows.flags[flow]! & FLOW_FLAG.packed) !== 0) this.unpack(flow);
    // Whatever fails in its end, the next flow in the slot must find nothing of it.
    try {
      this.streams.end(flow);
      this.reporter.records?.flowEnded(flow, reason, this.timeMs);
    } finally {
      this.apps.release(flow);
      this.detector.release(flow);
      this.reporter.flowEnded(flow);
    }
  }

  // --- StreamConsumer: contiguous bytes of the packet in hand ---

  onData(flow: FlowSlot, direction: Direction, bytes: Uint8Array, start: number, end: number, offset: number): void {
    if (offset <= this.#streamDepthBytes && offset + end - start > this.#streamDepthBytes) {
      this.packet.events.push('stream.reassembly_depth_reached' satisfies StreamEvent);
    }
    if (this.context.isEncrypted) {
      this.streams.stopComparing(flow, direction);
      return;
    }
    const meetsRules = this.meetsRules(flow);
    const isKept = !meetsRules || this.detector.keepStream(direction, bytes, start, end, offset);
    this.apps.consume(flow, direction, bytes, start, end);
    if (this.apps.isShed(flow)) this.reachesLimit = true;
    this.context.noteProtocol(this.apps, flow, this.packet);
    if (offset >= this.#streamDepthBytes && !this.apps.isReading(flow)) this.streams.stopComparing(flow, direction);
    const isJudged = !meetsRules || (this.detector.judgeStream() && isKept);
    if (this.isEncrypted(flow)) this.detector.forgetStreams(flow);
    if (isJudged) return;
    this.reachesLimit = true;
    this.#counters.increment('detect.stream_window_memcap');
  }

  onGap(flow: FlowSlot, direction: Direction, missingBytes: number): void {
    if (this.streams.hasResumed && this.#midstreamPolicy === 'pass') {
      this.#flows.flags[flow] = this.#flows.flags[flow]! | FLOW_FLAG.passed;
    }
    this.apps.gap(flow, direction, missingBytes);
  }

  /** What it was taken for may be wrong as well, and that it was encrypted. */
  onRestart(flow: FlowSlot): void {
    this.context.isEncrypted = false;
    this.apps.release(flow);
    this.detector.forgetStreams(flow);
  }

  onEnd(flow: FlowSlot, direction: Direction): void {
    if (flow !== this.packet.flow) {
      this.#endWithoutPacket(flow, direction);
      return;
    }
    this.context.isEstablished = this.streams.isEstablished(flow);
    this.hasEnded = true;
    this.#endStream(flow, direction);
  }

  // --- AppSink: what the protocol parsers found in those bytes ---

  onProgress(transaction: Transaction, direction: Direction, stage: Stage): void {
    const flow = this.apps.currentFlow;
    const protocol = this.apps.protocol(flow)!;
    if (this.meetsRules(flow)) {
      this.context.noteProtocol(this.apps, flow, this.packet);
      this.detector.onProgress(protocol, flow, transaction, direction, stage);
    }
    this.reporter.records?.progress(this.packet, protocol, transaction, direction, stage);
  }

  onEvent(transaction: Transaction | null, direction: Direction, event: string): void {
    const flow = this.apps.currentFlow;
    this.anomalies.weigh(this.packet, event, transaction, this.packet !== this.#flowEnd);
    if (!this.meetsRules(flow)) return;
    this.detector.onAppEvent(this.apps.protocol(flow), flow, transaction, direction, event);
  }

  readonly #frames: FrameListener = {
    isWanted: (protocol) => this.detector.wantsFrames(protocol) && this.meetsRules(this.apps.currentFlow),
    onFrame: (protocol, ...frame) => this.detector.onFrame(protocol, this.apps.currentFlow, ...frame),
    onFrameEnd: (...end) => this.detector.onFrameEnd(this.apps.currentFlow, ...end),
  };

  #endStream(flow: FlowSlot, direction: Direction): void {
    this.apps.end(flow, direction);
    if (this.meetsRules(flow)) this.detector.endStream(flow, direction);
  }

  /**
   * A flow that was silent for too long ends while another one's packet is in hand, or none. What its protocol makes of
   * that is judged as a packet without content would be: rules tell of it, and nothing is left to drop.
   */
  #endWithoutPacket(flow: FlowSlot, direction: Direction): void {
    const inHand = this.packet;
    const packet = this.#flowEnd;
    this.begin(packet);
    this.#flows.describe(flow, direction, packet);
    packet.timeMs = this.timeMs;
    this.context.isEstablished = this.streams.isEstablished(flow);
    this.findings.sparedAs = 'flow-end';
    try {
      this.#endStream(flow, direction);
      this.#judgeFlowEnd(packet);
    } finally {
      this.begin(inHand);
    }
  }
}

const NOT_LOOKED_INTO = FLOW_FLAG.passed | FLOW_FLAG.bypassed;

const looksIntoEncrypted = ({ bypass }: Config): boolean => bypass.encrypted === 'late';
