import { latin1 } from '../../base/bytes.ts';
import { shownBytes } from '../explain/content-words.ts';
import type { FastPattern, Rule } from '../rule.ts';
import { atPlace, type LintedRule, type LintFinding } from './lint.ts';

/** A rule is found by a pattern that tells nothing, or by none. */
export function* fastPatterns({ rule, draft }: LintedRule): Iterable<LintFinding> {
  const { fastPattern, inspections } = rule;
  const at = draft.parsed.protocol.at;
  if (fastPattern === null) {
    if (inspections.length === 0 || !seesMuch(rule)) return;
    const message = 'without a content to find it by, the rule is tried on all traffic that its header fits';
    yield atPlace('no-fast-pattern', at, null, message);
    return;
  }
  if (!isCommon(fastPattern)) return;
  const place = fastPattern.buffer?.name ?? 'the payload';
  const message = `${shownBytes(fastPattern.bytes)} in ${place} is in nearly all traffic, and the rule is found by it: give it a rarer content, or fast_pattern to another one`;
  yield atPlace('common-pattern', draft.fastPattern?.at ?? at, 'content', message);
}

/** Ports beyond this many are much traffic; so are those of the web. Our choice. */
const MANY_PORTS = 1024;

function seesMuch({ packetEvents, appEvents, sourcePorts, destinationPorts, packetTests }: Rule): boolean {
  if (packetEvents.length > 0 || appEvents.length > 0 || packetTests.length > 0) return false;
  const isWide = (set: Rule['sourcePorts']): boolean =>
    set.contains(80) ||
    set.contains(443) ||
    set.ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0) > MANY_PORTS;
  return isWide(sourcePorts) && isWide(destinationPorts);
}

function isCommon({ buffer, bytes, isCaseless }: FastPattern): boolean {
  if (bytes.length === 1 || FILLERS.some((filler) => bytes.every((byte) => byte === filler))) return true;
  const sample = COMMON_TEXT[buffer?.name ?? 'payload'];
  if (sample === undefined) return false;
  const text = latin1(bytes);
  return isCaseless ? sample.toLowerCase().includes(text.toLowerCase()) : sample.includes(text);
}

/** Padding and the like: zeros, blanks, ones. */
const FILLERS = [0x00, 0x20, 0xff];

const REQUEST_FIELDS =
  'Host: www.\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64)\r\nAccept: text/html, */*\r\nAccept: */*\r\n' +
  'Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nReferer: http://www.\r\n' +
  'Cookie: \r\nCache-Control: no-cache\r\nPragma: no-cache\r\nUpgrade-Insecure-Requests: 1\r\n\r\n';
const RESPONSE_FIELDS =
  'Date: \r\nServer: Apache/2\r\nServer: nginx\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: \r\n' +
  'Transfer-Encoding: chunked\r\nConnection: close\r\nConnection: keep-alive\r\nSet-Cookie: \r\nVary: Accept-Encoding\r\n' +
  'Last-Modified: \r\nCache-Control: max-age=\r\nContent-Encoding: gzip\r\n\r\n';

/** What traffic is full of, by buffer; of the field names that http.header_names has, too. */
const COMMON_TEXT: Readonly<Record<string, string>> = {
  payload:
    `GET / HTTP/1.1\r\n${REQUEST_FIELDS}POST / HTTP/1.0\r\n${REQUEST_FIELDS}HEAD / HTTP/1.1\r\n` +
    `HTTP/1.1 200 OK\r\n${RESPONSE_FIELDS}HTTP/1.0 200 OK\r\n<html><head><title><body><script></script>` +
    '\x16\x03\x01 \x16\x03\x03 \x17\x03\x03 http://www. https:// .com\x00\x00\x00',
  'http.uri': '/index.php?id= /index.html /images/ .php? .js .css .html = & / ?',
  'http.uri.raw': '/index.php?id= /index.html /images/ .php? .js .css .html = & / ?',
  'http.header': REQUEST_FIELDS + RESPONSE_FIELDS,
  'http.header.raw': REQUEST_FIELDS + RESPONSE_FIELDS,
  'http.method': 'GET POST HEAD',
  'http.stat_code': '200 301 302 304 404',
  'http.stat_msg': 'OK Found Not Found Not Modified',
  'http.protocol': 'HTTP/1.1 HTTP/1.0',
  'http.connection': 'keep-alive close Keep-Alive Close',
  'http.accept_enc': 'gzip, deflate, br identity',
  'http.request_line': 'GET / HTTP/1.1 POST / HTTP/1.0',
  'http.response_line': 'HTTP/1.1 200 OK HTTP/1.0 200 OK',
  'http.start': `GET / HTTP/1.1\r\n${REQUEST_FIELDS}HTTP/1.1 200 OK\r\n${RESPONSE_FIELDS}`,
  'http.header_names':
    '\r\nHost\r\nUser-Agent\r\nAccept\r\nAccept-Language\r\nAccept-Encoding\r\nConnection\r\nReferer\r\nCookie\r\n' +
    '\r\nDate\r\nServer\r\nContent-Type\r\nContent-Length\r\nConnection\r\n\r\n',
  'http.user_agent':
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/ Safari/537.36',
  'http.host': 'www. .com .org .net',
  'http.host.raw': 'www. .com .org .net',
  'http.content_type': 'text/html; charset=utf-8 application/x-www-form-urlencoded application/json',
  'http.accept': 'text/html, */*',
  'http.accept_lang': 'en-US,en;q=0.5',
  'http.referer': 'http://www. https://www. .com/',
  'http.server': 'Apache nginx',
  'file.data':
    '<!DOCTYPE html><html><head><title></title></head><body><script type="text/javascript"></script></body></html>',
  'dns.query': 'www. .com .org .net',
  'tls.sni': 'www. .com .org .net',
};
