import { latin1 } from '../../base/bytes.ts';
import { TO_SERVER } from '../../base/direction.ts';
import type { AppProtocol } from '../protocol.ts';
import { HTTP_BUFFERS } from './buffers.ts';
import { fieldName } from './field-name.ts';
import type { Head } from './head.ts';
import { HTTP_DEFAULTS, type HttpOptions } from './options.ts';
import { HttpParser } from './parser.ts';
import { probeHttp } from './probe.ts';
import type { HttpTransaction } from './transaction.ts';

/** HTTP/0.9 to HTTP/1.1: RFC 9110, RFC 9112. HTTP/2 is recognised and not followed. */
export function createHttp(options: Partial<HttpOptions> = {}): AppProtocol<HttpTransaction> {
  const settings: HttpOptions = { ...HTTP_DEFAULTS, ...options };
  return {
    name: 'http',
    buffers: HTTP_BUFFERS,
    firstDirection: TO_SERVER,
    probe: probeHttp,
    open: (sink) => new HttpParser(sink, settings),
    describe: describeHttp,
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
  put('url', request.text(request.secondStart, request.secondEnd));
  put('http_user_agent', fieldText(request.head, USER_AGENT));
  put('http_content_type', mediaType(fieldText(response.head, CONTENT_TYPE)));
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

const mediaType = (value: string | null): string | null => (value === null ? null : value.split(/[;\s]/, 1)[0]!);

const USER_AGENT = fieldName('user-agent');
const CONTENT_TYPE = fieldName('content-type');
const REFERER = fieldName('referer');
const LOCATION = fieldName('location');

/** A log line is for reading; the whole of a 64 KiB target is in the packet. */
const MAX_TEXT_CHARACTERS = 1000;
