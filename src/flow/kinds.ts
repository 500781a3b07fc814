import { IP_PROTOCOL } from '../wire/packet.ts';
import { FLOW_KIND } from './counts.ts';
import { TIMEOUT_CLASS, type TimeoutClass } from './timeouts.ts';

/** Against which cap a flow of this protocol counts. */
export function kindOf(protocol: number): typeof FLOW_KIND.tcp | typeof FLOW_KIND.udp | typeof FLOW_KIND.other {
  if (protocol === IP_PROTOCOL.tcp) return FLOW_KIND.tcp;
  return protocol === IP_PROTOCOL.udp ? FLOW_KIND.udp : FLOW_KIND.other;
}

/** Flows that hold nothing which their next packet could not bring back, most easily spared first. */
export const SPARED_OF_KIND: readonly (readonly TimeoutClass[])[] = [
  [TIMEOUT_CLASS.tcpUntracked, TIMEOUT_CLASS.tcpNew],
  [TIMEOUT_CLASS.udpNew],
  [TIMEOUT_CLASS.icmp],
  [],
];

/** What makes room for a new flow of the kind, sooner or later: these, and what is over. */
export const OFFERED_OF_KIND: readonly (readonly TimeoutClass[])[] = [
  [...SPARED_OF_KIND[FLOW_KIND.tcp]!, TIMEOUT_CLASS.tcpClosed, TIMEOUT_CLASS.tcpCondemned, TIMEOUT_CLASS.tcpSilent],
  SPARED_OF_KIND[FLOW_KIND.udp]!,
  SPARED_OF_KIND[FLOW_KIND.other]!,
];

/** Every class of each kind, in the order in which idle flows are looked for. */
export const CLASSES_OF_KIND: readonly (readonly TimeoutClass[])[] = [
  [
    TIMEOUT_CLASS.tcpClosed,
    TIMEOUT_CLASS.tcpNew,
    TIMEOUT_CLASS.tcpUntracked,
    TIMEOUT_CLASS.tcpClosing,
    TIMEOUT_CLASS.tcpEstablished,
    TIMEOUT_CLASS.tcpCondemned,
    TIMEOUT_CLASS.tcpSilent,
  ],
  [TIMEOUT_CLASS.udpNew, TIMEOUT_CLASS.udpReplied],
  [TIMEOUT_CLASS.icmp, TIMEOUT_CLASS.other],
  [TIMEOUT_CLASS.tcpNew],
];
