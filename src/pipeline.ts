import { AppLayer } from './app/app-layer.ts';
import { appProtocols } from './app/index.ts';
import type { AppSink, FrameListener, Stage, Transaction } from './app/protocol.ts';
import { Counters } from './base/counters.ts';
import { type Direction, TO_CLIENT } from './base/direction.ts';
import { VERDICT, type Verdict } from './capture/source.ts';
import { appOptions } from './config/app-options.ts';
import type { Config, MidstreamPolicy } from './config/config.ts';
import { verdictSettings } from './config/verdict-settings.ts';
import { Layers } from './defrag/layers.ts';
import { Detector } from './detect/detector.ts';
import type { Evaluator } from './detect/evaluator.ts';
import type { Exceptions } from './detect/exceptions.ts';
import { FlowContext } from './detect/flow-context.ts';
import { figuresOf } from './detect/flow-figures.ts';
import type { Ruleset } from './detect/ruleset.ts';
import { ownTracks, type Tracks } from './detect/tracks.ts';
import type { FlowCounts } from './flow/counts.ts';
import type { FlowSlot } from './flow/slot.ts';
import { FLOW_FLAG, type FlowEndReason, FlowTable, LOOKUP } from './flow/table.ts';
import { Anomalies } from './output/anomalies.ts';
import type { EventSink } from './output/event.ts';
import { PacketCounters, PIPELINE_COUNTERS } from './output/pipeline-counters.ts';
import { Reporter } from './output/reporter.ts';
import type { StreamConsumer } from './stream/consumer.ts';
import type { StreamEvent } from './stream/events.ts';
import { TcpTracker } from './stream/tracker.ts';
import { FlowBypass } from './verdict/bypass.ts';
import { CheckPolicy } from './verdict/checks.ts';
import { condemnedBy, flowMarks } from './verdict/flow-marks.ts';
import { Findings, Judgement, judge, type Mode, type VerdictSettings } from './verdict/judge.ts';
import { beginsMidstream, belongsToStream, outcomeOf } from './verdict/outcome.ts';
import { Reopening } from './verdict/reopening.ts';
import { isAnswer, isBareReset, opensQuery } from './verdict/vital.ts';
import { Decoder } from './wire/decode.ts';
import { IP_PROTOCOL, NO_FLOW, NO_TUNNEL, Packet } from './wire/packet.ts';
import { TCP_FLAG } from './wire/tcp.ts';

export interface PipelineOptions {
  readonly config: Config;
  readonly mode: Mode;
  readonly ruleset: Ruleset;
  readonly sink: EventSink;
  /** Secret and random for each process: where flows land in the table must not be foreseeable. */
  readonly seed: readonly [number, number];
  /** Connections that were there before us are followed from where they are, until this time of packets. */
  readonly midstreamUntilMs: number;
  /** Memory for the counters, `Counters.bytesFor(PIPELINE_COUNTERS)` bytes, so that another thread can read them. */
  readonly counterMemory?: ArrayBufferLike;
  /** Several workers share the caps on concurrent flows. */
  readonly flowCounts?: FlowCounts;
  /** They share what rules remember of hosts. */
  readonly tracks?: Tracks;
  readonly worker?: number;
  /** Whoever answers packets can have the kernel go on with a flow by itself: what `bypasses` says counts. */
  readonly canBypass?: boolean;
  /** Left out: one that does not measure what rules cost. */
  readonly evaluator?: Evaluator;
}

/** Idle flows are looked for this often, in packets' time: 50,000 can end in a second. */
const EXPIRE_INTERVAL_MS = 20;
/** Work on one look: the rest waits for the next. Deep Security's "Maximum Connections per Cleanup". */
const EXPIRE_MAX_FLOWS = 1_000;

/**
 * Every stage in its order. A packet goes in, its verdict comes out; `run`, `replay` and `sniff` drive the same
 * pipeline. One worker has one pipeline. Time is the packets' own.
 */
