import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerOptions,
} from 'node:http2';
import { Duplex } from 'node:stream';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import type { Piece } from './trace.ts';

export const PREFACE = fromLatin1('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const FLAGS = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;
const TYPES = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goAway: 7,
  window: 8,
} as const;

/** RFC 9113 §4.1. */
export function frame(
  type: keyof typeof TYPES | 'continuation' | number,
  flags: number,
  streamId: number,
  payload: Uint8Array | string = '',
): Uint8Array {
  const content = typeof payload === 'string' ? fromLatin1(payload) : payload;
  const bytes = Buffer.alloc(9 + content.length);
  bytes.writeUIntBE(content.length, 0, 3);
  bytes[3] = typeof type === 'number' ? type : type === 'continuation' ? 9 : TYPES[type];
  bytes[4] = flags;
  bytes.writeUInt32BE(streamId, 5);
  bytes.set(content, 9);
  return new Uint8Array(bytes);
}

/** RFC 7541 §5.1, with the bits before the prefix. */
export function integer(value: number, prefixBits: number, first: number): number[] {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) return [first | value];
  const bytes = [first | mask];
  let rest = value - mask;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}

const text = (value: string): number[] => [...integer(value.length, 7, 0), ...fromLatin1(value)];

/** RFC 7541 §6.2.2: fields that no table keeps. */
export const fields = (...pairs: readonly (readonly [string, string])[]): Uint8Array =>
  Uint8Array.from(pairs.flatMap(([name, value]) => [0, ...text(name), ...text(value)]));

/** RFC 7541 §6.2.1: a field that both tables keep. */
export const keptField = (name: string, value: string): Uint8Array =>
  Uint8Array.from([0x40, ...text(name), ...text(value)]);

export const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

export const REQUEST: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/a'],
  [':authority', 'a.example'],
];

/** HEADERS that are all of a request. */
export const request = (
  streamId: number,
  pairs: readonly (readonly [string, string])[] = REQUEST,
  flags: number = FLAGS.endStream | FLAGS.endHeaders,
): Uint8Array => frame('headers', flags, streamId, fields(...pairs));

export const response = (
  streamId: number,
  pairs: readonly (readonly [string, string])[] = [[':status', '200']],
  flags: number = FLAGS.endHeaders,
): Uint8Array => frame('headers', flags, streamId, fields(...pairs));

export const client = (...parts: readonly Uint8Array[]): Piece => ({ direction: TO_SERVER, bytes: joined(...parts) });
export const server = (...parts: readonly Uint8Array[]): Piece => ({ direction: TO_CLIENT, bytes: joined(...parts) });

/** One end of a line, which writes down what goes over it. */
class Wire extends Duplex {
  peer: Wire | null = null;
  readonly #direction: Direction;
  readonly #pieces: Piece[];

  constructor(direction: Direction, pieces: Piece[]) {
    super();
    this.#direction = direction;
    this.#pieces = pieces;
  }

  override _read(): void {
    // What comes is pushed.
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.#pieces.push({ direction: this.#direction, bytes: new Uint8Array(chunk) });
    setImmediate(() => this.peer?.push(Buffer.from(chunk)));
    done();
  }

  override _final(done: () => void): void {
    setImmediate(() => this.peer?.push(null));
    done();
  }
}

/** What Node's own client and server send each other. */
export async function recorded(
  options: ServerOptions,
  serve: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
  ask: (session: ClientHttp2Session) => Promise<void>,
): Promise<Piece[]> {
  const pieces: Piece[] = [];
  const near = new Wire(TO_SERVER, pieces);
  const far = new Wire(TO_CLIENT, pieces);
  near.peer = far;
  far.peer = near;
  const server = createServer(options, serve);
  server.emit('connection', far);
  const session = connect('http://a.example', { createConnection: () => near });
  await once(session, 'connect');
  await ask(session);
  session.close();
  await once(session, 'close');
  return pieces;
}

/** One request with all of its answer. */
export async function fetched(
  session: ClientHttp2Session,
  head: Record<string, string>,
  body: string | null = null,
): Promise<string> {
  const stream = session.request(head);
  if (body === null) stream.end();
  else stream.end(body);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
