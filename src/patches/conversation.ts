import { type Direction, opposite, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import { IP_PROTOCOL } from '../wire/packet.ts';

/** Bytes that one side sends in order; over UDP, one datagram. */
export interface Turn {
  readonly direction: Direction;
  readonly bytes: Uint8Array;
}

/** RFC 5737: addresses for documentation. */
const ADDRESSES: Readonly<Record<Direction, readonly number[]>> = {
  [TO_SERVER]: [192, 0, 2, 1],
  [TO_CLIENT]: [192, 0, 2, 2],
};
/** Where the server of a made conversation is: what `HOME_NET` has to hold. */
export const SERVER_ADDRESS = ADDRESSES[TO_CLIENT].join('.');

/**
 * One TCP connection as IPv4 packets: handshake, the turns with an acknowledgement for each, FIN from both sides. They
 * have no checksums: the packets are made to be trusted.
 */
export function tcpPackets(turns: readonly Turn[], serverPort: number, segmentBytes: number): Uint8Array[][] {
  const connection = new Connection(serverPort);
  return [
    connection.handshake(),
    ...turns.flatMap(({ direction, bytes }) => {
      const segments: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += segmentBytes) {
        segments.push(connection.send(direction, PSH | ACK, bytes.subarray(at, at + segmentBytes)));
      }
      return [segments, [connection.send(opposite(direction), ACK)]];
    }),
    connection.close(),
  ];
}

/** The same over UDP, where each turn is a datagram. */
export const udpPackets = (turns: readonly Turn[], serverPort: number): Uint8Array[][] =>
  turns.map(({ direction, bytes }) => {
    const datagram = new Uint8Array(8 + bytes.length);
    const view = new DataView(datagram.buffer);
    setPorts(view, direction, serverPort);
    view.setUint16(4, datagram.length);
    datagram.set(bytes, 8);
    return [ipPacket(IP_PROTOCOL.udp, direction, datagram)];
  });

/** A packet as IPv4 fragments of so many bytes each, a multiple of eight (RFC 791 §3.2). */
export function fragments(packet: Uint8Array, id: number, fragmentBytes: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = IP_HEADER_BYTES; at < packet.length; at += fragmentBytes) {
    const end = Math.min(at + fragmentBytes, packet.length);
    const piece = Buffer.concat([packet.subarray(0, IP_HEADER_BYTES), packet.subarray(at, end)]);
    piece.writeUInt16BE(piece.length, 2);
    piece.writeUInt16BE(id, 4);
    piece.writeUInt16BE((end < packet.length ? MORE_FRAGMENTS : 0) | ((at - IP_HEADER_BYTES) / 8), 6);
    pieces.push(new Uint8Array(piece));
  }
  return pieces;
}

class Connection {
  readonly #serverPort: number;
  /** RFC 9293 §3.4: what each side sends next. */
  readonly #next: Record<Direction, number> = { [TO_SERVER]: 1000, [TO_CLIENT]: 5000 };

  constructor(serverPort: number) {
    this.#serverPort = serverPort;
  }

  handshake = (): Uint8Array[] => [
    this.send(TO_SERVER, SYN),
    this.send(TO_CLIENT, SYN | ACK),
    this.send(TO_SERVER, ACK),
  ];

  close = (): Uint8Array[] => [
    this.send(TO_SERVER, FIN | ACK),
    this.send(TO_CLIENT, FIN | ACK),
    this.send(TO_SERVER, ACK),
  ];

  send(direction: Direction, flags: number, payload: Uint8Array = NOTHING): Uint8Array {
    const segment = new Uint8Array(20 + payload.length);
    const view = new DataView(segment.buffer);
    setPorts(view, direction, this.#serverPort);
    view.setUint32(4, this.#next[direction]);
    if ((flags & ACK) !== 0) view.setUint32(8, this.#next[opposite(direction)]);
    view.setUint8(12, 0x50);
    view.setUint8(13, flags);
    view.setUint16(14, 0xffff);
    segment.set(payload, 20);
    this.#next[direction] += payload.length + ((flags & (SYN | FIN)) === 0 ? 0 : 1);
    return ipPacket(IP_PROTOCOL.tcp, direction, segment);
  }
}

function setPorts(transport: DataView, direction: Direction, serverPort: number): void {
  transport.setUint16(0, direction === TO_SERVER ? CLIENT_PORT : serverPort);
  transport.setUint16(2, direction === TO_SERVER ? serverPort : CLIENT_PORT);
}

/** RFC 791 §3.1, without options. */
function ipPacket(protocol: number, direction: Direction, payload: Uint8Array): Uint8Array {
  const packet = new Uint8Array(IP_HEADER_BYTES + payload.length);
  const header = new DataView(packet.buffer);
  header.setUint8(0, 0x45);
  header.setUint16(2, packet.length);
  header.setUint8(8, 64);
  header.setUint8(9, protocol);
  packet.set(ADDRESSES[direction], 12);
  packet.set(ADDRESSES[opposite(direction)], 16);
  packet.set(payload, IP_HEADER_BYTES);
  return packet;
}

const CLIENT_PORT = 40_000;
const IP_HEADER_BYTES = 20;
const MORE_FRAGMENTS = 0x2000;
const FIN = 0x01;
const SYN = 0x02;
const PSH = 0x08;
const ACK = 0x10;
const NOTHING = new Uint8Array(0);
