/**
 * Asks for one path after the other, always from the same port, and breaks each connection off: of one that was
 * blocked, the server does not hear that and holds it. HOST PORT LOCAL_PORT PATH...
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const [host = '', port, localPort, ...paths] = process.argv.slice(2);
const ANSWER_LIMIT_MS = 1000;

for (const path of paths) {
  let answer = '';
  const socket = connect({ host, port: Number(port), localPort: Number(localPort) });
  socket.on('data', (data) => {
    answer += data;
  });
  await once(socket, 'connect');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await pause(ANSWER_LIMIT_MS);
  console.log(answer.split('\r\n\r\n')[1]?.trim() ?? 'nothing');
  const closed = once(socket, 'close');
  socket.resetAndDestroy();
  await closed;
}
