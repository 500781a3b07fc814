/**
 * What reassembly of fragments can find wrong. The names stand here, beside those of decoding, since both end up in
 * `Packet.events`; `defrag/` raises them.
 */
export const FRAGMENT_EVENTS = {
  'ipv4.frag_overlap': 'a fragment has other data for bytes that were there already, or other limits',
  'ipv4.frag_pkt_too_large': 'the fragments make a packet of more than 65,535 bytes',
  'ipv4.frag_ignored': 'no room to keep the fragment',
  'ipv4.frag_invalid_length': 'a fragment that is not the last has a length that is no multiple of eight',
  'ipv4.frag_first_too_small': 'a first fragment that is too small to be one of an ordinary host',
  'ipv4.frag_offset_too_small': 'a fragment that begins where the header of the transport is',
  'ipv4.frag_wrong_end': 'the fragments contradict each other on where their packet ends',
  'ipv6.frag_overlap': 'a fragment has other data for bytes that were there already, or other limits',
  'ipv6.frag_pkt_too_large': 'the fragments make a packet of more than 65,535 bytes',
  'ipv6.frag_ignored': 'no room to keep the fragment',
  'ipv6.frag_first_too_small': 'a first fragment that is too small to be one of an ordinary host',
  'ipv6.frag_offset_too_small': 'a fragment that begins where the header of the transport is',
  'ipv6.frag_wrong_end': 'the fragments contradict each other on where their packet ends',
  'defrag.max_datagrams': 'the largest number of incomplete packets is reached',
  'defrag.memcap': 'the memory for fragments is used up',
} as const;
