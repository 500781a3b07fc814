/**
 * What TCP tracking finds wrong or remarkable: event name to summary. `stream.*` are Suricata's names, `tcp.*` ours.
 */
export const STREAM_EVENTS = {
  // --- handshake ---
  'stream.3whs_ack_in_wrong_dir': 'an ACK from the server before the client has completed the handshake',
  'stream.3whs_ack_data_inject': 'data from the server before the handshake is complete, without TCP Fast Open',
  'stream.3whs_right_seq_wrong_ack_evasion':
    'the packet that should complete the handshake has a wrong acknowledgement',
  'stream.3whs_wrong_seq_wrong_ack': 'a packet in the handshake with wrong sequence and acknowledgement numbers',
  'stream.3whs_syn_resend_diff_seq_on_syn_recv': 'another SYN with a different sequence number after the SYN-ACK',
  'stream.3whs_syn_toclient_on_syn_recv': 'a SYN to the client after the SYN-ACK',
  'stream.3whs_synack_in_wrong_direction': 'a SYN-ACK from the client, which no SYN from the server explains',
  'stream.3whs_synack_resend_with_diff_seq': 'another SYN-ACK with a different sequence number',
  'stream.3whs_synack_resend_with_different_ack': 'another SYN-ACK with a different acknowledgement number',
  'stream.3whs_synack_tfo_data_ignored': 'the server acknowledged the SYN, but not the data in it',
  'stream.3whs_synack_toserver_on_syn_recv': 'a SYN-ACK to the server after its own SYN-ACK',
  'stream.3whs_syn_flood': 'more SYNs with different sequence numbers than are remembered',
  'stream.3whs_synack_flood': 'more SYN-ACKs with different sequence numbers than are remembered',
  'stream.3whs_synack_with_wrong_ack': 'a SYN-ACK that does not acknowledge the SYN',
  'stream.4whs_synack_with_wrong_ack': 'a SYN-ACK in a simultaneous open that does not acknowledge the SYN',
  'stream.4whs_synack_with_wrong_syn': 'a SYN-ACK in a simultaneous open with another sequence number than its SYN',
  'stream.4whs_wrong_seq': 'the packet that should complete a simultaneous open has a wrong sequence number',
  'stream.4whs_invalid_ack': 'the packet that should complete a simultaneous open has a wrong acknowledgement',
  'stream.fin_syn': 'SYN together with FIN',
  'tcp.syn_resend_diff_seq': 'another SYN with a different sequence number before any answer',
  'tcp.ack_before_synack': 'a segment from the client before the server has answered its SYN',
  'tcp.split_handshake': 'the server acknowledged the SYN without a SYN-ACK',

  // --- established ---
  'stream.est_syn_resend': 'the SYN again on an established connection',
  'stream.est_syn_resend_diff_seq': 'a SYN with a different sequence number on an established connection',
  'stream.est_syn_toclient': 'a SYN to the client on an established connection',
  'stream.est_synack_resend': 'the SYN-ACK again on an established connection',
  'stream.est_synack_resend_with_diff_seq': 'a SYN-ACK with a different sequence number on an established connection',
  'stream.est_synack_resend_with_different_ack':
    'a SYN-ACK with a different acknowledgement on an established connection',
  'stream.est_synack_toserver': 'a SYN-ACK to the server on an established connection',
  'stream.est_invalid_ack': 'an acknowledgement out of range on an established connection',
  'stream.est_packet_out_of_window': 'data far out of the window on an established connection',
  'stream.est_pkt_before_last_ack': 'a segment without data that was overtaken',
  'stream.pkt_broken_ack': 'an acknowledgement number without the flag ACK',
  'stream.pkt_bad_window_update': 'a receiver takes back a part of its window into which data was sent',
  'stream.pkt_invalid_ack': 'an acknowledgement out of range',
  'stream.pkt_invalid_timestamp': 'a timestamp older than the last one (RFC 7323 PAWS)',
  'stream.pkt_retransmission': 'data again that is not acknowledged yet',
  'stream.pkt_spurious_retransmission': 'data again that was acknowledged',
  'tcp.unexpected_signature':
    'an MD5 signature or authentication option where the SYN-ACK had none, or the reverse; receivers discard it',
  'tcp.wrong_interface':
    "a packet that came in by the interface of its receiver's side, though its sender's is another one: it is forged",
  'tcp.urgent_data': 'an urgent pointer; the byte that it points to is not in the stream that the application reads',
  'stream.reassembly_urgent_oob_limit_reached':
    'an urgent pointer in a SYN-ACK, too soon behind another one, or in contradiction to it: which byte is out of the stream is unknown',
  'tcp.picked_up': 'a connection whose beginning was not seen is followed from where it is',
  'tcp.picked_up_again': 'a connection of which packets passed uninspected is followed from where it is now',
  'tcp.unplaced_data':
    'data out of order before the receiver of a connection that was picked up has said where it is; it has to come again',
  'tcp.missing_ack': 'a segment without ACK behind the handshake, which receivers ignore',

  // --- closing ---
  'stream.shutdown_syn_resend': 'a SYN while the connection is closing',
  'stream.fin1_ack_wrong_seq': 'data far out of the window after the server closed',
  'stream.fin1_invalid_ack': 'an acknowledgement out of range after the server closed',
  'stream.fin2_ack_wrong_seq': 'data far out of the window after the server closed and the client knows',
  'stream.fin2_invalid_ack': 'an acknowledgement out of range after the server closed and the client knows',
  'stream.closing_ack_wrong_seq': 'data far out of the window after both sides closed',
  'stream.closing_invalid_ack': 'an acknowledgement out of range after both sides closed',
  'stream.closewait_ack_out_of_window': 'data far out of the window after the client closed',
  'stream.closewait_invalid_ack': 'an acknowledgement out of range after the client closed',
  'stream.lastack_ack_wrong_seq': 'data far out of the window before the last acknowledgement',
  'stream.lastack_invalid_ack': 'an acknowledgement out of range before the last one',
  'stream.timewait_ack_wrong_seq': 'data far out of the window after the connection was closed',
  'stream.timewait_invalid_ack': 'an acknowledgement out of range after the connection was closed',
  'stream.closewait_pkt_before_last_ack': 'a segment without data that was overtaken, after the client closed',
  'stream.fin1_fin_wrong_seq': 'a FIN in another place, after the server closed',
  'stream.fin2_fin_wrong_seq': 'a FIN in another place, after the server closed and the client knows',
  'stream.closewait_fin_out_of_window': 'a FIN in another place, after the client closed',
  'stream.fin_invalid_ack': 'a FIN with an acknowledgement out of range',
  'stream.fin_but_no_session': 'a FIN on a connection that is not tracked',
  'stream.fin_out_of_window': 'a FIN before data that was sent, or a second one in another place',
  'stream.rst_but_no_session': 'a RST on a connection that is not tracked',
  'stream.rst_invalid_ack': 'a RST with an acknowledgement out of range',
  'stream.rst_with_data': 'a RST with data, which its receiver ignores',
  'stream.suspected_rst_inject':
    'data from who has just reset the connection, or a handshake that goes on behind a RST',
  'tcp.rst_wrong_seq': 'a RST ahead of the next expected sequence number, or far behind it (RFC 5961)',
  'tcp.data_after_fin': 'data behind a FIN',
  'tcp.data_after_end':
    'data from who has ended the connection by a RST, or a FIN that nobody acknowledged, so long ago that it was forgotten',

  // --- reassembly ---
  'stream.reassembly_seq_gap': 'bytes that nobody saw: they were acknowledged, or passed when a bound was reached',
  'stream.reassembly_depth_reached': 'rules on the stream look no further into this direction; protocols are followed',
  'stream.reassembly_insert_memcap': 'out-of-order data beyond the memory for all connections',
  'stream.reassembly_insert_limit': 'out-of-order data beyond what one direction of a connection may have',
  'tcp.retransmit_differs': 're-sent data differs from what came first',
  'tcp.retransmit_not_compared': 're-sent data that could not be kept for comparison, since a bound was reached',
} as const satisfies Record<string, string>;
export type StreamEvent = keyof typeof STREAM_EVENTS;

