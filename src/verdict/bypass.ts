import type { AppLayer } from '../app/app-layer.ts';
import { parseAddressRange } from '../base/address-range.ts';
import { AddressSet } from '../base/address-set.ts';
import { TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import type { Detector } from '../detect/detector.ts';
import { FLOW_FLAG } from '../flow/flags.ts';
import type { FlowSlot } from '../flow/slot.ts';
import type { FlowTable } from '../flow/table.ts';
import { TCP_STATE } from '../stream/session.ts';
import type { TcpTracker } from '../stream/tracker.ts';
import { IP_PROTOCOL, Packet } from '../wire/packet.ts';
import { TCP_FLAG } from '../wire/tcp.ts';

export interface BypassSettings {
  readonly bypass: {
    /** One bit: with it in their marks, segments of bypassed connections come. */
    readonly mark: number;
    /** `early`: rules that look for content do not keep connections that have ended in encryption. */
    readonly encrypted: 'early' | 'late';
    /** As `parseAddressRange` reads them: flows from and to these meet no rule. */
    readonly trustedNetworks: readonly string[];
  };
  readonly stream: { readonly depthBytes: number };
}

/** What is known of flows. */
export interface BypassView {
  readonly flows: FlowTable;
  readonly streams: TcpTracker;
  readonly apps: AppLayer;
  readonly detector: Detector;
}

/** With which the kernel hands over packets of a connection with our mark. */
const SIGNALS = TCP_FLAG.syn | TCP_FLAG.fin | TCP_FLAG.rst;

/**
 * Which flows the kernel goes on with by itself: those of which no rule and no parser needs more, and those that are
 * exempt. Of these, segments that begin or end a connection still come. Any other packet of such a flow was on its way
 * before the kernel knew, or comes since the mark was taken back; then the question is asked anew.
 */
export class FlowBypass {
  /** Flows handed over since the start, and those of them that live and were not taken back. */
  totalFlows = 0;
  activeFlows = 0;
  readonly #view: BypassView;
  readonly #mark: number;
  readonly #depthBytes: number;
  #isEarly: boolean;
  /** Null: none. */
  #trusted: AddressSet | null;
  readonly #isBeyondDepth: [boolean, boolean] = [false, false];
  readonly #endpoints = new Packet();

  constructor({ bypass, stream }: BypassSettings, view: BypassView) {
    this.#view = view;
    this.#mark = bypass.mark;
    this.#depthBytes = stream.depthBytes;
    this.#isEarly = bypass.encrypted === 'early';
    this.#trusted = setOf(bypass.trustedNetworks);
  }

  /** A flow begins with this packet. */
  begin(packet: Packet): void {
    if (this.#isTrusted(packet)) this.#exempt(packet.flow);
    // Its flow was forgotten, being silent for so long.
    if (this.#isOfMarked(packet)) this.#hold(packet.flow);
  }

  /** Of a flow that was handed over: does this packet of it pass without being looked into? */
  skips(packet: Packet): boolean {
    const { streams } = this.#view;
    if (packet.protocol === IP_PROTOCOL.tcp) {
      // It may begin a new connection, and the kernel has taken the mark back.
      if ((packet.tcpFlags & TCP_FLAG.syn) !== 0) return this.#takeBack(packet.flow);
      // Without the mark it is out of the window, or the mark was taken back: it ends nothing.
      if (this.#isOfMarked(packet)) {
        streams.endBypassed(packet);
        return true;
      }
    }
    return this.#mayLeave(packet) || this.#takeBack(packet.flow);
  }

  /** With this packet, which was accepted, its flow is handed over, or is again. */
  takes(packet: Packet): boolean {
    const { flows, streams, apps, detector } = this.#view;
    const { flow, protocol, tcpFlags } = packet;
    const flags = flows.flags[flow]!;
    if ((flags & FLOW_FLAG.condemned) !== 0) return false;
    if (protocol === IP_PROTOCOL.tcp && (tcpFlags & (SIGNALS | TCP_FLAG.ack)) !== TCP_FLAG.ack) return false;
    if ((flags & FLOW_FLAG.bypassed) !== 0) return true;
    if (!this.#mayLeave(packet)) return false;
    this.#hold(flow);
    this.totalFlows++;
    streams.bypass(flow);
    detector.forgetStreams(flow);
    if (apps.isReading(flow)) apps.release(flow);
    return true;
  }

  /** The flow ends. */
  release(flow: FlowSlot): void {
    if ((this.#view.flows.flags[flow]! & FLOW_FLAG.bypassed) !== 0) this.activeFlows--;
  }

  /** Other rules and another configuration: what they had exempted is not any more. */
  replace({ bypass }: BypassSettings): void {
    const { flags } = this.#view.flows;
    for (let flow = 0; flow < flags.length; flow++) {
      if ((flags[flow]! & FLOW_FLAG.exempt) !== 0) flags[flow] = flags[flow]! & ~(FLOW_FLAG.exempt | FLOW_FLAG.passed);
    }
    this.#isEarly = bypass.encrypted === 'early';
    this.#trusted = setOf(bypass.trustedNetworks);
    if (this.#trusted === null) return;
    this.#view.flows.forEach((flow) => {
      this.#view.flows.describe(flow, TO_SERVER, this.#endpoints);
      if (this.#isTrusted(this.#endpoints)) this.#exempt(flow);
    });
  }

  #mayLeave(packet: Packet): boolean {
    const { flows, streams, apps } = this.#view;
    const { flow, protocol } = packet;
    const isExempt = (flows.flags[flow]! & FLOW_FLAG.exempt) !== 0;
    if (protocol !== IP_PROTOCOL.tcp) return isExempt && protocol === IP_PROTOCOL.udp;
    if (!streams.isEstablished(flow) || streams.state(flow) !== TCP_STATE.established) return false;
    if (isExempt) return true;
    return !apps.isReading(flow) && !streams.isDoubtful(flow) && !this.#needsMore(packet);
  }

  #needsMore(packet: Packet): boolean {
    const { streams, apps, detector } = this.#view;
    const { flow } = packet;
    if (this.#isEarly && apps.isEncrypted(flow)) return detector.needsEncrypted();
    const isBeyondDepth = this.#isBeyondDepth;
    for (const direction of [TO_SERVER, TO_CLIENT] as const) {
      isBeyondDepth[direction] = streams.deliveredBytes(flow, direction) >= this.#depthBytes;
    }
    return detector.needsMore(isBeyondDepth);
  }

  #hold(flow: FlowSlot): void {
    const { flags } = this.#view.flows;
    if ((flags[flow]! & FLOW_FLAG.bypassed) === 0) this.activeFlows++;
    flags[flow] = flags[flow]! | FLOW_FLAG.bypassed;
  }

  /** It is inspected again from here on. */
  #takeBack(flow: FlowSlot): false {
    const { flags } = this.#view.flows;
    flags[flow] = flags[flow]! & ~FLOW_FLAG.bypassed;
    this.activeFlows--;
    return false;
  }

  #exempt(flow: FlowSlot): void {
    const { flags } = this.#view.flows;
    flags[flow] = flags[flow]! | FLOW_FLAG.exempt | FLOW_FLAG.passed;
  }

  #isOfMarked(packet: Packet): boolean {
    return (packet.mark & this.#mark) !== 0 && packet.protocol === IP_PROTOCOL.tcp && (packet.tcpFlags & SIGNALS) !== 0;
  }

  #isTrusted({ ipVersion, source, destination }: Packet): boolean {
    const trusted = this.#trusted;
    if (trusted === null || ipVersion === 0) return false;
    return trusted.contains(ipVersion, source) || trusted.contains(ipVersion, destination);
  }
}

/** Null: no address at all. */
function setOf(networks: readonly string[]): AddressSet | null {
  const ranges = networks.map(parseAddressRange).filter((range) => range !== null);
  return ranges.length === 0 ? null : AddressSet.of(ranges);
}
