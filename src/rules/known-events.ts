import { UNRAISED_STREAM_EVENTS } from '../stream/events.ts';
import { UNRAISED_EVENTS } from '../wire/events.ts';

/**
 * Events that rules of Suricata 7 can name, whether or not vpatch ever raises them. Of decoding and TCP tracking, those
 * that never come.
 */

const names = (prefix: string, text: string): readonly string[] =>
  text
    .split(/\s+/)
    .filter((name) => name !== '')
    .map((name) => `${prefix}${name}`);

/** Of the detection of protocols itself; of one flow each. */
const DETECTION_EVENTS = names(
  'applayer_',
  `
  mismatch_protocol_both_directions wrong_direction_first_data detect_protocol_only_one_direction
  proto_detection_skipped no_tls_after_starttls unexpected_protocol
  `,
);

const HTTP_EVENTS = names(
  'http.',
  `
  unknown_error gzip_decompression_failed request_field_missing_colon response_field_missing_colon
  invalid_request_chunk_len invalid_response_chunk_len invalid_transfer_encoding_value_in_request
  invalid_transfer_encoding_value_in_response invalid_content_length_field_in_request
  invalid_content_length_field_in_response duplicate_content_length_field_in_request
  duplicate_content_length_field_in_response 100_continue_already_seen unable_to_match_response_to_request
  invalid_server_port_in_request invalid_authority_port request_header_invalid response_header_invalid
  missing_host_header host_header_ambiguous invalid_request_field_folding invalid_response_field_folding
  request_field_too_long response_field_too_long request_server_port_tcp_port_mismatch request_uri_host_invalid
  request_header_host_invalid request_auth_unrecognized uri_delim_non_compliant method_delim_non_compliant
  request_line_leading_whitespace request_line_incomplete request_line_invalid request_line_missing_protocol
  request_body_unexpected request_header_repetition response_header_repetition response_multipart_byteranges
  response_abnormal_transfer_encoding response_chunked_old_proto response_invalid_protocol response_invalid_status
  too_many_encoding_layers abnormal_ce_header double_encoded_uri lzma_memlimit_reached compression_bomb
  too_many_warnings range_invalid file_name_too_long failed_protocol_change request_chunk_extension
  response_chunk_extension multipart_generic_error multipart_no_filedata multipart_invalid_header
  request_too_many_headers response_too_many_headers
  `,
);

const HTTP2_EVENTS = names(
  'http2.',
  `
  invalid_frame_header invalid_client_magic invalid_frame_data invalid_header invalid_frame_length extra_header_data
  long_frame_data stream_id_reuse invalid_http1_settings failed_decompression invalid_range header_integer_overflow
  too_many_streams authority_host_mismatch userinfo_in_uri reassembly_limit_reached
  `,
);

const DNS_EVENTS = names(
  'dns.',
  `
  malformed_data not_request not_response z_flag_set invalid_opcode unsolicited_response state_memcap_reached flooded
  name_too_long infinite_loop too_many_labels invalid_additionals invalid_authorities
  `,
);

const TLS_EVENTS = names(
  'tls.',
  `
  invalid_sslv2_header invalid_tls_header invalid_record_version invalid_record_type invalid_record_length
  invalid_handshake_message heartbeat_message invalid_heartbeat_message overflow_heartbeat_message
  dataleak_heartbeat_mismatch handshake_invalid_length multiple_sni_extensions invalid_sni_type invalid_sni_length
  too_many_records_in_packet invalid_alert_message invalid_ssl_record invalid_certificate certificate_missing_element
  certificate_unknown_element certificate_invalid_length certificate_invalid_version certificate_invalid_serial
  certificate_invalid_algorithmidentifier certificate_invalid_x509name certificate_invalid_date
  certificate_invalid_extensions certificate_invalid_der certificate_invalid_subject certificate_invalid_issuer
  certificate_invalid_validity certificate_invalid_string error_message_encountered
  `,
);

const FTP_EVENTS = names('ftp.', 'request_command_too_long response_command_too_long too_many_transactions');

const SSH_EVENTS = names('ssh.', 'invalid_banner long_banner invalid_record long_kex_record');

const SMTP_EVENTS = names(
  'smtp.',
  `
  invalid_reply unable_to_match_reply_with_request max_command_line_len_exceeded max_reply_line_len_exceeded
  invalid_pipelined_sequence bdat_chunk_len_exceeded no_server_welcome_message tls_rejected data_command_rejected
  mime_parse_failed mime_malformed_msg mime_invalid_base64 mime_invalid_qp mime_long_line mime_long_enc_line
  mime_long_header_name mime_long_header_value mime_long_boundary mime_long_filename duplicate_fields
  unparsable_content truncated_line
  `,
);

const SMB_EVENTS = names(
  'smb.',
  `
  internal_error malformed_data record_overflow malformed_ntlmssp_request malformed_ntlmssp_response
  duplicate_negotiate negotiate_malformed_dialects file_overlap request_to_client response_to_server
  negotiate_max_read_size_too_large negotiate_max_write_size_too_large read_request_too_large read_response_too_large
  read_queue_size_exceeded read_queue_cnt_exceeded write_request_too_large write_queue_size_exceeded
  write_queue_cnt_exceeded
  `,
);

export const SURICATA_EVENTS: ReadonlySet<string> = new Set([
  ...Object.keys(UNRAISED_EVENTS),
  ...Object.keys(UNRAISED_STREAM_EVENTS),
  ...DETECTION_EVENTS,
  ...HTTP_EVENTS,
  ...HTTP2_EVENTS,
  ...DNS_EVENTS,
  ...TLS_EVENTS,
  ...FTP_EVENTS,
  ...SSH_EVENTS,
  ...SMTP_EVENTS,
  ...SMB_EVENTS,
]);
