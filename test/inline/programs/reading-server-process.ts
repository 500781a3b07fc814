/** Says what each of its connections reads: client's port, number of the connection from there, bytes. */
import { createServer } from 'node:net';

const [port] = process.argv.slice(2);
const BACKLOG = 4096;
const connections = new Map<number, number>();

createServer({ allowHalfOpen: true }, (socket) => {
  const port = socket.remotePort!;
  const number = connections.get(port) ?? 0;
  connections.set(port, number + 1);
  const say = (data: Buffer): void => void process.stdout.write(`${port} ${number} ${data.toString('hex')}\n`);
  say(Buffer.alloc(0));
  socket.on('data', say).on('error', () => {});
}).listen(Number(port), '::', BACKLOG, () => console.log('listening'));
