import { TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import type { FlowTable } from '../flow/table.ts';
import { IP_PROTOCOL, type Packet } from '../wire/packet.ts';
import { TCP_FLAG } from '../wire/tcp.ts';

const DNS_PORT = 53;

/**
 * A DNS query of this host itself: it goes out by an interface and came in by none. Of a capture nobody knows. Who
 * begins a UDP flow is known; of TCP only a SYN shows it, or anybody could send from port 53 and be taken for a DNS
 * server.
 */
export function opensQuery(packet: Packet): boolean {
  if (packet.destinationPort !== DNS_PORT || packet.direction !== TO_SERVER) return false;
  if (packet.outInterface === 0 || packet.inInterface !== 0) return false;
  if (packet.protocol === IP_PROTOCOL.udp) return true;
  return packet.protocol === IP_PROTOCOL.tcp && (packet.tcpFlags & (TCP_FLAG.syn | TCP_FLAG.ack)) === TCP_FLAG.syn;
}

/** The answer to such a query: without it the host finds nobody any more. */
export const isAnswer = (packet: Packet, flows: FlowTable): boolean =>
  packet.direction === TO_CLIENT && flows.serverPort(packet.flow) === DNS_PORT;

/** All that it can do is to end its connection. */
export const isBareReset = (packet: Packet): boolean =>
  packet.protocol === IP_PROTOCOL.tcp && (packet.tcpFlags & TCP_FLAG.rst) !== 0 && packet.payloadBytes === 0;
