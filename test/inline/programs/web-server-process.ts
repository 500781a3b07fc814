/**
 * Node's own web server, with what applications do: events, long polls, trailers, and a WebSocket that echoes: PORT.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

const EVENTS = 4;
const EVENT_INTERVAL_MS = 100;
const POLL_MS = 1500;
/** RFC 6455 §1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const server = createServer((request, response) => {
  switch (request.url) {
    case '/events':
      sendEvents(response);
      return;
    case '/poll':
      setTimeout(() => response.end('at last'), POLL_MS);
      return;
    case '/trailers':
      response.writeHead(200, { Trailer: 'Sum' });
      response.write('a little');
      response.write(' and more');
      response.addTrailers({ Sum: '7' });
      response.end();
      return;
    default:
      request.resume().on('end', () => response.end('x'.repeat(request.url!.length * 50)));
  }
});
Object.assign(server, { httpAllowHalfOpen: true });
server.on('upgrade', speakWebSocket).listen(Number(process.argv[2]), '::');

function sendEvents(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  let count = 0;
  const timer = setInterval(() => {
    response.write(`data: ${count++}\n\n`);
    if (count < EVENTS) return;
    clearInterval(timer);
    response.end();
  }, EVENT_INTERVAL_MS);
}

function speakWebSocket(request: IncomingMessage, socket: Duplex): void {
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + WEBSOCKET_GUID);
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n`,
  );
  let kept: Buffer = Buffer.alloc(0);
  socket
    .on('data', (data: Buffer) => {
      kept = Buffer.concat([kept, data]);
      for (let message = messageIn(kept); message !== null; message = messageIn(kept)) {
        const answer = Buffer.from(`echo of ${message.isLong ? `${message.data.length} bytes` : message.data}`);
        socket.write(Buffer.concat([Buffer.from([0x81, answer.length]), answer]));
        kept = message.rest;
      }
    })
    .on('end', () => socket.end())
    .on('error', () => {});
}

/** The first masked message, of less than 126 bytes or with a length of 64 bits; null: it is not all there. */
function messageIn(bytes: Buffer): { isLong: boolean; data: Buffer; rest: Buffer } | null {
  if (bytes.length < 2) return null;
  const shortLength = bytes[1]! & 0x7f;
  const isLong = shortLength === 127;
  if (isLong && bytes.length < 10) return null;
  const length = isLong ? bytes.readUInt32BE(6) : shortLength;
  const maskAt = isLong ? 10 : 2;
  const start = maskAt + 4;
  const end = start + length;
  if (bytes.length < end) return null;
  const data = Buffer.from(bytes.subarray(start, end).map((byte, i) => byte ^ bytes[maskAt + (i & 3)]!));
  return { isLong, data, rest: bytes.subarray(end) };
}
