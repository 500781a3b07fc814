/** Connects to each address and port that it is told, and says what each of its connections reads: port, 0, bytes. */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

createInterface({ input: process.stdin }).on('line', (line) => {
  const [host, port] = line.split(' ');
  const say = (data: Buffer): void => void process.stdout.write(`${port} 0 ${data.toString('hex')}\n`);
  const socket = connect({ host: host!, port: Number(port), allowHalfOpen: true });
  socket
    .on('connect', () => say(Buffer.alloc(0)))
    .on('data', say)
    .on('error', () => {});
});
console.log('listening');
