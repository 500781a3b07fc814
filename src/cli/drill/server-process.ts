/** The web server of the drill, in a namespace: one page at every path, until standard input ends. */
import { createServer } from 'node:http';
import { PAGE } from './messages.ts';

const server = createServer((_, response) => response.end(PAGE));
server.keepAliveTimeout = 0;
server.listen(Number(process.argv[2]), () => console.log('ready'));
process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL')).resume();
