import { latin1 } from '../../base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { HTTP_FILES } from '../http/files.ts';
import { describeHttp } from '../http/http.ts';
import { HTTP_DEFAULTS, type HttpOptions } from '../http/options.ts';
import { matchPreface } from '../http/preface.ts';
import type { AppProtocol, ProbeAnswer } from '../protocol.ts';
import { MAX_TEXT_CHARACTERS } from '../shown-text.ts';
import { HTTP2_BUFFERS } from './buffers.ts';
import { FRAME, FRAME_HEAD_BYTES } from './frame-reader.ts';
import { ERROR_CODES, SETTING_NAMES } from './names.ts';
import { Http2Parser } from './parser.ts';
import { DEFAULT_FRAME_BYTES } from './side-reader.ts';
import type { Http2Transaction } from './transaction.ts';

/** HTTP/2 without TLS: RFC 9113, RFC 7541. */
export function createHttp2(options: Partial<HttpOptions> = {}): AppProtocol<Http2Transaction> {
  const settings: HttpOptions = { ...HTTP_DEFAULTS, ...options };
  return {
    name: 'http2',
    transports: ['tcp'],
    contextKey: 'http',
    buffers: HTTP2_BUFFERS,
    probe: probeHttp2,
    open: (sink, channel) => new Http2Parser(sink, settings, channel),
    describe: describeHttp2,
    files: HTTP_FILES,
  };
}

/** A client begins with the preface, a server with SETTINGS (RFC 9113 §3.4). */
function probeHttp2(direction: Direction, bytes: Uint8Array, start: number, end: number): ProbeAnswer {
  if (direction === TO_SERVER) return matchPreface(bytes, start, end);
  for (let i = 0; i < FRAME_HEAD_BYTES; i++) {
    if (start + i >= end) return 'more';
    if (i >= 3 && bytes[start + i] !== (i === 3 ? FRAME.settings : 0)) return 'no';
  }
  const length = (bytes[start]! << 16) | (bytes[start + 1]! << 8) | bytes[start + 2]!;
  return length % 6 === 0 && length <= DEFAULT_FRAME_BYTES ? 'yes' : 'no';
}

/** EVE's `http` object, as Suricata has it for HTTP/2. */
function describeHttp2(tx: Http2Transaction): Record<string, unknown> {
  return {
    ...describeHttp(tx),
    version: '2',
    ...fieldsOf(tx, 'request_headers', TO_SERVER),
    ...fieldsOf(tx, 'response_headers', TO_CLIENT),
    http2: {
      stream_id: tx.streamId,
      request: describeFrames(tx, TO_SERVER),
      response: describeFrames(tx, TO_CLIENT),
    },
  };
}

function fieldsOf(tx: Http2Transaction, key: string, direction: Direction): Record<string, unknown> {
  const { head } = tx.message(direction);
  if (head === null || head.fieldCount === 0) return {};
  const fields = Array.from({ length: Math.min(head.fieldCount, MAX_SHOWN_FIELDS) }, (_, field) => ({
    name: latin1(head.bytes, head.nameStart(field), head.nameEnd(field)).slice(0, MAX_TEXT_CHARACTERS),
    value: head.valueText(field).slice(0, MAX_TEXT_CHARACTERS),
  }));
  return { [key]: fields };
}

function describeFrames(tx: Http2Transaction, direction: Direction): Record<string, unknown> {
  const { settings, errorCodes, priorities } = tx.values(direction);
  const shown = Array.from({ length: settings.length / 2 }, (_, i) => ({
    settings_id: SETTING_NAMES.get(settings[2 * i]!) ?? `SETTINGS_${settings[2 * i]}`,
    settings_value: settings[2 * i + 1],
  }));
  const [errorCode] = errorCodes;
  const [priority] = priorities;
  return {
    ...(shown.length > 0 && { settings: shown }),
    ...(errorCode !== undefined && { error_code: ERROR_CODES.get(errorCode) ?? String(errorCode) }),
    ...(priority !== undefined && { priority }),
  };
}

/** A line of a log is for reading. */
const MAX_SHOWN_FIELDS = 64;
