import { CUT_EVENTS } from './cut.ts';
import { FRAGMENT_EVENTS } from './fragment-events.ts';
import { GRE_EVENTS } from './gre.ts';
import { ICMP_EVENTS } from './icmp.ts';
import { IPV4_EVENTS } from './ipv4.ts';
import { IPV6_EVENTS } from './ipv6.ts';
import { LINK_EVENTS } from './link.ts';
import { SCTP_EVENTS } from './sctp.ts';
import { TCP_EVENTS } from './tcp.ts';
import { UDP_EVENTS } from './udp.ts';
import { UDP_TUNNEL_EVENTS } from './udp-tunnel.ts';

/** What is about packets in packets. ESP has no view: what it carries is encrypted. */
const OTHER_EVENTS = {
  too_many_layers: 'more tunnels inside each other than are looked into',
  'esp.pkt_too_small': 'shorter than an ESP header',
} as const;

/** Everything that decoding and reassembly of fragments can put into `Packet.events`, with a line on what it means. */
export const WIRE_EVENTS = {
  ...CUT_EVENTS,
  ...LINK_EVENTS,
  ...IPV4_EVENTS,
  ...IPV6_EVENTS,
  ...FRAGMENT_EVENTS,
  ...TCP_EVENTS,
  ...UDP_EVENTS,
  ...ICMP_EVENTS,
  ...SCTP_EVENTS,
  ...GRE_EVENTS,
  ...UDP_TUNNEL_EVENTS,
  ...OTHER_EVENTS,
} as const;
export type WireEvent = keyof typeof WIRE_EVENTS;

/**
 * What legal traffic does, or what says nothing bad about the packet. A check that drops on one of these by default
 * drops what ordinary hosts send.
 */
export const REMARKABLE_WIRE_EVENTS: ReadonlySet<string> = new Set<WireEvent>([
  'capture.trunc_pkt',
  'vlan.too_many_layers',
  'ppp.wrong_type',
  'ipv4.opt_eol_required',
  'ipv4.opt_duplicate',
  'ipv4.opt_invalid',
  'ipv4.opt_record_route',
  'ipv4.reserved_flag',
  'ipv4.frag_dont_fragment',
  'ipv4.icmpv6',
  'ipv6.exthdr_useless_fh',
  'ipv6.exthdr_ah_res_not_null',
  'ipv6.fh_non_zero_reserved_field',
  'ipv6.hopopts_unknown_opt',
  'ipv6.hopopts_only_padding',
  'ipv6.dstopts_unknown_opt',
  'ipv6.dstopts_only_padding',
  'ipv6.data_after_none_header',
  'ipv6.icmpv4',
  'defrag.max_datagrams',
  'defrag.memcap',
  'tcp.opt_duplicate',
  'udp.trailing_bytes',
  'udp.ipv6_zero_checksum',
  'icmpv4.unknown_type',
  'icmpv4.unknown_code',
  'icmpv4.ipv4_trunc_pkt',
  'icmpv4.ipv4_unknown_ver',
  'icmpv6.unknown_type',
  'icmpv6.unknown_code',
  'icmpv6.unassigned_type',
  'icmpv6.experimentation_type',
  'icmpv6.ipv6_trunc_pkt',
  'icmpv6.ipv6_unknown_version',
  'icmpv6.mld_message_with_invalid_hl',
  'vxlan.unknown_payload_type',
  'geneve.unknown_payload_type',
  'erspan.unsupported_version',
  'chdlc.pkt_too_small',
  'pppoe.pkt_too_small',
  'pppoe.wrong_code',
  'pppoe.malformed_tags',
  'mpls.header_too_small',
  'mpls.pkt_too_small',
  'mpls.bad_label_router_alert',
  'mpls.bad_label_implicit_null',
  'mpls.bad_label_reserved',
  'ieee8021ah.header_too_small',
  'vntag.header_too_small',
  'vntag.unknown_type',
  'dce.pkt_too_small',
  'mpls.unknown_payload_type',
  'nsh.header_too_small',
  'nsh.bad_header_length',
  'nsh.unsupported_version',
  'nsh.reserved_type',
  'nsh.unsupported_type',
  'nsh.unknown_payload',
]);

/** What ordinary hosts send all the time, so that to tell of it would be noise. Rules can ask for it. */
export const ORDINARY_WIRE_EVENTS: ReadonlySet<string> = new Set<WireEvent>([
  // ARP, spanning tree, LLDP.
  'ethernet.unknown_ethertype',
  'vlan.unknown_type',
  'ltnull.unsupported_type',
  'ppp.unsup_proto',
  // No standard asks for eight bytes: the router alert of IGMP (RFC 3376) has four.
  'ipv4.opt_pad_required',
  // Linux pads its reports of multicast listeners like this.
  'ipv6.zero_len_padn',
  // OSPF, PIM, VRRP.
  'ipv6.unknown_next_header',
]);

/** Event names of Suricata that rules may name and that are never raised here, with the reason. */
export const UNRAISED_EVENTS: Readonly<Record<string, string>> = {
  'ipv4.opt_unknown': 'Suricata itself raises ipv4.opt_invalid for such options',
  'ipv6.exthdr_dupl_eh': 'behind ESP everything is encrypted, so that a second one is never seen',
  'udp.hlen_invalid': 'Suricata 7 does not raise it; ours is udp.trailing_bytes',
  'gre.version1_malformed_sre_hdr': 'version 1 with routing is gre.version1_route, and is read no further',
  'ppp.vju_pkt_too_small': 'headers compressed by Van Jacobson are not read',
  ...undecoded('ARP', [
    'arp.pkt_too_small',
    'arp.unsupported_hardware',
    'arp.unsupported_protocol',
    'arp.unsupported_pkt',
    'arp.invalid_hardware_size',
    'arp.invalid_protocol_size',
    'arp.unsupported_opcode',
  ]),
  ...undecoded('ERSPAN', ['erspan.too_many_vlan_layers']),
};

function undecoded(protocol: string, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, `${protocol} is not decoded: no host has it at its IP hooks`]));
}