/** Event names of Suricata that rules may name and that are never raised here, with the reason. */
export const UNRAISED_STREAM_EVENTS: Readonly<Record<string, string>> = {
  'stream.3whs_async_wrong_seq':
    'the numbers of the side that is not seen are taken from the acknowledgements of the other',
  'stream.reassembly_insert_invalid': 'what cannot be put in order was refused before, by another event',
  'stream.reassembly_no_segment': 'segments are not pooled; the bound is stream.reassembly_insert_memcap',
  'stream.reassembly_segment_before_base_seq': 'data of the past is stream.pkt_spurious_retransmission',
  'stream.wrong_thread': 'the kernel gives both directions of a connection to one queue',
};

/**
 * What no ordinary host sends, whatever was lost or began before us: it is dropped unless the configuration says
 * otherwise.
 */
export const DROPPING_STREAM_EVENTS: ReadonlySet<string> = new Set<StreamEvent>([
  'tcp.retransmit_differs',
  'tcp.split_handshake',
  'tcp.unexpected_signature',
  'tcp.wrong_interface',
  'stream.reassembly_urgent_oob_limit_reached',
  'stream.est_packet_out_of_window',
  'stream.fin1_ack_wrong_seq',
  'stream.fin2_ack_wrong_seq',
  'stream.closing_ack_wrong_seq',
  'stream.closewait_ack_out_of_window',
  'stream.lastack_ack_wrong_seq',
  'stream.timewait_ack_wrong_seq',
]);

/**
 * What ordinary traffic has, with losses, reordering, reused ports, and connections that began before us: rules can ask
 * for it, but nobody is told of it unless the configuration says so.
 */
export const ORDINARY_STREAM_EVENTS: ReadonlySet<string> = new Set<StreamEvent>([
  'tcp.picked_up',
  'stream.3whs_synack_tfo_data_ignored',
  'stream.reassembly_depth_reached',
  'stream.est_syn_resend',
  'stream.est_syn_resend_diff_seq',
  'stream.est_synack_resend',
  'stream.est_pkt_before_last_ack',
  'stream.closewait_pkt_before_last_ack',
  'stream.shutdown_syn_resend',
  'stream.pkt_broken_ack',
  'stream.pkt_bad_window_update',
  'stream.pkt_retransmission',
  'stream.pkt_spurious_retransmission',
  'stream.rst_with_data',
  'stream.rst_but_no_session',
  'stream.fin_but_no_session',
]);
