import { Counters } from './base/counters.ts';
import { TO_CLIENT } from './base/direction.ts';
import type { Steps } from './base/steps.ts';
import { VERDICT, type Verdict } from './capture/source.ts';
import type { Config, MidstreamPolicy } from './config/config.ts';
import { verdictSettings } from './config/verdict-settings.ts';
import { Content, type ContentOptions, NO_PACKET } from './content.ts';
import { Layers } from './defrag/layers.ts';
import type { Detector } from './detect/detector.ts';
import type { Exceptions } from './detect/exceptions.ts';
import type { Ruleset } from './detect/ruleset.ts';
import type { Succession } from './detect/succession.ts';
import type { FlowCounts } from './flow/counts.ts';
import { FLOW_FLAG, type FlowEndReason } from './flow/flags.ts';
import type { FlowSlot } from './flow/slot.ts';
import { FlowTable, LOOKUP } from './flow/table.ts';
import type { Anomalies } from './output/anomalies.ts';
import { PacketCounters, PIPELINE_COUNTERS, StageCounters } from './output/pipeline-counters.ts';
import { SilentFlows } from './silent-flows.ts';
import type { TcpTracker } from './stream/tracker.ts';
import { FlowBypass } from './verdict/bypass.ts';
import { condemnedBy, flowMarks } from './verdict/flow-marks.ts';
import { type Findings, Judgement, judge, type Mode, type VerdictSettings } from './verdict/judge.ts';
import { beginsMidstream, belongsToStream, carriesContent, outcomeOf } from './verdict/outcome.ts';
import { Reopening } from './verdict/reopening.ts';
import { isAnswer, isBareReset, opensQuery } from './verdict/vital.ts';
import { Decoder } from './wire/decode.ts';
import { IP_PROTOCOL, NO_FLOW, NO_TUNNEL, type Packet } from './wire/packet.ts';
import { TCP_FLAG } from './wire/tcp.ts';

export interface PipelineOptions extends ContentOptions {
  readonly mode: Mode;
  /** Memory for the counters, `Counters.bytesFor(PIPELINE_COUNTERS)` bytes, so that another thread can read them. */
  readonly counterMemory?: ArrayBufferLike;
  /** Several workers share the caps on concurrent flows. */
  readonly flowCounts?: FlowCounts;
  /** The same for the caps by source: memory of `SourceCounts`. */
  readonly sourceMemory?: SharedArrayBuffer | null;
  readonly worker?: number;
  /** Whoever answers packets can have the kernel go on with a flow by itself: what `bypasses` says counts. */
  readonly canBypass?: boolean;
}

/** Idle flows are looked for this often, in packets' time. */
const EXPIRE_INTERVAL_MS = 20;
/** The same where there were more than end at one go: 50,000 can end in a second. */
const NEXT_FLOWS_MS = 1;
/**
 * Work on one look: the rest waits for the next. Deep Security's "Maximum Connections per Cleanup". With records of
 * them, they take 2 to 3 ms.
 */
const EXPIRE_MAX_FLOWS = 50;

/**
 * Every stage in its order. A packet goes in, its verdict comes out; `run`, `replay` and `sniff` drive the same
 * pipeline. One worker has one pipeline. Time is the packets' own.
 */
export class Pipeline {
  readonly counters: Counters;
  /** The last packet's judgement: valid until the next `process`. */
  readonly judgement = new Judgement();
  /** The kernel is to go on by itself with the flow of the last packet, which was accepted. */
  bypasses = false;
  /** Streams, protocols and rules. */
  readonly content: Content;
  readonly #counts: PacketCounters;
  readonly #decoder = new Decoder();
  readonly #layers: Layers;
  readonly #flows: FlowTable;
  // Of the content, what each packet meets.
  readonly #streams: TcpTracker;
  readonly #detector: Detector;
  readonly #findings: Findings;
  readonly #anomalies: Anomalies;
  /** Null: every packet comes. */
  readonly #bypass: FlowBypass | null;
  readonly #reopening: Reopening;
  readonly #silent: SilentFlows;
  readonly #stageCounts: StageCounters;
  #settings: VerdictSettings;
  readonly #midstreamPolicy: MidstreamPolicy;

