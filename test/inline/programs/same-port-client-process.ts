/** So many pages, each over a connection from the same port, as soon as that is free: ADDRESS PORT COUNT. */
import { connect } from 'node:net';

const [host, port, count] = process.argv.slice(2);
const LOCAL_PORT = 50_000;
const RETRY_MS = 5;

ask(Number(count));

function ask(left: number): void {
  let said = '';
  connect({ host: host!, port: Number(port), localPort: LOCAL_PORT })
    .on('data', (data) => {
      said += data;
    })
    .on('end', () => {
      console.log(said.split('\r\n\r\n')[1]!.trim());
      if (left > 1) setTimeout(ask, RETRY_MS, left - 1);
    })
    .on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code !== 'EADDRNOTAVAIL') throw new Error(code);
      setTimeout(ask, RETRY_MS, left);
    })
    .write('GET / HTTP/1.0\r\n\r\n');
}
