/**
 * Uploads that stop within their bodies, until a line comes; then the first and the last go on, and whether each was
 * taken is told: `half`, `ended true true`.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface UploadSettings {
  readonly host: string;
  readonly port: number;
  readonly uploads: number;
  /** Of each body. */
  readonly bytes: number;
}

const ANSWER_LIMIT_MS = 1500;

const { host, port, uploads, bytes } = JSON.parse(process.argv[2]!) as UploadSettings;
const half = 'x'.repeat(bytes / 2);
const sockets: Socket[] = [];
for (let i = 0; i < uploads; i++) sockets.push(await begin(i));
console.log('half');
await once(process.stdin, 'data');
console.log(`ended ${await isTaken(sockets[0]!)} ${await isTaken(sockets.at(-1)!)}`);

function begin(name: number): Promise<Socket> {
  const head = `PUT /upload/${name} HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${bytes}\r\n\r\n`;
  return new Promise((resolve) => {
    const socket = connect(port, host, () => socket.write(head + half, () => resolve(socket)));
    socket.on('error', () => {});
  });
}

function isTaken(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ANSWER_LIMIT_MS, false);
    socket.once('data', (data) => {
      clearTimeout(timer);
      resolve(/^HTTP.1.1 20/.test(data.toString('latin1')));
    });
    socket.write(half);
  });
}
