import { fromLatin1 } from '../../../src/base/bytes.ts';
import {
  client,
  FLAGS,
  fields,
  frame,
  integer,
  joined,
  keptField,
  PREFACE,
  REQUEST,
  request,
  server,
} from '../../app/http2-frames.ts';
import { conversation, type Turn } from '../../support/play.ts';
import type { CheckCase, CheckCases } from './check-case.ts';

const { endHeaders: END_HEADERS, endStream: END_STREAM, padded: PADDED } = FLAGS;
const SETTINGS = frame('settings', 0, 0);

const turns = (fails: readonly Turn[], arrives: readonly Turn[]): CheckCase => {
  const begun = [client(PREFACE, SETTINGS), server(SETTINGS)];
  return { fails: conversation([...begun, ...fails]), arrives: conversation([...begun, ...arrives]) };
};
const frames = (fails: readonly Uint8Array[], arrives: readonly Uint8Array[]): CheckCase =>
  turns(inWindows(fails), inWindows(arrives));
/** In turns that a receive window holds. */
function inWindows(parts: readonly Uint8Array[]): Turn[] {
  const grouped: Uint8Array[][] = [[]];
  let bytes = 0;
  for (const part of parts) {
    if (bytes + part.length > 32_000) {
      grouped.push([]);
      bytes = 0;
    }
    grouped.at(-1)!.push(part);
    bytes += part.length;
  }
  return grouped.map((group) => client(...group));
}
const requests = (
  fails: readonly (readonly [string, string])[],
  arrives: readonly (readonly [string, string])[],
): CheckCase => frames([request(1, fails)], [request(1, arrives)]);
const withField = (name: string, value: string): readonly (readonly [string, string])[] => [...REQUEST, [name, value]];
const fieldCase = (fails: readonly [string, string], arrives: readonly [string, string]): CheckCase =>
  requests(withField(...fails), withField(...arrives));
/** A block whose last part is made by hand. */
const blocks = (fails: readonly number[], arrives: readonly number[], streamId = 1): CheckCase => {
  const of = (bytes: readonly number[]): Uint8Array =>
    frame('headers', END_HEADERS | END_STREAM, streamId, joined(fields(...REQUEST), Uint8Array.from(bytes)));
  return frames([of(fails)], [of(arrives)]);
};
const many = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const taken = (count: number): Uint8Array[] =>
  many(count, (i) => joined(request(2 * i + 1), frame('reset', 0, 2 * i + 1, '\0\0\0\x08')));
const pings = (count: number): Uint8Array[] => many(count, () => frame('ping', 0, 0, '12345678'));
const upload = (flags: number, content: string): Uint8Array[] => [
  request(1, REQUEST, END_HEADERS),
  frame('data', flags, 1, content),
];
const open = (count: number): Uint8Array[] =>
  many(count, (i) =>
    request(2 * i + 1, [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/'],
    ]),
  );
const bodies = (count: number): Uint8Array[] =>
  many(count, (i) => [
    request(2 * i + 1, REQUEST, END_HEADERS),
    ...many(7, () => frame('data', 0, 2 * i + 1, new Uint8Array(16_000))),
  ]).flat();
const bomb = (references: number): Uint8Array =>
  frame(
    'headers',
    END_HEADERS | END_STREAM,
    1,
    joined(fields(...REQUEST), keptField('x', 'y'.repeat(3900)), new Uint8Array(references).fill(0xbe)),
  );
const continued = (count: number, part: (index: number) => Uint8Array): Uint8Array[] => [
  request(1, REQUEST, END_STREAM),
  ...many(count, (i) => frame('continuation', i === count - 1 ? END_HEADERS : 0, 1, part(i))),
];
const long = (index: number): Uint8Array => fields([`x${index}`, 'y'.repeat(5900)]);
const settings = (id: number, value: string): Turn =>
  server(frame('settings', 0, 0, `\0${String.fromCharCode(id)}${value}`));
const sized = (bytes: number): Turn =>
  client(
    frame('headers', END_HEADERS | END_STREAM, 1, joined(Uint8Array.from(integer(bytes, 5, 0x20)), fields(...REQUEST))),
  );

/** By the name of the check. */
export const HTTP2_CASES: CheckCases = {
  'http2.authority_host_mismatch': fieldCase(['host', 'b.example'], ['host', 'A.example']),
  'http2.invalid_client_magic': {
    // It takes both for HTTP/2 from what the server says.
    fails: conversation([server(SETTINGS), client(fromLatin1('PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n'))]),
    arrives: conversation([server(SETTINGS), client(PREFACE, SETTINGS)]),
  },
  'http2.invalid_frame_length': frames([frame('ping', 0, 0, '1234567')], [frame('ping', 0, 0, '12345678')]),
  'http2.invalid_frame_data': frames(upload(END_STREAM | PADDED, '\x03ab'), upload(END_STREAM | PADDED, '\x02ab')),
  'http2.too_many_streams': frames(open(4097), open(4096)),
  'http2.open_bodies_too_long': frames(bodies(43), bodies(40)),
  // Index 62 is the first that was not there from the start.
  'http2.invalid_header': blocks([0xbe], [0xbd]),
  'http2.header_integer_overflow': blocks([0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], [0x0f, 0x02, 0x01, 0x2f]),
  'http2.extra_header_data': blocks([0x00, 0x01, 0x78, 0x02, 0x79], [0x00, 0x01, 0x78, 0x01, 0x79]),
  'http2.header_table_too_large': turns(
    [settings(1, '\0\x10\0\0'), sized(65_537)],
    [settings(1, '\0\x10\0\0'), sized(65_536)],
  ),
  'http2.header_compression_bomb': frames([bomb(100)], [bomb(15)]),
  'http2.reassembly_limit_reached': frames(
    continued(12, long),
    continued(11, long)
      .slice(0, 11)
      .concat(frame('continuation', END_HEADERS, 1, fields(['x', 'y']))),
  ),
  'http2.continuation_flood': frames(
    continued(33, (i) => fields([`x${i}`, 'y'])),
    continued(32, (i) => fields([`x${i}`, 'y'])),
  ),
  'http2.rapid_reset': frames(taken(1200), taken(1000)),
  'http2.control_flood': frames(pings(1200), pings(1000)),
  'http2.request_field_name_invalid': fieldCase(['X-Note', 'b'], ['x-note', 'b']),
  'http2.request_field_value_invalid': fieldCase(['x-note', 'b\r\nhost: c'], ['x-note', 'b%0d%0ahost: c']),
  'http2.request_connection_field': fieldCase(['transfer-encoding', 'chunked'], ['te', 'trailers']),
  'http2.request_pseudo_header_repeated': fieldCase([':path', '/b'], ['x-path', '/b']),
  'http2.request_pseudo_header_invalid': fieldCase([':note', 'b'], ['note', 'b']),
  'http2.request_pseudo_header_missing': requests(REQUEST.slice(1), REQUEST),
  'http2.request_trailer_not_last': frames(
    [request(1, REQUEST, END_HEADERS), request(1, [['x', 'y']], END_HEADERS)],
    [request(1, REQUEST, END_HEADERS), request(1, [['x', 'y']], END_HEADERS | END_STREAM)],
  ),
  'http2.request_content_length_mismatch': fieldCase(['content-length', '1'], ['content-length', '0']),
};
