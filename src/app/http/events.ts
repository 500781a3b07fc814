import { type AppEventInfo, drop, report } from '../events.ts';

/**
 * Every deviation that the HTTP parser reports. Names are Suricata's where it has one. By default those drop where the
 * RFC says that a server must refuse, or where servers are known to disagree about where a message ends or which file
 * it names.
 */
export const HTTP_EVENTS = {
  // Framing of requests: RFC 9112 §6 and §7.
  'http.request_content_length_and_transfer_encoding': drop(
    'a request has both Content-Length and Transfer-Encoding (RFC 9112 §6.1)',
  ),
  'http.request_content_length_differs': drop('a request has Content-Lengths that differ (RFC 9112 §6.3)'),
  'http.duplicate_content_length_field_in_request': report("a request's Content-Lengths differ, or are no numbers"),
  'http.invalid_content_length_field_in_request': drop("a request's Content-Length is not a number (RFC 9112 §6.3)"),
  'http.invalid_transfer_encoding_value_in_request': drop(
    "a request's Transfer-Encoding does not end in one plain chunked (RFC 9112 §6.3)",
  ),
  'http.request_transfer_encoding_old_proto': drop('Transfer-Encoding in a request below HTTP/1.1 (RFC 9112 §6.1)'),
  'http.request_connect_content': drop('a CONNECT with content, which it cannot have (RFC 9110 §9.3.6)'),
  'http.response_connect_content': drop(
    'a CONNECT is accepted with content, which a tunnel cannot have (RFC 9110 §9.3.6)',
  ),
  'http.request_framing_field_folded': drop('Content-Length or Transfer-Encoding of a request goes over two lines'),
  'http.invalid_request_chunk_len': drop("the size of a request's chunk is not a plain hexadecimal number"),
  'http.request_chunk_line_invalid': drop("a request's chunk-size line has a bare CR, bare LF or control byte"),
  'http.request_chunk_data_end_invalid': drop("a request's chunk is longer or shorter than its size says"),
  'http.request_chunk_extension': report('a request has a chunk extension'),
  'http.request_framing_behind_broken_line': drop(
    'Content-Length or Transfer-Encoding behind a line that is no field: for some servers the fields end there',
  ),
  'http.request_trailer_framing_field': drop('Content-Length, Transfer-Encoding or Host in the trailer of a request'),
  // Lines and fields of requests: RFC 9112 §2.2, §3 and §5.
  'http.request_field_space_before_colon': drop('white space between field name and colon (RFC 9112 §5.1)'),
  'http.invalid_request_field_folding': drop('white space before the first field of a request (RFC 9112 §2.2)'),
  'http.request_bare_cr': drop('a CR without LF within the head of a request (RFC 9112 §2.2)'),
  'http.request_line_ends_differ': drop(
    'LF alone ends lines of a head where others end in CR LF, or content follows: some servers read on to a CR LF',
  ),
  'http.request_nul': drop('a NUL in the fields of a request (RFC 9110 §5.5)'),
  'http.request_host_repeated': drop('a request has more than one Host field (RFC 9112 §3.2)'),
  'http.request_field_missing_colon': report('a field line of a request has no colon'),
  'http.request_header_invalid': report('a field name of a request is empty or not a token'),
  'http.request_field_name_control': drop(
    'a control byte in a field name (RFC 9110 §5.1), which some servers take for folding',
  ),
  'http.request_field_folding': report('a field of a request goes over two lines (RFC 9112 §5.2)'),
  'http.request_lf_line_end': report('a line of a request head ends in LF alone'),
  'http.request_field_too_long': report('a line in the head or trailer of a request is over 18,000 bytes'),
  'http.request_head_too_long': drop('the head or trailer of a request is over the limit'),
  'http.request_too_many_fields': drop('a request has more fields than the limit'),
  'http.request_line_incomplete': report('the connection ended within the head of a request'),
  'http.request_line_missing_protocol': report('a request line without HTTP version, as in HTTP/0.9'),
  'http.request_fields_without_version': drop(
    'fields behind a request line that has no version: some servers read them',
  ),
  'http.request_line_invalid': report('a request line without method or with a version that is not HTTP/1.x'),
  'http.request_method_invalid': drop(
    'a byte in the method that none has (RFC 9110 §9.1), or that some servers end it at',
  ),
  'http.request_line_leading_whitespace': report('white space before the method'),
  'http.method_delim_non_compliant': report('something other than one space between method and target'),
  'http.uri_delim_non_compliant': report('something other than one space between target and version'),
  'http.missing_host_header': report('a request of HTTP/1.1 has no Host'),
  'http.host_header_ambiguous': drop('the target and the Host field name different hosts'),
  'http.request_header_host_invalid': drop('the Host field is not a host name with optional port (RFC 9112 §3.2)'),
  'http.request_uri_host_invalid': drop('a target with scheme has no host name with optional port (RFC 9110 §4.2.1)'),
  'http.request_auth_unrecognized': report('an Authorization that is not Basic, Digest or Bearer'),
  // The target of requests.
  'http.uri_illegal_character': drop('a control byte or DEL in the target (RFC 3986 §2)'),
  'http.uri_space': drop('a space within the target, or what Python takes for one before the version (RFC 9112 §3.2)'),
  'http.uri_traversal_above_root': drop('the path climbs above the root by "..", plain or in some encoding'),
  'http.uri_double_slash_first': report(
    'the target begins with two slashes: some servers take what follows for a host',
  ),
  'http.uri_path_depth_exceeded': drop('the path has more slashes than the limit'),
  'http.uri_invalid_percent_encoding': report('a % in the target without two hexadecimal digits'),
  'http.uri_encoded_nul': report('%00 in the path'),
  // Not http.double_encoded_uri: Suricata raises that only where it was told to decode twice.
  'http.uri_double_encoding': report('the path is percent-encoded twice'),
  // Responses.
  'http.response_content_length_and_transfer_encoding': report('a response has Content-Length and Transfer-Encoding'),
  'http.duplicate_content_length_field_in_response': drop('a response has Content-Lengths that differ (RFC 9112 §6.3)'),
  'http.invalid_content_length_field_in_response': report("a response's Content-Length is not a number"),
  'http.response_abnormal_transfer_encoding': report("a response's Transfer-Encoding is not exactly chunked"),
  'http.response_chunked_old_proto': report('a chunked response below HTTP/1.1'),
  'http.invalid_response_chunk_len': report("the size of a response's chunk is not a hexadecimal number"),
  'http.response_chunk_data_end_invalid': report("a response's chunk is longer or shorter than its size says"),
  'http.response_field_missing_colon': report('a field line of a response has no colon'),
  'http.response_header_invalid': report('a field name of a response is empty, not a token, or before white space'),
  'http.invalid_response_field_folding': report('white space before the first field of a response'),
  'http.response_field_folding': report('a field of a response goes over two lines'),
  'http.response_bare_cr': report('a CR without LF within the head of a response'),
  'http.response_nul': report('a NUL in the head of a response'),
  'http.response_field_too_long': report('a line in the head or trailer of a response is over 18,000 bytes'),
  'http.response_head_too_long': report('the head or trailer of a response is over the limit'),
  'http.response_too_many_fields': report('a response has more fields than the limit'),
  'http.response_invalid_protocol': report('a status line whose version is not HTTP/x.y'),
  'http.response_invalid_status': report('a status line without a status of three digits'),
  'http.range_invalid': report('a Content-Range that cannot be read, or lies beyond the size'),
  'http.response_multipart_byteranges': report('ranges as parts of a body that ends with the connection'),
  'http.100_continue_already_seen': report('a second 100 (Continue) for one request'),
  'http.unexpected_101': report('101 (Switching Protocols) to a request without Upgrade'),
  'http.unable_to_match_response_to_request': report('a response without a request'),
  // Content codings.
  'http.gzip_decompression_failed': report('a body in gzip or deflate is corrupt'),
  'http.brotli_decompression_failed': report('a body in brotli is corrupt'),
  'http.compression_bomb': report('a body unpacks to more than 200 times its size'),
  'http.too_many_encoding_layers': report('more content codings on top of each other than the limit'),
  'http.request_multipart_ambiguous': drop(
    'a form with two boundaries, two types, or a boundary that servers cut at different places',
  ),
  'http.request_too_many_encoding_layers': drop(
    'a request with more content codings on top of each other than the limit; nobody sends that',
  ),
  'http.abnormal_ce_header': report('a Content-Encoding that is not decoded'),
  // The connection.
  'http.too_many_open_transactions': drop('more pipelined requests without an answer than the limit'),
  'http.request_connect_impatient': drop(
    'what is no request behind a CONNECT that has no answer yet: nobody knows what it is',
  ),
  'http.request_http2_preface': drop(
    'HTTP/2 begins behind something else, as some servers allow: what follows is not inspected',
  ),
  'http.tunnel': report('the rest of the connection is another protocol: CONNECT or Upgrade was accepted'),
  'http.gap': report('bytes of a message were not seen'),
  'http.not_followed': report('the rest of this direction is not inspected: its framing is lost'),
} as const satisfies Record<string, AppEventInfo>;

export type HttpEvent = keyof typeof HTTP_EVENTS;
