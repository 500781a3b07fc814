/** Sends each datagram back: PORT. */
import { createSocket } from 'node:dgram';

const socket = createSocket({ type: 'udp6', ipv6Only: false });
socket.on('message', (data, { port, address }) => socket.send(data, port, address)).bind(Number(process.argv[2]));
