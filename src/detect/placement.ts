import type { Rule } from '../rules/rule.ts';
import {
  inspectsPackets,
  inspectsStream,
  inspectsTransactions,
  isAddressOnly,
  isOnPacketEvents,
  isShownOnly,
} from './rule-traits.ts';

/** When a rule is judged, in words: which of the groups of a ruleset it is in. Rules with the same words share one. */
export function placementOf(rule: Rule): string[] {
  if (isOnPacketEvents(rule)) return [`on packets with the event ${rule.packetEvents[0]}`];
  if (inspectsTransactions(rule)) return [transactionPlace(rule)];
  if (isAddressOnly(rule))
    return ['once for each flow and direction, by addresses and ports; for each packet of a protocol without flows'];
  if (isShownOnly(rule)) return ['once for each flow and direction, when its protocol is known'];
  const places = [
    ...(inspectsStream(rule) ? ['on TCP streams, as their bytes become contiguous'] : []),
    ...(inspectsPackets(rule) ? ['on each packet'] : []),
  ];
  return places.map((place) => `${place}, ${foundHow(rule)}, ${portsOf(rule)}`);
}

function transactionPlace(rule: Rule): string {
  const [event] = rule.appEvents;
  if (event !== undefined) return `when the event ${event} is reported`;
  const { fastPattern } = rule;
  if (fastPattern === null) return 'on each transaction, since it has no fast pattern';
  if (fastPattern.buffer === null) return 'on transactions, found by a search of the stream or datagram';
  return `on transactions, found by the search of ${fastPattern.buffer.name}`;
}

const foundHow = ({ fastPattern }: Rule): string =>
  fastPattern === null ? 'each between its ports' : 'found by the search for all fast patterns';

function portsOf({ sourcePorts, destinationPorts }: Rule): string {
  if (sourcePorts.isAny && destinationPorts.isAny) return 'in the port table under any';
  const shown = (set: Rule['sourcePorts']): string =>
    set.isAny ? 'any' : set.ranges.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(',');
  return `in the port table under ${shown(sourcePorts)} -> ${shown(destinationPorts)}`;
}
