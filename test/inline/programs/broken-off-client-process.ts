/** Closes a download with data unread: ADDRESS PORT. */
import { connect } from 'node:net';

const [address, port] = process.argv.slice(2);
const PAUSE_MS = 100;

const socket = connect(Number(port), address!, () => {
  socket.write('GET /files/huge HTTP/1.1\r\nHost: a\r\n\r\n');
  socket.once('data', () => {
    socket.pause();
    setTimeout(() => socket.destroy(), PAUSE_MS);
  });
});
