/**
 * Says everything that reaches it at a port, over TCP and UDP, and answers each part of the former with a page: PORT.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const port = Number(process.argv[2]);
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

const say = (data: Buffer | string): void => void process.stdout.write(data);

createServer((socket) => {
  socket
    .on('data', (data) => {
      say(data);
      socket.write(ANSWER);
    })
    .on('error', () => say('[reset]'));
}).listen(port, '::', () => say('[ready]'));
createSocket('udp6', say).bind(port);
