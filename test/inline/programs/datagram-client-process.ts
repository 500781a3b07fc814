/** Has datagrams of many sizes sent back, and says `all` when they were: ADDRESS PORT. */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

const [address = '', port] = process.argv.slice(2);
const sizes = [0, 1, 500, 1472, 1473, 5000, 20_000, 60_000];

const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
const ask = (): void => socket.send(Buffer.alloc(sizes[0]!, 7), Number(port), address);
socket.on('message', (data) => {
  if (data.length !== sizes.shift()) throw new Error(`${data.length} bytes`);
  if (sizes.length > 0) {
    ask();
    return;
  }
  console.log('all');
  socket.close();
});
ask();
