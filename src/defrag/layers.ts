import type { WireEvent } from '../wire/events.ts';
import { IP_PROTOCOL, NO_TUNNEL, Packet } from '../wire/packet.ts';
import { Defragmenter, FRAGMENT } from './defragmenter.ts';
import type { DefragOptions } from './options.ts';

/**
 * The packets inside of one frame: what its fragment completes, and what its tunnel carries, one inside the other. Each
 * is a packet of its own, for which the stages run once more; of a packet that is neither, nothing is asked here.
 */
export class Layers {
  readonly defragmenter: Defragmenter;
  readonly #maxDepth: number;
  readonly #isIpv4InIpv4Open: boolean;
  /** Those of the frame in hand; kept for the next one. */
  readonly #packets: Packet[] = [];
  #used = 0;
  #inner: Packet | null = null;
  readonly #fragments: Packet[] = [];

  /** Without `isIpv4InIpv4Open`, an IPv4 packet in another one is nothing but its payload. */
  constructor(options: DefragOptions, maxDepth: number, isIpv4InIpv4Open: boolean) {
    this.defragmenter = new Defragmenter(options);
    this.#maxDepth = maxDepth;
    this.#isIpv4InIpv4Open = isIpv4InIpv4Open;
  }

  /** Before the first packet of a frame. */
  begin(): void {
    this.#used = 0;
    this.#inner = null;
    if (this.#fragments.length > 0) this.#fragments.length = 0;
  }

  /** Looks into a decoded packet that is a fragment or a tunnel. False: an earlier fragment condemned it. */
  open(packet: Packet): boolean {
    if (packet.isFragment) {
      this.#fragments.push(packet);
      const whole = this.#next();
      const outcome = this.defragmenter.add(packet, whole);
      if (outcome === FRAGMENT.completes) this.#inner = whole;
      return outcome !== FRAGMENT.condemned;
    }
    if (!this.#isIpv4InIpv4Open && packet.ipVersion === 4 && packet.protocol === IP_PROTOCOL.ipv4) return true;
    // A receiver drops what has a wrong checksum: nobody gets what is in it.
    if (packet.tunnelLink !== NO_TUNNEL && !packet.hasBadChecksum) this.#enter(packet, packet.tunnelLink);
    return true;
  }

  /** Something was in the last packet that was opened. */
  get hasInner(): boolean {
    return this.#inner !== null;
  }

  /** What that was, null if nothing. It is to be decoded. */
  takeInner(): Packet | null {
    const inner = this.#inner;
    if (inner === null) return null;
    this.#inner = null;
    this.#used++;
    return inner;
  }

  /** The frame does not arrive: nor shall the rest of what its fragments belong to. */
  drop(): void {
    for (const fragment of this.#fragments) {
      // What a line has damaged does not tell whose fragment it was.
      if (!fragment.hasBadChecksum) this.defragmenter.condemn(fragment);
    }
  }

  #enter(packet: Packet, link: Exclude<Packet['tunnelLink'], typeof NO_TUNNEL>): void {
    if (packet.tunnelDepth >= this.#maxDepth) {
      packet.events.push('too_many_layers' satisfies WireEvent);
      return;
    }
    const inner = this.#next();
    inner.bytes = packet.bytes;
    inner.start = packet.tunnelStart;
    inner.end = packet.tunnelEnd;
    inner.wireBytes = packet.tunnelWireEnd - packet.tunnelStart;
    inner.linkType = link;
    inner.comeWith(packet);
    inner.tunnelDepth = packet.tunnelDepth + 1;
    inner.carrier = packet.carrier ?? packet;
    this.#inner = inner;
  }

  #next(): Packet {
    let packet = this.#packets[this.#used];
    if (packet === undefined) {
      packet = new Packet();
      this.#packets.push(packet);
    }
    return packet;
  }
}