export class Pipeline implements StreamConsumer, AppSink {
  readonly counters: Counters;
  /** The last packet's judgement: valid until the next `process`. */
  readonly judgement = new Judgement();
  /** The kernel is to go on by itself with the flow of the last packet, which was accepted. */
  bypasses = false;
  readonly #counts: PacketCounters;
  readonly #decoder = new Decoder();
  readonly #layers: Layers;
  readonly #flows: FlowTable;
  readonly #streams: TcpTracker;
  readonly #apps: AppLayer;
  readonly #detector: Detector;
  readonly #sink: EventSink;
  readonly #reporter: Reporter;
  readonly #anomalies: Anomalies;
  /** Null: every packet comes. */
  readonly #bypass: FlowBypass | null;
  readonly #reopening: Reopening;
  #settings: VerdictSettings;
  readonly #midstreamPolicy: MidstreamPolicy;

  // What the stages say about the packet in hand: the frame that the source gave, or what was in it.
  #frame = new Packet();
  #packet = NO_PACKET;
  /** Stands for the packet that a silent flow does not have when it ends. */
  readonly #flowEnd = new Packet();
  readonly #context = new FlowContext();
  readonly #findings: Findings;
  /** Of bytes that it delivers, rules on the stream could not see all that they would need. */
  #reachesLimit = false;
  /** With this packet, a direction of its flow came to its end. */
  #hasEnded = false;
  /** As far as rules on the stream look. */
  readonly #streamDepthBytes: number;
  /** For so long a handshake that was forgotten may go on. */
  readonly #handshakeTimeMs: number;
  /** Of the packet in hand, or of the last one. */
  #timeMs = 0;
  #nextExpiryMs = Number.NEGATIVE_INFINITY;

