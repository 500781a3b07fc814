import type { AppLayer } from '../app/app-layer.ts';
import { NO_PROTOCOL_SHOWN, NOTHING_SHOWN, type ShownProtocols } from '../app/session.ts';
import type { FlowSlot } from '../flow/slot.ts';
import { IP_PROTOCOL, type Packet } from '../wire/packet.ts';

/** What detection must know of the packet's flow. Reused by the pipeline: set anew for each packet. */
export class FlowContext {
  /** TCP: the handshake is complete. Else: both sides have sent. */
  isEstablished = false;
  /** Application protocol, null while or where it is not recognised. */
  app: string | null = null;
  /** What `app-layer-protocol` asks for. */
  shown: ShownProtocols = NOTHING_SHOWN;
  /** The payload of this packet went into the reassembled stream. */
  isInStream = false;
  /** All that the flow carries was encrypted before this packet: its payload has no content for rules. */
  isEncrypted = false;

  /** For the next packet. */
  reset(): void {
    this.isEstablished = false;
    this.app = null;
    this.shown = NOTHING_SHOWN;
    this.isInStream = false;
    this.isEncrypted = false;
  }

  /** As far as it is known by now. No session remembers a datagram that nobody knows: here it shows no protocol. */
  noteProtocol(apps: AppLayer, flow: FlowSlot, { protocol, payloadBytes }: Packet): void {
    this.app = apps.protocol(flow)?.name ?? null;
    this.shown = apps.shown(flow);
    if (protocol === IP_PROTOCOL.udp && this.app === null && payloadBytes > 0) this.shown = NO_PROTOCOL_SHOWN;
  }
}
