/**
 * Node's own web server, and the application behind nginx, which speaks SCGI. Both answer with what they have
 * understood of a request, in a header field and as content.
 */
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';

const [scgiSocket, httpPort, shownBytes] = process.argv.slice(2);

createHttpServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { method, url, headers } = request;
    const [, path, query] = /^([^?#]*)\??([^#]*)/.exec(url!)!;
    const seen = textOf(method, path, query, headers.host, Buffer.concat(chunks).toString('latin1'));
    response.setHeader('X-Saw', seen);
    response.end(`SAW ${seen}\n`);
  });
}).listen(Number(httpPort), '127.0.0.1');

// A request of SCGI is the length of its fields, a colon, names and values that end with zeros, a comma, and the body.
createServer((socket) => {
  let received = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    const colon = received.indexOf(':');
    const fieldsEnd = colon < 0 ? -1 : colon + 1 + Number(received.toString('latin1', 0, colon));
    if (fieldsEnd < 0 || received.length <= fieldsEnd) return;
    const fields = fieldsIn(received.toString('latin1', colon + 1, fieldsEnd));
    const body = received.toString('latin1', fieldsEnd + 1);
    if (body.length < Number(fields.get('CONTENT_LENGTH') || 0)) return;
    const [method, path, query, host] = ['METHOD', 'URI', 'ARGS', 'HOST'].map((name) => fields.get(name));
    const seen = textOf(method, path, query, host, body);
    const content = `SAW ${seen}\n`;
    socket.end(`Status: 200 OK\r\nX-Saw: ${seen}\r\nContent-Length: ${content.length}\r\n\r\n${content}`);
  });
}).listen(scgiSocket);

function fieldsIn(text: string): Map<string, string> {
  const parts = text.split('\0');
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < parts.length; i += 2) fields.set(parts[i]!, parts[i + 1]!);
  return fields;
}

/** Parts in hexadecimal, since a header field has no room for all bytes. */
function textOf(
  method: string | undefined,
  path: string | undefined,
  query: string | undefined,
  host: string | undefined,
  body: string,
): string {
  return [method, path, query, host, String(body.length), body.slice(0, Number(shownBytes))]
    .map((part) => Buffer.from(part ?? '', 'latin1').toString('hex'))
    .join('.');
}
