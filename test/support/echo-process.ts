/** A server that repeats what it hears, and ends when the other side does: PORT [ADDRESS]. */
import { createServer } from 'node:net';

const [port, address] = process.argv.slice(2);

createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {}).pipe(socket);
}).listen(Number(port), address);
