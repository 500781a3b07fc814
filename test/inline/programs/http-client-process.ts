/** Sends each request of a file on a connection of its own, and prints what came on each, as JSON. */
import { readFileSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import type { Patience } from '../http-servers.ts';

/** The file. */
export interface RequestsToSend extends Patience {
  readonly port: number;
  /** In base64. */
  readonly requests: readonly string[];
}

/** What one connection was good for. */
export interface Received {
  /** One character for each byte. */
  readonly received: string;
  /** The server goes on reading. */
  readonly isOpen: boolean;
}

const STDOUT_FD = 1;

const { port, requests, silenceMs, connections } = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as RequestsToSend;
const results: Received[] = [];
let next = 0;

process.on('exit', () => writeSync(STDOUT_FD, JSON.stringify(results)));
for (let i = 0; i < connections; i++) sendNext();

function sendNext(): void {
  const index = next++;
  const request = requests[index];
  if (request === undefined) return;
  const chunks: Buffer[] = [];
  let isOpen = true;
  const noteEnd = (): void => {
    isOpen = false;
  };
  const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from(request, 'base64')));
  socket.setNoDelay();
  socket.setTimeout(silenceMs, () => socket.destroy());
  socket
    .on('data', (chunk) => chunks.push(chunk))
    .on('end', noteEnd)
    .on('error', noteEnd)
    .on('close', () => {
      results[index] = { received: Buffer.concat(chunks).toString('latin1'), isOpen };
      sendNext();
    });
}
