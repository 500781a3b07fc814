/**
 * One connection between a server and standard input and output: PORT ADDRESS. Tries again until the server is there.
 */
import { connect } from 'node:net';

const [port, address] = process.argv.slice(2);
const RETRY_MS = 100;

begin();

function begin(): void {
  const socket = connect(Number(port), address!);
  socket.once('error', () => setTimeout(begin, RETRY_MS));
  socket.once('connect', () => {
    process.stdin.pipe(socket);
    socket.pipe(process.stdout);
  });
}
