import { type Direction, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import type { Rule } from '../rules/rule.ts';
import type { StateUse } from '../rules/rule-state.ts';
import { isInRange } from '../rules/values.ts';
import { IP_PROTOCOL } from '../wire/packet.ts';

/** Does it concern transactions, by their buffers or events, and not only packets and streams? */
export const inspectsTransactions = (rule: Rule): boolean =>
  rule.appEvents.length > 0 || rule.inspections.some(({ buffer }) => buffer !== null);

/** Is it judged only on packets in which something was found? */
export const isOnPacketEvents = (rule: Rule): boolean => rule.packetEvents.length > 0 && !inspectsTransactions(rule);

export const inspectsPayload = (rule: Rule): boolean => rule.inspections.some(({ buffer }) => buffer === null);

/** Does it concern packets of an established connection that neither begin nor end it? */
export const mayMatchLater = (rule: Rule): boolean =>
  rule.fitsTcpMiddle && rule.flow.state !== 'not_established' && rule.packetEvents.length === 0;

/** Does it ask for nothing but what a direction shows? As in Suricata, it is then judged once. */
export const isShownOnly = (rule: Rule): boolean =>
  hasNoContent(rule) && rule.shownProtocols.length > 0 && rule.flow.state === null && rule.flow.stream === null;

/** Does it ask for nothing but addresses and ports? As in Suricata, it is then judged once. */
export const isAddressOnly = (rule: Rule): boolean =>
  hasNoContent(rule) &&
  !rule.isForEachPacket &&
  rule.shownProtocols.length === 0 &&
  rule.protocol.apps === null &&
  rule.flow.direction === null &&
  rule.flow.state === null &&
  rule.flow.stream === null;

/**
 * Does what the rule does concern the packet's flow, as in Suricata? A rule on transactions, on a protocol or on
 * nothing but addresses and ports does, and any other one where it matched in the stream.
 */
export function actsOnFlow(rule: Rule, isInStream: boolean): boolean {
  if (isInStream || inspectsTransactions(rule)) return true;
  if (!hasNoContent(rule)) return false;
  if (rule.protocol.apps !== null || rule.shownProtocols.length > 0) return true;
  return rule.flow.direction === null && rule.flow.state === null && rule.flow.stream === null;
}

/** What sets comes first. */
export function compareStateUse(a: StateUse, b: StateUse): number {
  for (let kind = 0; kind < a.length; kind++) if (a[kind] !== b[kind]) return b[kind]! - a[kind]!;
  return 0;
}

/**
 * As in Suricata, a TCP rule on content looks into the stream, unless a keyword ties it to packets; one with `depth`
 * or `offset` is tried on each packet as well.
 */
export function inspectsStream(rule: Rule): boolean {
  if (rule.inspections.length === 0 || rule.protocol.scope === 'packet') return false;
  const protocols = rule.protocol.ipProtocols;
  if (protocols !== null && !protocols.includes(IP_PROTOCOL.tcp)) return false;
  return rule.packetTests.length === 0 && rule.flow.stream !== 'no_stream';
}

/** See `inspectsStream`. Packets of TCP that did not become part of a stream are looked at in any case. */
export function inspectsPackets(rule: Rule): boolean {
  if (!inspectsStream(rule)) return rule.protocol.scope !== 'stream' && rule.flow.stream !== 'only_stream';
  if (rule.protocol.scope === 'stream' || rule.flow.stream === 'only_stream') return false;
  const protocols = rule.protocol.ipProtocols;
  const isTcpOnly = protocols?.length === 1 && protocols[0] === IP_PROTOCOL.tcp;
  return !isTcpOnly || rule.inspections.some(({ hasFixedPlace }) => hasFixedPlace);
}

/** Can it match in packets of this IP protocol? Null: of one that no rule names. */
export function mayRunOver({ protocol, ipProtocolRanges }: Rule, ipProtocol: number | null): boolean {
  const { ipProtocols } = protocol;
  if (ipProtocol === null) return ipProtocols === null;
  if (ipProtocols !== null && !ipProtocols.includes(ipProtocol)) return false;
  return ipProtocolRanges.every((range) => isInRange(range, ipProtocol));
}

/** Can it match in what travels this way? */
export function mayTravel(rule: Rule, direction: Direction): boolean {
  if (rule.flow.direction === 'toserver') return direction === TO_SERVER;
  if (rule.flow.direction === 'toclient') return direction === TO_CLIENT;
  return rule.inspections.every(({ buffer }) => buffer === null || (buffer.direction ?? direction) === direction);
}

const hasNoContent = (rule: Rule): boolean =>
  rule.inspections.length === 0 && rule.packetTests.length === 0 && rule.conditions.length === 0;
