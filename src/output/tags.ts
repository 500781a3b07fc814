import type { FlowSlot } from '../flow/slot.ts';
import type { FlowTable } from '../flow/table.ts';
import type { Rule, Tag } from '../rules/rule.ts';
import { LINK, type LinkType, NO_FLOW, type Packet } from '../wire/packet.ts';
import type { EventSink } from './event.ts';

/** Hosts whose packets are recorded at the same time; of more, the oldest is forgotten. Ours. */
const MAX_TAGGED_HOSTS = 4096;
/** A host that is silent for so long is forgotten, however much is left: Suricata's TAG_MAX_LAST_TIME_SEEN. */
const MAX_SILENCE_MS = 600_000;
/** How exact that is. */
const EXPIRE_INTERVAL_MS = 10_000;

/** How much of what a `tag` asks for is left. */
interface OpenTag {
  readonly tag: Tag;
  readonly sinceMs: number;
  left: number;
}

interface TaggedHost {
  readonly open: OpenTag[];
  lastSeenMs: number;
}

/**
 * Packets that follow an alert whose rule has `tag`, as EVE's `packet`: those of its flow, or from and to one of its
 * hosts. Where nothing is tagged, a packet costs a comparison.
 */
export class Tags {
  readonly #sink: EventSink;
  readonly #flows: FlowTable;
  readonly #ofFlows = new Map<FlowSlot, OpenTag[]>();
  readonly #ofHosts = new Map<string, TaggedHost>();
  #nextExpiryMs = Number.NEGATIVE_INFINITY;

  constructor(sink: EventSink, flows: FlowTable) {
    this.#sink = sink;
    this.#flows = flows;
  }

  /** Every packet, before its own alerts are noted. */
  packet(packet: Packet): void {
    if (this.#ofFlows.size === 0 && this.#ofHosts.size === 0) return;
    // What stands for the end of a flow is no packet.
    if (packet.end > packet.start && this.#takes(packet)) this.#write(packet);
  }

  /** The rule alerted on this packet. */
  note({ tags }: Rule, packet: Packet): void {
    for (const tag of tags) {
      const open = { tag, sinceMs: packet.timeMs, left: tag.amount };
      if (tag.host === null) this.#tagFlow(packet, open);
      else this.#tagHost(packet, open);
    }
  }

  /** The flow has ended. */
  release(flow: FlowSlot): void {
    this.#ofFlows.delete(flow);
  }

  /** Forgets hosts that nothing is recorded of any more. */
  expire(nowMs: number): void {
    if (this.#ofHosts.size === 0 || nowMs < this.#nextExpiryMs) return;
    this.#nextExpiryMs = nowMs + EXPIRE_INTERVAL_MS;
    for (const [key, { open, lastSeenMs }] of this.#ofHosts) {
      const isSilent = nowMs - lastSeenMs > MAX_SILENCE_MS;
      if (isSilent || open.every((entry) => isSpent(entry, nowMs))) this.#ofHosts.delete(key);
    }
  }

  #tagFlow({ flow }: Packet, open: OpenTag): void {
    if (flow === NO_FLOW) return;
    const known = this.#ofFlows.get(flow);
    if (known === undefined) this.#ofFlows.set(flow, [open]);
    else if (!known.some(({ tag }) => tag === open.tag)) known.push(open);
  }

  #tagHost(packet: Packet, open: OpenTag): void {
    const key = hostKey(packet, open.tag.host === 'src' ? packet.source : packet.destination);
    const known = this.#ofHosts.get(key)?.open;
    if (known !== undefined) {
      if (!known.some(({ tag }) => tag === open.tag)) known.push(open);
      return;
    }
    if (this.#ofHosts.size >= MAX_TAGGED_HOSTS) this.#ofHosts.delete(this.#ofHosts.keys().next().value!);
    this.#ofHosts.set(key, { open: [open], lastSeenMs: packet.timeMs });
  }

  /** Does a tag want it? Counts it in all that do. */
  #takes(packet: Packet): boolean {
    const ofFlow = packet.flow === NO_FLOW ? undefined : this.#ofFlows.get(packet.flow);
    let isWanted = ofFlow !== undefined && spend(ofFlow, packet);
    if (ofFlow !== undefined && !isWanted) this.#ofFlows.delete(packet.flow);
    if (this.#ofHosts.size === 0) return isWanted;
    for (const address of [packet.source, packet.destination]) {
      const key = hostKey(packet, address);
      const host = this.#ofHosts.get(key);
      if (host === undefined) continue;
      host.lastSeenMs = packet.timeMs;
      if (spend(host.open, packet)) isWanted = true;
      else this.#ofHosts.delete(key);
    }
    return isWanted;
  }

  #write(packet: Packet): void {
    const bytes = packet.bytes.subarray(packet.start, packet.end);
    this.#sink.record?.(packet, packet.flow === NO_FLOW ? null : this.#flows.flowId(packet.flow), {
      type: 'packet',
      direction: packet.direction,
      transactionId: null,
      fields: {
        packet: Buffer.from(bytes).toString('base64'),
        packet_info: { linktype: LINK_TYPES[packet.linkType] },
      },
    });
  }
}

/** Takes the packet off what is left, and away what is spent. False: nothing wants it. */
function spend(open: OpenTag[], packet: Packet): boolean {
  for (let i = open.length - 1; i >= 0; i--) {
    const entry = open[i]!;
    const { metric } = entry.tag;
    if (isSpent(entry, packet.timeMs)) open.splice(i, 1);
    else if (metric !== 'seconds') entry.left -= metric === 'packets' ? 1 : packet.end - packet.start;
  }
  return open.length > 0;
}

const isSpent = ({ tag, sinceMs, left }: OpenTag, nowMs: number): boolean =>
  tag.metric === 'seconds' ? nowMs - sinceMs > tag.amount * 1000 : left <= 0;

const hostKey = ({ ipVersion }: Packet, words: Uint32Array): string => `${ipVersion} ${words.join(' ')}`;

/** libpcap's numbers (LINKTYPE_...), as Suricata names them in EVE. */
const LINK_TYPES: Readonly<Record<LinkType, number>> = {
  [LINK.ethernet]: 1,
  [LINK.rawIp]: 12,
  [LINK.linuxSll]: 113,
  [LINK.linuxSll2]: 276,
  [LINK.loopback]: 0,
  [LINK.ppp]: 9,
  [LINK.ciscoHdlc]: 104,
};
