/** What browsers and other clients do with the server beside it; prints what came of each, as JSON: ADDRESS PORT. */
import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { connect, type Socket } from 'node:net';

const [host, portText] = process.argv.slice(2);
const port = Number(portText);
const REQUESTS = 30;
const PIPELINED = 20;
const LONG_MESSAGE_BYTES = 70_000;

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const { text, trailers } = await ask('/trailers');
const told = {
  'keep-alive': await keepAlive(),
  pipelined: await pipelined(),
  'stream of events': (await ask('/events')).text.trim().split('\n\n').join(),
  'after a long poll': (await ask('/poll')).text,
  'chunked with trailers': `${text};sum=${trailers.sum}`,
  websocket: await webSocket(),
  'half-closed': await halfClosed(),
  'request broken off': await brokenOff(),
};
agent.destroy();
console.log(JSON.stringify(told));

/** How many of the requests over one connection got the answer that they should. */
async function keepAlive(): Promise<number> {
  let count = 0;
  for (let i = 0; i < REQUESTS; i++) {
    const [method, body] = i % 2 === 0 ? ['GET', ''] : ['POST', 'b'.repeat(i * 100)];
    const answer = await ask(`/${'p'.repeat(i)}`, { method }, body);
    if (answer.text.length === (i + 1) * 50) count++;
  }
  return count;
}

async function pipelined(): Promise<number> {
  const requests = Array.from({ length: PIPELINED }, (_, i) => headOf(`/${i}`)).join('');
  const answers = (said: Buffer): number => said.toString().split('200 OK').length - 1;
  return answers(
    await talk(requests, (said, socket) => {
      if (answers(said) === PIPELINED && said.toString().endsWith('x')) socket.end();
    }),
  );
}

async function webSocket(): Promise<string> {
  const upgrade =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  const messages = [Buffer.from('hello'), Buffer.alloc(LONG_MESSAGE_BYTES, 7)];
  let sent = 0;
  const spoken = await talk(headOf('/socket', upgrade), (said, socket) => {
    const answers = said.toString('latin1').split('echo of ').length - 1;
    if (answers === messages.length) socket.end();
    else if (answers === sent) socket.write(masked(messages[sent++]!));
  });
  return spoken
    .toString('latin1')
    .match(/echo of [ -~]+/g)!
    .join();
}

/** The client has said all, and hears the answer. */
function halfClosed(): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: host!, port, allowHalfOpen: true }, () => socket.end(headOf('/poll')));
    let said = '';
    socket
      .on('data', (data) => {
        said += data;
      })
      .on('end', () => resolve(/200 OK/.exec(said)?.[0]))
      .on('error', reject);
  });
}

function brokenOff(): Promise<string> {
  return new Promise((resolve) => {
    const start = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(5000)}`;
    const reset = (): unknown => setTimeout(() => socket.resetAndDestroy(), 100);
    const socket = connect(port, host!, () => socket.write(start, reset));
    socket.on('close', () => resolve('closed')).on('error', () => {});
  });
}

interface Answer {
  readonly text: string;
  readonly trailers: IncomingMessage['trailers'];
}

function ask(path: string, options: RequestOptions = {}, body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ host, port, path, agent, ...options }, (response) => {
      let text = '';
      response
        .setEncoding('utf8')
        .on('data', (data) => {
          text += data;
        })
        .on('end', () => resolve({ text, trailers: response.trailers }));
    })
      .on('error', reject)
      .end(body);
  });
}

/** All that the server says on one connection, which `onData` ends. */
function talk(opening: string, onData: (said: Buffer, socket: Socket) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: host!, port, allowHalfOpen: true }, () => socket.write(opening));
    let said: Buffer = Buffer.alloc(0);
    socket
      .on('data', (data) => {
        said = Buffer.concat([said, data]);
        onData(said, socket);
      })
      .on('error', reject)
      .on('close', () => resolve(said))
      .on('end', () => socket.end());
  });
}

function headOf(path: string, more = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: shop.example\r\n${more}\r\n`;
}

/** One message of a client (RFC 6455 §5.2): text when it is short, or else binary. */
function masked(data: Buffer): Buffer {
  const mask = Buffer.from([1, 2, 3, 4]);
  const isShort = data.length < 126;
  const head = isShort ? Buffer.from([0x81, 0x80 | data.length]) : Buffer.alloc(10);
  if (!isShort) {
    head[0] = 0x82;
    head[1] = 0xff;
    head.writeUInt32BE(data.length, 6);
  }
  return Buffer.concat([head, mask, Buffer.from(data.map((byte, i) => byte ^ mask[i & 3]!))]);
}
