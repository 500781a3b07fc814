/** What connections to an echo server may go through; says of each whether it went well: ADDRESS PORT. */
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const [host, port] = process.argv.slice(2);
const SILENCE_MS = 3500;
const READER_PAUSE_MS = 2000;
const SLOW_BYTES = 8_000_000;
const RESET_BYTES = 300_000;

console.log('silent', await open(echoAfterSilence));
console.log('slow', await open(readerThatPauses));
console.log(
  'both',
  await open((socket, done) => {
    socket.end();
    socket.on('close', () => done(true)).resume();
  }),
);
console.log(
  'reset',
  await open((socket, done) => {
    socket.on('close', () => done(true)).write('y'.repeat(RESET_BYTES), () => socket.resetAndDestroy());
  }),
);

function open(use: (socket: Socket, done: (isWell: boolean) => void) => void): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const options = { port: Number(port), host: host!, allowHalfOpen: true };
    const socket = connect(options, () => use(socket, resolve));
    socket.on('error', reject);
  });
}

async function echoAfterSilence(socket: Socket, done: (isWell: boolean) => void): Promise<void> {
  socket.setKeepAlive(true, 1000);
  const isFirstWell = await isEchoed('before', socket);
  await pause(SILENCE_MS);
  done(isFirstWell && (await isEchoed('after a while', socket)));
  socket.destroy();
}

function readerThatPauses(socket: Socket, done: (isWell: boolean) => void): void {
  let bytes = 0;
  socket
    .on('data', (data) => {
      if (bytes === 0) {
        socket.pause();
        setTimeout(() => socket.resume(), READER_PAUSE_MS);
      }
      bytes += data.length;
    })
    .on('end', () => done(bytes === SLOW_BYTES));
  socket.end('x'.repeat(SLOW_BYTES));
}

function isEchoed(text: string, socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    let said = '';
    socket.removeAllListeners('data').on('data', (data) => {
      said += data;
      if (said.length >= text.length) resolve(said === text);
    });
    socket.write(text);
  });
}
