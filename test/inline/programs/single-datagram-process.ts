/** Sends one datagram, and says the error that comes back within a second: ADDRESS PORT udp4|udp6 TEXT. */
import { createSocket, type SocketType } from 'node:dgram';

const [address = '', port, family, text = ''] = process.argv.slice(2);
const ANSWER_LIMIT_MS = 1000;

const socket = createSocket(family as SocketType);
socket.on('error', ({ code }: NodeJS.ErrnoException) => {
  console.log(code);
  socket.close();
});
socket.connect(Number(port), address, () => socket.send(text));
setTimeout(() => process.exit(), ANSWER_LIMIT_MS);
