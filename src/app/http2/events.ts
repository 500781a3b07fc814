import { type AppEventInfo, drop, report } from '../events.ts';

/**
 * What the parser of HTTP/2 reports beside what it has in common with HTTP/1 (targets, sizes, content codings). Names
 * are Suricata's where it has one. Those drop by default that a receiver must refuse (RFC 9113), and floods.
 */
export const HTTP2_EVENTS = {
  // Frames.
  'http2.invalid_client_magic': drop('a client does not begin with the connection preface (RFC 9113 §3.4)'),
  'http2.invalid_frame_length': drop('a frame of a length that its type must not have (RFC 9113 §4.2)'),
  'http2.invalid_frame_data': drop(
    'more padding than payload, a frame on the wrong kind of stream, or one between HEADERS and CONTINUATION',
  ),
  'http2.long_frame_data': report('a frame longer than its receiver allows (RFC 9113 §4.2)'),
  'http2.stream_id_reuse': report('a stream begins that was there before, or that only the other side may begin'),
  'http2.too_many_streams': drop(
    'more open streams than the limit, or more bytes of their heads; the oldest is let go',
  ),
  'http2.open_bodies_too_long': drop('the request bodies of open streams are together over the limit'),
  'http2.open_response_bodies_too_long': report('the response bodies of open streams are together over the limit'),
  'http2.invalid_http1_settings': report('HTTP2-Settings of an upgrade from HTTP/1.1 cannot be read'),
  // Compression of fields: RFC 7541.
  'http2.invalid_header': drop('compressed fields that no decoder accepts (RFC 7541 §2.3, §5.2)'),
  'http2.header_integer_overflow': drop('a number of compressed fields is too large (RFC 7541 §5.1)'),
  'http2.extra_header_data': drop('compressed fields end within a field'),
  'http2.header_table_too_large': drop('the table of compressed fields is set to more than the limit'),
  'http2.header_compression_bomb': drop('fields unpack to more than the limit and to 50 times their size'),
  'http2.reassembly_limit_reached': drop('compressed fields, with CONTINUATION, are longer than the limit'),
  'http2.continuation_flood': drop('more CONTINUATION frames behind one another than the limit'),
  // Floods.
  'http2.rapid_reset': drop('a client opens streams and takes them back, faster than the limit (CVE-2023-44487)'),
  'http2.control_flood': drop('PING, SETTINGS and empty DATA frames of a client come faster than the limit'),
  // Fields of requests: RFC 9113 §8.2 and §8.3.
  'http2.request_field_name_invalid': drop('a field name of a request is empty, in upper case or no token'),
  'http2.request_field_value_invalid': drop('CR, LF or NUL in a value of a request (RFC 9113 §8.2.1)'),
  'http2.request_field_value_whitespace': report('white space around a value of a request (RFC 9113 §8.2.1)'),
  'http2.request_connection_field': drop(
    'Transfer-Encoding, Connection or another field of the connection in a request (RFC 9113 §8.2.2)',
  ),
  'http2.request_pseudo_header_repeated': drop('a pseudo-header of a request is there twice (RFC 9113 §8.3)'),
  'http2.request_pseudo_header_invalid': drop(
    'a pseudo-header of a request is unknown, behind other fields, or has a value that it must not have',
  ),
  'http2.request_pseudo_header_missing': drop('a request lacks :method, :scheme or :path (RFC 9113 §8.3.1)'),
  'http2.request_trailer_not_last': drop('fields behind the head of a request that do not end it (RFC 9113 §8.1)'),
  'http2.request_content_length_mismatch': drop("a request's content is not as long as it says (RFC 9113 §8.1.1)"),
  'http2.authority_host_mismatch': drop(':authority and Host of a request name different hosts (RFC 9113 §8.3.1)'),
  'http2.userinfo_in_uri': report(':authority of a request has user information (RFC 9113 §8.3.1)'),
  // Responses.
  'http2.response_malformed': report('a response has fields that it must not have, or lacks :status'),
  'http2.response_content_length_mismatch': report("a response's content is not as long as it says"),
  'http2.invalid_range': report('a Content-Range that cannot be read'),
  'http2.failed_decompression': report('a compressed body is corrupt'),
  // The connection.
  'http2.gap': report('bytes were not seen'),
  'http2.not_followed': report('the rest of this direction is not inspected'),
} as const satisfies Record<string, AppEventInfo>;

export type Http2Event = keyof typeof HTTP2_EVENTS;
