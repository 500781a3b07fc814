import { latin1 } from '../../base/bytes.ts';
import { TO_SERVER } from '../../base/direction.ts';
import type { AppProtocol } from '../protocol.ts';
import { MAX_TEXT_CHARACTERS } from '../shown-text.ts';
import { HTTP_BUFFERS, readHead } from './buffers.ts';
import { fieldName } from './field-name.ts';
import { HTTP_FILES } from './files.ts';
import { HOST } from './framing.ts';
import type { Head } from './head.ts';
import { HTTP_DEFAULTS, type HttpOptions } from './options.ts';
import { HttpParser } from './parser.ts';
import { probeHttp } from './probe.ts';
import type { HttpTransaction } from './transaction.ts';
import { splitTarget, targetParts } from './uri.ts';

/** HTTP/0.9 to HTTP/1.1: RFC 9110, RFC 9112. */
export function createHttp(options: Partial<HttpOptions> = {}): AppProtocol<HttpTransaction> {
  const settings: HttpOptions = { ...HTTP_DEFAULTS, ...options };
  return {
    name: 'http',
    transports: ['tcp'],
    buffers: HTTP_BUFFERS,
    frames: { prefix: 'http1', names: ['request', 'response'] },
    firstDirection: TO_SERVER,
    probe: probeHttp,
    open: (sink, { frames }) => new HttpParser(sink, settings, frames),
    resume: (sink, { frames }, restingAt) => new HttpParser(sink, settings, frames, restingAt),
    readHead,
    describe: describeHttp,
    files: HTTP_FILES,
  };
}

/** EVE's `http` object. Values are at most 1,000 characters long. */
export function describeHttp(tx: HttpTransaction): Record<string, unknown> {
  const { request, response } = tx;
  const context: Record<string, unknown> = {};
  const put = (key: string, value: string | number | null): void => {
    if (value !== null) context[key] = typeof value === 'string' ? value.slice(0, MAX_TEXT_CHARACTERS) : value;
  };
  put('hostname', textOf('http.host', tx, 0));
  put('http_port', portOf(tx));
  put('url', request.text(request.secondStart, request.secondEnd));
  put('http_user_agent', fieldText(request.head, USER_AGENT));
  put('http_content_type', mediaType(fieldText(response.head, CONTENT_TYPE)));
  const range = fieldText(response.head, CONTENT_RANGE);
  if (range !== null) context.content_range = rangeOf(range.slice(0, MAX_TEXT_CHARACTERS));
  put('http_refer', fieldText(request.head, REFERER));
  put('http_method', request.text(request.firstStart, request.firstEnd));
  put(
    'protocol',
    request.text(request.thirdStart, request.thirdEnd) ?? response.text(response.firstStart, response.firstEnd),
  );
  if (tx.status > 0) put('status', tx.status);
  if (tx.status >= 300 && tx.status < 400) put('redirect', fieldText(response.head, LOCATION));
  put('length', tx.responseBytes);
  return context;
}

function textOf(name: string, tx: HttpTransaction, direction: 0 | 1): string | null {
  const bytes = HTTP_BUFFERS.find((buffer) => buffer.name === name)!.read(tx, direction, 0);
  return bytes === null ? null : latin1(bytes);
}

function fieldText(head: Head | null, name: ReturnType<typeof fieldName>): string | null {
  const value = head?.joined(name) ?? null;
  return value === null ? null : latin1(value);
}

/** The port that the target or the Host field names; null where neither does. */
function portOf({ request, isConnect }: HttpTransaction): number | null {
  const { head } = request;
  if (head === null) return null;
  splitTarget(head.bytes, request.secondStart, request.secondEnd, isConnect, parts);
  const field = parts.hostStart >= 0 ? -1 : head.find(HOST);
  if (parts.hostStart < 0 && field < 0) return null;
  const authority = field < 0 ? latin1(head.bytes, parts.hostStart, parts.hostEnd) : head.valueText(field);
  const port = Number(/:(\d{1,5})$/.exec(authority)?.[1] ?? Number.NaN);
  return port > 0 && port < 65_536 ? port : null;
}

/** RFC 9110 §14.4, as EVE shows it. */
function rangeOf(raw: string): Record<string, unknown> {
  const [, start, end, size] = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(raw) ?? [];
  return {
    raw,
    ...(start !== undefined && { start: Number(start), end: Number(end) }),
    ...(size !== undefined && size !== '*' && { size: Number(size) }),
  };
}

const mediaType = (value: string | null): string | null => (value === null ? null : value.split(/[;\s]/, 1)[0]!);

const USER_AGENT = fieldName('user-agent');
const CONTENT_TYPE = fieldName('content-type');
const REFERER = fieldName('referer');
const LOCATION = fieldName('location');
const CONTENT_RANGE = fieldName('content-range');
const parts = targetParts();
