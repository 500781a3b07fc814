/**
 * Opens one connection after the other to a server that repeats what it hears, as lines of JSON on standard input say.
 */
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import { createInterface } from 'node:readline';

/** Answered with `open`, with `whole` or `nothing`, and with `closed`. */
export type EchoCommand =
  | { readonly type: 'open'; readonly to: TcpNetConnectOpts }
  | { readonly type: 'echo'; readonly base64: string }
  | { readonly type: 'reset' };

const ANSWER_LIMIT_MS = 4000;

let socket: Socket;
createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line) as EchoCommand;
  switch (command.type) {
    case 'open':
      socket = connect(command.to, () => console.log('open')).on('error', () => {});
      return;
    case 'reset':
      socket.once('close', () => console.log('closed')).resetAndDestroy();
      return;
    case 'echo':
      sendAndWait(Buffer.from(command.base64, 'base64'));
      return;
    default:
      command satisfies never;
  }
});

function sendAndWait(bytes: Buffer): void {
  let leftBytes = bytes.length;
  const finish = (answer: string): void => {
    clearTimeout(timer);
    socket.off('data', take);
    console.log(answer);
  };
  const take = (chunk: Buffer): void => {
    leftBytes -= chunk.length;
    if (leftBytes === 0) finish('whole');
  };
  const timer = setTimeout(finish, ANSWER_LIMIT_MS, 'nothing');
  socket.on('data', take);
  socket.write(bytes);
}