  constructor(options: PipelineOptions) {
    const { config, mode, ruleset } = options;
    this.counters = new Counters(PIPELINE_COUNTERS, options.counterMemory);
    this.#counts = new PacketCounters(this.counters);
    this.#layers = new Layers(config.defrag, config.tunnel.maxDepth, config.tunnel.isIpv4InIpv4Open !== false);
    this.#flows = new FlowTable(options.seed, (flow, reason) => this.#forget(flow, reason), {
      ...config.flow,
      timeouts: config.timeouts,
      worker: options.worker ?? 0,
      ...(options.flowCounts !== undefined && { counts: options.flowCounts }),
    });
    this.#streamDepthBytes = config.stream.depthBytes;
    this.#handshakeTimeMs = config.timeouts.tcpNewMs;
    this.#streams = new TcpTracker(this.#flows, this, {
      maxOutOfOrderBytes: config.stream.maxOutOfOrderBytes,
      maxTotalBytes: config.stream.memoryBytes,
      midstreamUntilMs: options.midstreamUntilMs,
      isOneSided: config.stream.isOneSided,
    });
    this.#apps = new AppLayer(this, this.#flows, {
      protocols: appProtocols(appOptions(config)),
      frames: this.#frames,
      memoryBytes: config.appLayer.memoryBytes,
      onShed: (flow) => this.#detector.forgetTransactions(flow),
    });
    const limits = { streamDepthBytes: config.stream.depthBytes, windowMemoryBytes: config.stream.memoryBytes };
    const figures = figuresOf(this.#flows, this.#streams);
    this.#detector = new Detector(ruleset, limits, {
      figures,
      tracks: options.tracks ?? ownTracks(options.seed),
      ...(options.evaluator !== undefined && { evaluator: options.evaluator }),
    });
    this.#findings = new Findings(this.#detector.matches);
    const view = { flows: this.#flows, streams: this.#streams, apps: this.#apps, detector: this.#detector };
    this.#bypass = options.canBypass === true ? new FlowBypass(config, view) : null;
    this.#reopening = new Reopening(this.#flows, this.#streams);
    this.#sink = options.sink;
    this.#reporter = new Reporter(options.sink, this.counters, this.#flows, this.#apps, config.outputs.eve);
    const checks = new CheckPolicy(config.checks);
    this.#anomalies = new Anomalies(checks, this.#findings, this.#streams, this.#reporter);
    this.#settings = verdictSettings(config, mode);
    this.#midstreamPolicy = config.stream.midstreamPolicy;
  }

  setMode(mode: Mode): void {
    this.#settings = { ...this.#settings, mode };
  }

  /** Between packets only. Flows go on. Of the configuration it takes checks, and what judges packets. */
  replacePolicy(ruleset: Ruleset, config: Config): void {
    this.#detector.replace(ruleset);
    this.#anomalies.checks = new CheckPolicy(config.checks);
    this.#settings = verdictSettings(config, this.#settings.mode);
    this.#bypass?.replace(config);
  }

  /** Between packets only. */
  setExceptions(exceptions: Exceptions): void {
    this.#detector.setExceptions(exceptions);
    this.#anomalies.exceptions = exceptions;
  }

  /**
   * Between packets only. Up to now, packets may have passed that this pipeline did not get: until then, connections are
   * followed from where they are.
   */
  noteLapse(followUntilMs: number): void {
    this.#streams.noteLapse();
    this.#streams.midstreamUntilMs = Math.max(this.#streams.midstreamUntilMs, followUntilMs);
  }

  process(frame: Packet): Verdict {
    this.#frame = frame;
    this.#timeMs = frame.timeMs;
    this.#apps.nowMs = frame.timeMs;
    this.#apps.memory.keepToLimit();
    this.#layers.begin();
    this.bypasses = false;
    if (frame.timeMs >= this.#nextExpiryMs) this.expire(frame.timeMs);
    let verdict = this.#inspect(frame);
    // Of packets in packets, the worst verdict holds. What is in one that drops never gets anywhere.
    let inner = this.#layers.takeInner();
    while (inner !== null && verdict === VERDICT.accept) {
      verdict = this.#inspect(inner);
      inner = this.#layers.takeInner();
    }
    if (verdict === VERDICT.drop) {
      this.#layers.drop();
      this.bypasses = false;
    }
    this.#packet = NO_PACKET;
    this.#counts.frame(frame, verdict === VERDICT.drop);
    return verdict;
  }

  #inspect(packet: Packet): Verdict {
    const findings = this.#findings;
    this.#begin(packet);
    this.#decoder.decode(packet);
    this.#counts.packet(packet);
    if (packet.isFragment || packet.tunnelLink !== NO_TUNNEL) this.#open(packet);
    if (packet.events.length > 0) this.#anomalies.weighEvents(packet, 0);

    // A malformed packet must not touch what is known of its flow.
    const isSound = packet.ipVersion !== 0 && !packet.isUnreadable && findings.failedCheck === null;
    if (isSound && !findings.isOfCondemnedPacket) {
      const known = packet.events.length;
      const seen = this.#flows.lookup(packet);
      if (seen === LOOKUP.new) {
        this.#counts.newFlow();
        this.#bypass?.begin(packet);
        if (this.#midstreamPolicy === 'pass' && beginsMidstream(packet)) this.#mark(packet.flow, FLOW_FLAG.passed);
      }
      if (packet.events.length > known) this.#anomalies.weighEvents(packet, known);
      if (packet.flow !== NO_FLOW) this.#inspectFlow(packet);
      else this.#inspectPacket();
    } else if (packet.isUnreadable && packet.ipVersion !== 0 && findings.failedCheck === null) {
      this.#detector.onUnreadable();
    }
    return this.#conclude(packet);
  }

  /** Ends flows that were idle for too long. `process` does so itself; a live source calls it when no packet comes. */
  expire(nowMs: number): void {
    this.#timeMs = nowMs;
    this.#nextExpiryMs = nowMs + EXPIRE_INTERVAL_MS;
    this.#flows.expire(nowMs, EXPIRE_MAX_FLOWS);
    this.#sink.elapse?.(nowMs);
    this.#reporter.expire(nowMs);
    this.#layers.defragmenter.expire(nowMs);
  }

  /** The end of the traffic: every flow ends. */
  finish(): void {
    this.#flows.forEach((flow) => {
      this.#flows.release(flow);
    });
  }

  /** Writes what is not counted packet by packet into the counters. */
  updateGauges(): void {
    const { counters } = this;
    const { defragmenter } = this.#layers;
    counters.set('defrag.timeouts', defragmenter.timeouts);
    counters.set('defrag.memuse', defragmenter.usedBytes);
    counters.set('flow.active', this.#flows.size);
    counters.set('flow.bypassed', this.#bypass?.activeFlows ?? 0);
    counters.set('flow.bypassed_total', this.#bypass?.totalFlows ?? 0);
    counters.set('tcp.reassembly_memuse', this.#streams.keptBytes);
    counters.set('app_layer.memuse', this.#apps.memory.usedBytes);
    counters.set('app_layer.memcap', this.#apps.memory.sheds);
    counters.set('detect.stream_window_memuse', this.#detector.windowMemory.usedBytes);
    counters.set('detect.tracks_evicted', this.#detector.evictedTracks);
    counters.set('detect.excepted', this.#detector.exceptedMatches);
    counters.set('detect.rules_parked', this.#detector.parkedRules);
  }

  // --- StreamConsumer: contiguous bytes of the packet in hand ---

  onData(flow: FlowSlot, direction: Direction, bytes: Uint8Array, start: number, end: number, offset: number): void {
    if (offset <= this.#streamDepthBytes && offset + end - start > this.#streamDepthBytes) {
      this.#packet.events.push('stream.reassembly_depth_reached' satisfies StreamEvent);
    }
    const meetsRules = this.#meetsRules(flow);
    const isKept = !meetsRules || this.#detector.keepStream(direction, bytes, start, end, offset);
    this.#apps.consume(flow, direction, bytes, start, end);
    if (this.#apps.isShed(flow)) this.#reachesLimit = true;
    this.#context.noteProtocol(this.#apps, flow, this.#packet);
    if (offset >= this.#streamDepthBytes && !this.#apps.isReading(flow)) this.#streams.stopComparing(flow, direction);
    if (!meetsRules || (this.#detector.judgeStream() && isKept)) return;
    this.#reachesLimit = true;
    this.counters.increment('detect.stream_window_memcap');
  }

  onGap(flow: FlowSlot, direction: Direction, missingBytes: number): void {
    if (this.#streams.hasResumed && this.#midstreamPolicy === 'pass') this.#mark(flow, FLOW_FLAG.passed);
    this.#apps.gap(flow, direction, missingBytes);
  }

  /** What it was taken for may be wrong as well. */
  onRestart(flow: FlowSlot): void {
    this.#apps.release(flow);
    this.#detector.forgetStreams(flow);
  }

  onEnd(flow: FlowSlot, direction: Direction): void {
    if (flow !== this.#packet.flow) {
      this.#endWithoutPacket(flow, direction);
      return;
    }
    this.#context.isEstablished = this.#streams.isEstablished(flow);
    this.#hasEnded = true;
    this.#endStream(flow, direction);
  }

  // --- AppSink: what the protocol parsers found in those bytes ---

  onProgress(transaction: Transaction, direction: Direction, stage: Stage): void {
    const flow = this.#apps.currentFlow;
    const protocol = this.#apps.protocol(flow)!;
    if (this.#meetsRules(flow)) {
      this.#context.noteProtocol(this.#apps, flow, this.#packet);
      this.#detector.onProgress(protocol, flow, transaction, direction, stage);
    }
    this.#reporter.records?.progress(this.#packet, protocol, transaction, direction, stage);
  }

  onEvent(transaction: Transaction | null, direction: Direction, event: string): void {
    const flow = this.#apps.currentFlow;
    this.#anomalies.weigh(this.#packet, event, transaction, this.#packet !== this.#flowEnd);
    if (!this.#meetsRules(flow)) return;
    this.#detector.onAppEvent(this.#apps.protocol(flow), flow, transaction, direction, event);
  }

  readonly #frames: FrameListener = {
    isWanted: (protocol) => this.#detector.wantsFrames(protocol) && this.#meetsRules(this.#apps.currentFlow),
    onFrame: (protocol, ...frame) => this.#detector.onFrame(protocol, this.#apps.currentFlow, ...frame),
    onFrameEnd: (...end) => this.#detector.onFrameEnd(this.#apps.currentFlow, ...end),
  };

  // --- one packet, stage by stage ---

  #begin(packet: Packet): void {
    this.#findings.reset();
    this.#packet = packet;
    packet.flow = NO_FLOW;
    this.#context.reset();
    this.#detector.begin(packet, this.#context);
  }

  #endStream(flow: FlowSlot, direction: Direction): void {
    this.#apps.end(flow, direction);
    if (this.#meetsRules(flow)) this.#detector.endStream(flow, direction);
  }

  /** Rare: a fragment or a tunnel. */
  #open(packet: Packet): void {
    this.#findings.isOfCondemnedPacket = !this.#layers.open(packet);
    if (!packet.isFragment) return;
    const family = packet.ipVersion === 4 ? 'defrag.ipv4' : 'defrag.ipv6';
    this.counters.increment(`${family}.fragments`);
    if (this.#layers.hasInner) this.counters.increment(`${family}.reassembled`);
  }

  #inspectFlow(packet: Packet): void {
    let flags = this.#flows.flags[packet.flow]!;
    const isReopening = (flags & FLOW_FLAG.condemned) !== 0 && this.#reopening.admits(packet);
    if (isReopening) flags = FLOW_FLAG.reopening;
    const isVital = (flags & FLOW_FLAG.ownQuery) !== 0 && isAnswer(packet, this.#flows);
    this.#findings.isExempt = (flags & FLOW_FLAG.passed) !== 0;
    this.#findings.sparedAs = isVital ? 'dns-answer' : null;
    if ((flags & FLOW_FLAG.condemned) !== 0) {
      this.#findings.condemnedBy = condemnedBy(flags);
      this.#findings.isBareReset = isBareReset(packet);
      // One that passes nevertheless is inspected like any other, and told of.
      if (!isVital || (flags & FLOW_FLAG.broken) !== 0) return;
    }
    if ((flags & FLOW_FLAG.bypassed) !== 0 && this.#bypass!.skips(packet)) return;
    if (packet.protocol === IP_PROTOCOL.tcp) {
      // Its receiver drops a segment with a bad checksum: the bytes of the stream are those of another one.
      // As in Suricata, the packet that completes the handshake is not yet part of an established connection.
      const isEstablished = this.#streams.isEstablished(packet.flow);
      if (packet.hasBadChecksum) this.#findings.outcome = outcomeOf('invalid', packet);
      else if (isReopening) this.#trackReopening(packet);
      else this.#trackTcp(packet);
      this.#context.isEstablished = isEstablished;
    } else {
      this.#context.isEstablished = this.#flows.packets[packet.flow * 2 + TO_CLIENT]! > 0;
      if (packet.protocol === IP_PROTOCOL.udp) this.#parseDatagram(packet);
    }
    if (opensQuery(packet)) this.#mark(packet.flow, FLOW_FLAG.ownQuery);
    this.#context.noteProtocol(this.#apps, packet.flow, packet);
    this.#inspectPacket();
  }

  #trackTcp(packet: Packet): void {
    const known = packet.events.length;
    this.#reachesLimit = false;
    const isFirst = isFirstOfFlow(this.#flows, packet.flow);
    const outcome = this.#streams.packet(packet);
    this.#context.isInStream = belongsToStream(outcome);
    this.#findings.outcome = this.#reachesLimit ? 'memory-limit' : outcomeOf(outcome, packet);
    // The capture cut its end off, or it was too large for the queue.
    if (packet.missingBytes > 0) this.#findings.outcome = 'outside-stream';
    const isUnknown = (isFirst && beginsMidstream(packet)) || this.#streams.hasResumed;
    if (isUnknown && this.#midstreamPolicy === 'drop') {
      this.#findings.outcome = 'unknown-connection';
    }
    if (packet.events.length > known) this.#anomalies.weighEvents(packet, known);
  }

  /** An answer other than to the SYN is of the condemned connection as much as of the new one. */
  #trackReopening(packet: Packet): void {
    if ((packet.tcpFlags & TCP_FLAG.syn) === 0) return;
    this.#trackTcp(packet);
    this.#reopening.settle(packet);
  }

  /** Its receiver reads it whole or not at all. */
  #parseDatagram(packet: Packet): void {
    // As in Suricata, one with a bad checksum is read where the check of it does not drop.
    if (packet.missingBytes > 0 || packet.payloadStart === packet.payloadEnd) return;
    this.#apps.datagram(packet.flow, packet.direction, packet.bytes, packet.payloadStart, packet.payloadEnd);
  }

  #inspectPacket(): void {
    if (this.#findings.failedCheck === null && this.#meetsRules(this.#packet.flow)) this.#detector.onPacket();
  }

  /** A pass rule exempts the rest of its flow. */
  #meetsRules(flow: FlowSlot): boolean {
    return flow === NO_FLOW || (this.#flows.flags[flow]! & FLOW_FLAG.passed) === 0;
  }

  #conclude(packet: Packet): Verdict {
    const { judgement } = this;
    if (packet.events.length > 0 && this.#meetsRules(packet.flow)) this.#detector.onPacketEvents();
    this.#judge(packet);
    if (packet.flow !== NO_FLOW) {
      const marks = flowMarks(judgement);
      if (marks !== 0) this.#mark(packet.flow, marks);
      if (judgement.condemnsFlow) this.#abandon(packet.flow);
    }
    if (this.#hasEnded) this.#letGo(packet.flow);
    // Of what is in a tunnel, the kernel knows nothing.
    if (this.#bypass !== null && packet === this.#frame && packet.flow !== NO_FLOW) {
      this.bypasses = judgement.verdict === VERDICT.accept && this.#bypass.takes(packet);
    }
    return judgement.verdict;
  }

  /** Decides, and tells what was decided. */
  #judge(packet: Packet): void {
    const { judgement } = this;
    this.#detector.finish();
    if (this.#detector.limitedRules.length > 0) this.#anomalies.weighRules(packet, this.#detector.limitedRules);
    judge(this.#findings, this.#settings, judgement);
    // Only the packet that it handed over can the kernel answer.
    if (packet !== this.#frame) judgement.rejects = false;
    const { mode } = this.#settings;
    this.#reporter.judgement(packet, this.#detector.matches, judgement, mode, this.#findings.sparedAs);
  }

  #mark(flow: FlowSlot, flags: number): void {
    // One that is condemned again needs another SYN to begin anew.
    const kept = (flags & FLOW_FLAG.condemned) === 0 ? ALL_FLAGS : ~FLOW_FLAG.reopening;
    this.#flows.flags[flow] = (this.#flows.flags[flow]! & kept) | flags;
  }

  /** A connection that is over is remembered for its last packets, but needs nothing of its content any more. */
  #letGo(flow: FlowSlot): void {
    this.#hasEnded = false;
    if (flow === NO_FLOW || !this.#streams.isOver(flow)) return;
    this.#reporter.records?.connectionOver(flow, this.#timeMs);
    this.#apps.release(flow);
    this.#detector.forgetStreams(flow);
  }

  /** A condemned flow is remembered for long, and needs nothing of its content: nothing of it is looked into any more. */
  #abandon(flow: FlowSlot): void {
    const flags = this.#flows.flags[flow]!;
    // Its answers pass nevertheless, and are inspected.
    if ((flags & FLOW_FLAG.ownQuery) !== 0 && (flags & FLOW_FLAG.broken) === 0) return;
    this.#reporter.records?.connectionOver(flow, this.#timeMs);
    this.#apps.abandon(flow);
    this.#detector.forgetStreams(flow);
    this.#streams.abandon(flow);
  }

  #forget(flow: FlowSlot, reason: FlowEndReason): void {
    // The packet in hand begins the flow that takes its place, and is no packet of this one.
    if (reason === 'reused') this.#packet.flow = NO_FLOW;
    if (reason === 'recycled' && this.#flows.protocol(flow) === IP_PROTOCOL.tcp) this.#pickUpRecycled();
    this.#streams.end(flow);
    this.#bypass?.release(flow);
    this.#reporter.records?.flowEnded(flow, reason, this.#timeMs);
    this.#apps.release(flow);
    this.#detector.release(flow);
    this.#reporter.flowEnded(flow);
  }

  /**
   * A flow that was silent for too long ends while another one's packet is in hand, or none. What its protocol makes of
   * that is judged as a packet without content would be: rules tell of it, and nothing is left to drop.
   */
  #endWithoutPacket(flow: FlowSlot, direction: Direction): void {
    const inHand = this.#packet;
    const packet = this.#flowEnd;
    this.#begin(packet);
    this.#flows.describe(flow, direction, packet);
    packet.timeMs = this.#timeMs;
    this.#context.isEstablished = this.#streams.isEstablished(flow);
    this.#findings.sparedAs = 'flow-end';
    this.#endStream(flow, direction);
    this.#judge(packet);
    this.#begin(inHand);
  }

  /** In a flood, handshakes are forgotten before they are complete: those connections are picked up where they are. */
  #pickUpRecycled(): void {
    const untilMs = this.#timeMs + this.#handshakeTimeMs;
    if (this.#streams.midstreamUntilMs < untilMs) this.#streams.midstreamUntilMs = untilMs;
  }
}

const ALL_FLAGS = ~0;
/** Between two packets. */
const NO_PACKET = new Packet();

const isFirstOfFlow = ({ packets }: FlowTable, flow: FlowSlot): boolean =>
  packets[flow * 2]! + packets[flow * 2 + 1]! === 1;
