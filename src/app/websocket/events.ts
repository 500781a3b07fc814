import { type AppEventInfo, drop, report } from '../events.ts';

/**
 * What the parser of WebSocket reports. Names are Suricata 8's where it has one. Those drop by default for which a
 * receiver must fail the connection (RFC 6455): it may have read the frame otherwise.
 */
export const WEBSOCKET_EVENTS = {
  'websocket.client_frame_unmasked': drop('a client sends a frame without mask (RFC 6455 §5.1)'),
  'websocket.server_frame_masked': report('a server sends a frame with a mask (RFC 6455 §5.1)'),
  'websocket.reserved_bits': drop('reserved bits without an extension that gives them a meaning (RFC 6455 §5.2)'),
  'websocket.invalid_opcode': drop('an opcode that is reserved (RFC 6455 §5.2)'),
  'websocket.invalid_control_frame': drop(
    'a control frame that is a fragment, or longer than 125 bytes (RFC 6455 §5.5)',
  ),
  'websocket.invalid_fragmentation': drop('a fragment of nothing, or a message within another (RFC 6455 §5.4)'),
  'websocket.invalid_length': drop('a length of 2^53 or more; RFC 6455 §5.2 forbids 2^63 and more'),
  'websocket.length_not_minimal': report('a length in more bytes than it needs (RFC 6455 §5.2)'),
  'websocket.invalid_close': report('a close frame whose code cannot be (RFC 6455 §7.4)'),
  'websocket.skip_end_of_payload': report('a payload is longer than the limit; its rest is not inspected'),
  'websocket.reassembly_limit_reached': report('a message in fragments, or unpacked, is longer than the limit'),
  'websocket.failed_decompression': report('a packed message is corrupt; packed ones behind it are not inspected'),
  'websocket.compression_bomb': report('a message unpacks to more than 200 times its size'),
  'websocket.unknown_extension': report('an extension was agreed on that is not known: payloads are shown as sent'),
  'websocket.gap': report('bytes were not seen'),
  'websocket.not_followed': report('the rest of this direction is not inspected'),
} as const satisfies Record<string, AppEventInfo>;

export type WebsocketEvent = keyof typeof WEBSOCKET_EVENTS;