  /** What the source gave: the packet in hand, or what it is in. */
  #frame = NO_PACKET;
  /** For so long a handshake that was forgotten may go on. */
  readonly #handshakeTimeMs: number;
  #nextExpiryMs = Number.NEGATIVE_INFINITY;
  #packedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: PipelineOptions) {
    const { config, mode } = options;
    this.counters = new Counters(PIPELINE_COUNTERS, options.counterMemory);
    this.#counts = new PacketCounters(this.counters);
    this.#layers = new Layers(config.defrag, config.tunnel.maxDepth, config.tunnel.isIpv4InIpv4Open !== false);
    this.#flows = new FlowTable(options.seed, (flow, reason) => this.#forget(flow, reason), {
      ...config.flow,
      timeouts: config.timeouts,
      onSilent: (flow) => this.content.setAside(flow),
      worker: options.worker ?? 0,
      ...(options.flowCounts !== undefined && { counts: options.flowCounts }),
      sourceMemory: options.sourceMemory ?? null,
    });
    this.content = new Content(options, this.#flows, this.counters, (packet) => this.#judge(packet));
    const { streams, apps, detector, findings, anomalies } = this.content;
    this.#streams = streams;
    this.#detector = detector;
    this.#findings = findings;
    this.#anomalies = anomalies;
    const view = { flows: this.#flows, streams, apps, detector };
    this.#bypass = options.canBypass === true ? new FlowBypass(config, view) : null;
    this.#reopening = new Reopening(this.#flows, streams);
    this.#silent = new SilentFlows(this.#flows, this.content);
    const { defragmenter } = this.#layers;
    this.#stageCounts = new StageCounters(this.counters, { ...view, defragmenter, bypass: this.#bypass });
    this.#settings = verdictSettings(config, mode);
    this.#midstreamPolicy = config.stream.midstreamPolicy;
    this.#handshakeTimeMs = config.timeouts.tcpNewMs;
  }

  setMode(mode: Mode): void {
    this.#settings = { ...this.#settings, mode };
  }

  /** Makes other rules ready for `replacePolicy`, which must follow before there are others again. */
  prepare(ruleset: Ruleset): Steps<Succession> {
    return this.content.detector.prepare(ruleset);
  }

  /** Between packets only. Flows go on. Of the configuration it takes checks, and what judges packets. */
  replacePolicy(rules: Succession, config: Config): void {
    this.content.replacePolicy(rules, config);
    this.#settings = verdictSettings(config, this.#settings.mode);
    this.#bypass?.replace(config);
  }

  /** Between packets only. */
  setExceptions(exceptions: Exceptions): void {
    this.content.setExceptions(exceptions);
  }

  /**
   * Between packets only. Up to now, packets may have passed that this pipeline did not get: until then, connections
   * are followed from where they are.
   */
  noteLapse(followUntilMs: number): void {
    this.#streams.noteLapse();
    this.#streams.midstreamUntilMs = Math.max(this.#streams.midstreamUntilMs, followUntilMs);
  }

  process(frame: Packet): Verdict {
    this.#frame = frame;
    this.content.timeMs = frame.timeMs;
    this.content.apps.memory.keepToLimit();
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
    this.content.packet = NO_PACKET;
    this.#counts.frame(frame, verdict === VERDICT.drop);
    return verdict;
  }

  /**
   * `process` has thrown, and the packet in hand does not arrive: nothing more of its flow does. Its stream may have
   * taken the bytes, which would pass when they are sent again.
   */
  condemnFailed(): void {
    const { flow } = this.content.packet;
    if (flow === NO_FLOW) return;
    this.#mark(flow, FLOW_FLAG.condemned);
    this.#flows.condemn(flow);
  }

  #inspect(packet: Packet): Verdict {
    const findings = this.#findings;
    this.content.begin(packet);
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
      } else if (seen === LOOKUP.full && carriesContent(packet)) findings.outcome = 'memory-limit';
      if (packet.events.length > known) this.#anomalies.weighEvents(packet, known);
      if (packet.flow !== NO_FLOW) this.#inspectFlow(packet);
      else this.#inspectPacket(packet);
    } else if (packet.isUnreadable && packet.ipVersion !== 0 && findings.failedCheck === null) {
      this.#detector.onUnreadable();
    }
    const verdict = this.#conclude(packet);
    this.content.apps.rest();
    return verdict;
  }

  /**
   * Ends flows that were idle for too long, and packs silent ones. `process` does so itself; a live source calls it
   * when no packet comes. True: there may be more flows to end.
   */
  expire(nowMs: number): boolean {
    this.content.timeMs = nowMs;
    const hasMore = this.#flows.expire(nowMs, EXPIRE_MAX_FLOWS) === EXPIRE_MAX_FLOWS;
    this.#nextExpiryMs = nowMs + (hasMore ? NEXT_FLOWS_MS : EXPIRE_INTERVAL_MS);
    this.content.reporter.expire(nowMs);
    this.content.detector.catchUp();
    this.#layers.defragmenter.expire(nowMs);
    if (Math.abs(nowMs - this.#packedAtMs) >= EXPIRE_INTERVAL_MS) {
      this.#packedAtMs = nowMs;
      this.#silent.pack(nowMs);
    }
    return hasMore;
  }

  /** Between packets, when it is quiet: what a peak has left to be used again is garbage from now on. */
  dropSpares(): void {
    this.#streams.dropSpares();
  }

  /** The end of the traffic: every flow ends. */
  finish(): void {
    this.#flows.forEach((flow) => {
      this.#flows.release(flow);
    });
  }

  /** Writes what is not counted packet by packet into the counters. */
  updateGauges(): void {
    this.#stageCounts.update();
  }

  // --- one packet, stage by stage ---

  /** Rare: a fragment or a tunnel. */
  #open(packet: Packet): void {
    this.#findings.isOfCondemnedPacket = !this.#layers.open(packet);
    if (!packet.isFragment) return;
    const family = packet.ipVersion === 4 ? 'defrag.ipv4' : 'defrag.ipv6';
    this.counters.increment(`${family}.fragments`);
    if (this.#layers.hasInner) this.counters.increment(`${family}.reassembled`);
  }

  #inspectFlow(packet: Packet): void {
    const { context } = this.content;
    let flags = this.#flows.flags[packet.flow]!;
    if ((flags & FLOW_FLAG.packed) !== 0) this.content.unpack(packet.flow);
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
      context.isEncrypted = this.content.isEncrypted(packet.flow);
      if (packet.hasBadChecksum) this.#findings.outcome = outcomeOf('invalid', packet);
      else if (isReopening) this.#trackReopening(packet);
      else this.#trackTcp(packet);
      context.isEstablished = isEstablished;
    } else {
      context.isEstablished = this.#flows.packets[packet.flow * 2 + TO_CLIENT]! > 0;
      if (packet.protocol === IP_PROTOCOL.udp) this.content.parseDatagram(packet);
    }
    if (opensQuery(packet)) this.#mark(packet.flow, FLOW_FLAG.ownQuery);
    context.noteProtocol(this.content.apps, packet.flow, packet);
    this.#inspectPacket(packet);
  }

  #trackTcp(packet: Packet): void {
    const known = packet.events.length;
    this.content.reachesLimit = false;
    const isFirst = isFirstOfFlow(this.#flows, packet.flow);
    const outcome = this.#streams.packet(packet);
    this.content.context.isInStream = belongsToStream(outcome);
    this.#findings.isInStream = belongsToStream(outcome) && packet.payloadBytes > 0;
    this.#findings.outcome = this.content.reachesLimit ? 'memory-limit' : outcomeOf(outcome, packet);
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

  #inspectPacket(packet: Packet): void {
    if (this.#findings.failedCheck === null && this.content.meetsRules(packet.flow)) this.#detector.onPacket();
  }

  #conclude(packet: Packet): Verdict {
    const { judgement } = this;
    if (packet.events.length > 0 && this.content.meetsRules(packet.flow)) this.#detector.onPacketEvents();
    this.#judge(packet);
    if (packet.flow !== NO_FLOW) {
      const marks = flowMarks(judgement);
      if (marks !== 0) this.#mark(packet.flow, marks);
      if (judgement.condemnsFlow) this.#abandon(packet.flow);
    }
    if (this.content.hasEnded) this.content.letGo(packet.flow);
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
    this.content.reporter.judgement(packet, this.#detector.matches, judgement, mode, this.#findings.sparedAs);
  }

  #mark(flow: FlowSlot, flags: number): void {
    // One that is condemned again needs another SYN to begin anew.
    const kept = (flags & FLOW_FLAG.condemned) === 0 ? ALL_FLAGS : ~FLOW_FLAG.reopening;
    this.#flows.flags[flow] = (this.#flows.flags[flow]! & kept) | flags;
  }

  /** Of a condemned flow nothing is looked into any more, unless its answers pass nevertheless. */
  #abandon(flow: FlowSlot): void {
    const flags = this.#flows.flags[flow]!;
    if ((flags & FLOW_FLAG.ownQuery) !== 0 && (flags & FLOW_FLAG.broken) === 0) return;
    this.#flows.condemn(flow);
    this.content.abandon(flow);
  }

  #forget(flow: FlowSlot, reason: FlowEndReason): void {
    // The packet in hand begins the flow that takes its place, and is no packet of this one.
    if (reason === 'reused') this.content.packet.flow = NO_FLOW;
    if (reason === 'recycled' && this.#flows.protocol(flow) === IP_PROTOCOL.tcp) this.#pickUpRecycled();
    this.#bypass?.release(flow);
    this.content.forget(flow, reason);
  }

  /** In a flood, handshakes are forgotten before they are complete: those connections are picked up where they are. */
  #pickUpRecycled(): void {
    const untilMs = this.content.timeMs + this.#handshakeTimeMs;
    if (this.#streams.midstreamUntilMs < untilMs) this.#streams.midstreamUntilMs = untilMs;
  }
}

const ALL_FLAGS = ~0;
const isFirstOfFlow = ({ packets }: FlowTable, flow: FlowSlot): boolean =>
  packets[flow * 2]! + packets[flow * 2 + 1]! === 1;
