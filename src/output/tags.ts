import type { FlowTable } from '../flow/table.ts';
import type { Rule, Tag } from '../rules/rule.ts';
import { LINK, type LinkType, NO_FLOW, type Packet } from '../wire/packet.ts';
import type { EventSink } from './event.ts';

/** Hosts whose packets are recorded at the same time; of more, the oldest is forgotten. Ours. */
const MAX_TAGGED_HOSTS = 4096;

/** How much of what a `tag` asks for is left. */
interface OpenTag {
  readonly tag: Tag;
  readonly sinceMs: number;
  left: number;
}

/**
 * Packets that follow an alert whose rule has `tag`, as EVE's `packet`: those of its flow, or from and to one of its
 * hosts. Where nothing is tagged, a packet costs a comparison.
 */
export class Tags {
  readonly #sink: EventSink;
  readonly #flows: FlowTable;
  /** By slot, with the flow that they belong to: a slot is used again. */
  readonly #ofFlows = new Map<number, { readonly flowId: number; open: OpenTag[] }>();
  readonly #ofHosts = new Map<string, OpenTag[]>();

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

  #tagFlow({ flow }: Packet, open: OpenTag): void {
    if (flow === NO_FLOW) return;
    const flowId = this.#flows.flowId(flow);
    const known = this.#ofFlows.get(flow);
    if (known?.flowId !== flowId) this.#ofFlows.set(flow, { flowId, open: [open] });
    else if (!known.open.some(({ tag }) => tag === open.tag)) known.open.push(open);
  }

  #tagHost(packet: Packet, open: OpenTag): void {
    const key = hostKey(packet, open.tag.host === 'src' ? packet.source : packet.destination);
    const known = this.#ofHosts.get(key);
    if (known !== undefined) {
      if (!known.some(({ tag }) => tag === open.tag)) known.push(open);
      return;
    }
    if (this.#ofHosts.size >= MAX_TAGGED_HOSTS) this.#ofHosts.delete(this.#ofHosts.keys().next().value!);
    this.#ofHosts.set(key, [open]);
  }

  /** Does a tag want it? Counts it in all that do. */
  #takes(packet: Packet): boolean {
    let isWanted = false;
    if (packet.flow !== NO_FLOW && this.#ofFlows.size > 0) {
      const known = this.#ofFlows.get(packet.flow);
      if (known !== undefined) {
        if (known.flowId === this.#flows.flowId(packet.flow)) isWanted = spend(known.open, packet);
        if (!isWanted) this.#ofFlows.delete(packet.flow);
      }
    }
    if (this.#ofHosts.size === 0) return isWanted;
    for (const address of [packet.source, packet.destination]) {
      const key = hostKey(packet, address);
      const open = this.#ofHosts.get(key);
      if (open === undefined) continue;
      if (spend(open, packet)) isWanted = true;
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
    const { tag, sinceMs } = entry;
    const isOver = tag.metric === 'seconds' ? packet.timeMs - sinceMs > tag.amount * 1000 : entry.left <= 0;
    if (isOver) open.splice(i, 1);
    else if (tag.metric !== 'seconds') entry.left -= tag.metric === 'packets' ? 1 : packet.end - packet.start;
  }
  return open.length > 0;
}

const hostKey = ({ ipVersion }: Packet, words: Uint32Array): string => `${ipVersion} ${words.join(' ')}`;

/** libpcap's numbers (LINKTYPE_...), as Suricata names them in EVE. */
const LINK_TYPES: Readonly<Record<LinkType, number>> = {
  [LINK.ethernet]: 1,
  [LINK.rawIp]: 12,
  [LINK.linuxSll]: 113,
  [LINK.linuxSll2]: 276,
  [LINK.loopback]: 0,
  [LINK.ppp]: 9,
};
