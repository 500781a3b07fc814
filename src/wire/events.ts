import { CUT_EVENTS } from './cut.ts';
import { ICMP_EVENTS } from './icmp.ts';
import { IPV4_EVENTS } from './ipv4.ts';
import { IPV6_EVENTS } from './ipv6.ts';
import { LINK_EVENTS } from './link.ts';
import { SCTP_EVENTS } from './sctp.ts';
import { TCP_EVENTS } from './tcp.ts';
import { UDP_EVENTS } from './udp.ts';

/** Everything that decoding can put into `Packet.events`, with a line on what it means. */
export const WIRE_EVENTS = {
  ...CUT_EVENTS,
  ...LINK_EVENTS,
  ...IPV4_EVENTS,
  ...IPV6_EVENTS,
  ...TCP_EVENTS,
  ...UDP_EVENTS,
  ...ICMP_EVENTS,
  ...SCTP_EVENTS,
} as const;
export type WireEvent = keyof typeof WIRE_EVENTS;

/**
 * What legal traffic does, or what says nothing bad about the packet. A check that drops on one of these by default
 * drops what ordinary hosts send.
 */
export const REMARKABLE_WIRE_EVENTS: ReadonlySet<string> = new Set<WireEvent>([
  'capture.trunc_pkt',
  'vlan.too_many_layers',
  'ipv4.opt_eol_required',
  'ipv4.opt_duplicate',
  'ipv4.opt_unknown',
  'ipv4.icmpv6',
  'ipv6.exthdr_useless_fh',
  'ipv6.exthdr_ah_res_not_null',
  'ipv6.fh_non_zero_reserved_field',
  'ipv6.hopopts_unknown_opt',
  'ipv6.hopopts_only_padding',
  'ipv6.dstopts_unknown_opt',
  'ipv6.dstopts_only_padding',
  'ipv6.zero_len_padn',
  'ipv6.data_after_none_header',
  'ipv6.icmpv4',
  'tcp.opt_duplicate',
  'udp.trailing_bytes',
  'udp.ipv6_zero_checksum',
  'icmpv4.unknown_type',
  'icmpv4.unknown_code',
  'icmpv4.ipv4_trunc_pkt',
  'icmpv4.ipv4_unknown_ver',
  'icmpv6.unknown_type',
  'icmpv6.unknown_code',
  'icmpv6.ipv6_trunc_pkt',
  'icmpv6.ipv6_unknown_version',
  'icmpv6.mld_message_with_invalid_hl',
]);
