/** Limits of the HTTP parser. Each is per message or per connection; none ends inspection of the connection. */
export interface HttpOptions {
  /**
   * Request line or status line with all fields, and the same for the trailer fields of a chunked body. Servers
   * refuse more than 8 to 64 KiB (Apache 8,190 bytes a line, nginx 32 KiB, IIS 16 KiB). Over it:
   * `http.request_head_too_long` or `http.response_head_too_long`, what was kept is shown to the rules, and the
   * beginning of the next message is looked for.
   */
  readonly maxHeadBytes: number;
  /**
   * Fields of one head; libhtp's limit. Over it: `http.request_too_many_fields`, further fields are not looked into.
   */
  readonly maxFields: number;
  /** Decoded bytes of a request body that rules see; Suricata's `request-body-limit` of 100kb. The rest is skipped. */
  readonly maxRequestBodyBytes: number;
  /** The same for responses; Suricata's `response-body-limit`. */
  readonly maxResponseBodyBytes: number;
  /**
   * Requests without a complete answer; libhtp's `max_tx`. Over it: `http.too_many_open_transactions`, and the oldest
   * is closed unanswered.
   */
  readonly maxOpenTransactions: number;
  /** Heads of those requests together. Same outcome. */
  readonly maxOpenHeadBytes: number;
  /** `/` in the path of a request target; the modelled product's limit. Over it: `http.uri_path_depth_exceeded`. */
  readonly maxPathSlashes: number;
  /**
   * Content codings on top of each other; as many as Suricata undoes with its `response-body-decompress-layer-limit` of
   * 2. Over it: `http.too_many_encoding_layers`, and the inner ones stay packed.
   */
  readonly maxEncodingLayers: number;
}

export const HTTP_DEFAULTS: HttpOptions = {
  maxHeadBytes: 64 * 1024,
  maxFields: 1024,
  maxRequestBodyBytes: 100 * 1024,
  maxResponseBodyBytes: 100 * 1024,
  maxOpenTransactions: 512,
  maxOpenHeadBytes: 1024 * 1024,
  maxPathSlashes: 100,
  maxEncodingLayers: 3,
};

/**
 * One line of a head or trailer; libhtp's field_limit_hard. Over it: `http.request_field_too_long`, and nothing else.
 */
export const MAX_LINE_BYTES = 18_000;
/** A chunk-size line with its extensions. Apache allows 8,190 bytes; a real one has under twenty. */
export const MAX_CHUNK_LINE_BYTES = 4096;
/** libhtp and most servers hold a chunk's size in 31 bits. */
export const MAX_CHUNK_BYTES = 2 ** 31 - 1;
/** How far behind a gap the beginning of a message is looked for before the direction is given up. */
export const MAX_RESYNC_BYTES = 256 * 1024;
