import { type Direction, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import type { Rule } from '../rules/rule.ts';
import { IP_PROTOCOL, NO_FLOW, type Packet } from '../wire/packet.ts';
import type { FlowContext } from './flow-context.ts';

/**
 * Do the protocol, addresses and ports of the rule's header fit bytes that travel in `direction`? That may be the other
 * one than the packet's: an acknowledgement can show that earlier bytes are all that will come.
 */
export function fitsEndpoints(rule: Rule, packet: Packet, direction: Direction): boolean {
  const { ipProtocols } = rule.protocol;
  // Without an IP header there is nothing that could differ from "any".
  if (packet.ipVersion === 0) return ipProtocols === null && rule.source.isAny && rule.destination.isAny;
  if (ipProtocols !== null && !ipProtocols.includes(packet.protocol)) return false;
  const isTurned = direction !== packet.direction;
  return fitsWay(rule, packet, isTurned) || (rule.isBidirectional && fitsWay(rule, packet, !isTurned));
}

/** Do its `flow`, its application protocol and its tests of packet fields fit now? They may fit a later packet. */
export function fitsState(rule: Rule, packet: Packet, direction: Direction, flow: FlowContext): boolean {
  const { apps } = rule.protocol;
  if (apps !== null && (flow.app === null || !apps.includes(flow.app))) return false;
  if (!fitsFlow(rule, packet, direction, flow)) return false;
  if (rule.shownProtocols.length > 0 && !fitsShown(rule, flow.shown[direction])) return false;
  const tests = rule.packetTests;
  for (let i = 0; i < tests.length; i++) if (!tests[i]!(packet)) return false;
  return true;
}

function fitsFlow(rule: Rule, packet: Packet, actual: Direction, flow: FlowContext): boolean {
  const { direction, state } = rule.flow;
  if (direction === null && state === null) return true;
  if (packet.flow === NO_FLOW) return false;
  if (direction === 'toserver' && actual !== TO_SERVER) return false;
  if (direction === 'toclient' && actual !== TO_CLIENT) return false;
  if (state === 'established') return flow.isEstablished;
  if (state === 'not_established') return !flow.isEstablished;
  return true;
}

function fitsShown({ shownProtocols }: Rule, shown: string | null): boolean {
  if (shown === null) return false;
  for (let i = 0; i < shownProtocols.length; i++) {
    const { names, isNegated } = shownProtocols[i]!;
    if (names.includes(shown) === isNegated) return false;
  }
  return true;
}

/** `isTurned`: from the packet's destination to its source. */
function fitsWay(rule: Rule, packet: Packet, isTurned: boolean): boolean {
  const { ipVersion, protocol } = packet;
  if (ipVersion === 0) return false;
  if (hasPorts(protocol)) {
    if (!rule.sourcePorts.contains(isTurned ? packet.destinationPort : packet.sourcePort)) return false;
    if (!rule.destinationPorts.contains(isTurned ? packet.sourcePort : packet.destinationPort)) return false;
  }
  const source = isTurned ? packet.destination : packet.source;
  const destination = isTurned ? packet.source : packet.destination;
  if (!rule.source.contains(ipVersion, source) || !rule.destination.contains(ipVersion, destination)) return false;
  const tests = rule.addressTests;
  for (let i = 0; i < tests.length; i++) if (!tests[i]!(ipVersion, source, destination)) return false;
  return true;
}

/** Of packets of other protocols, as in Suricata, rules ask no ports. */
export const hasPorts = (ipProtocol: number): boolean =>
  ipProtocol === IP_PROTOCOL.tcp || ipProtocol === IP_PROTOCOL.udp || ipProtocol === IP_PROTOCOL.sctp;
