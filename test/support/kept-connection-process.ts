/** Asks over one connection for the path of each line, and says `answered` or `silence`: ADDRESS PORT. */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const [address = '', port] = process.argv.slice(2);
const ANSWER_LIMIT_MS = 1000;

const socket = connect(Number(port), address);
let timer: NodeJS.Timeout | undefined;
let isWaiting = false;

socket
  .on('data', () => say('answered'))
  .on('error', () => say('silence'))
  .on('close', () => say('silence'));
createInterface({ input: process.stdin }).on('line', (path) => {
  isWaiting = true;
  timer = setTimeout(say, ANSWER_LIMIT_MS, 'silence');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`);
});

/** Once for each path. */
function say(what: 'answered' | 'silence'): void {
  if (!isWaiting) return;
  isWaiting = false;
  clearTimeout(timer);
  console.log(what);
}
