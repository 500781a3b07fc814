import type { Random } from '../support/random.ts';

/** A packet, or the bytes of one side's turn, changed by as little as an attacker might change it. */
type Change = (bytes: Uint8Array, random: Random) => Uint8Array;

/** Changes one packet in a way that knows where headers and their fields are. */
export function mutatePacket(packet: Uint8Array, random: Random): Uint8Array {
  return random.pick(PACKET_CHANGES)(packet.slice(), random);
}

/** Changes what one side says, in a way that knows what protocols are made of. */
export function mutateTurn(bytes: Uint8Array, random: Random): Uint8Array {
  return random.pick(TURN_CHANGES)(bytes, random);
}

/** Loses, repeats, moves and mixes packets. */
export function mutateOrder(packets: readonly Uint8Array[], others: readonly Uint8Array[], random: Random) {
  const at = random.below(packets.length);
  const [head, tail] = [packets.slice(0, at), packets.slice(at)];
  switch (random.below(5)) {
    case 0:
      return packets.length === 1 ? [...packets] : [...head, ...tail.slice(1)];
    case 1:
      return [...head, tail[0]!, ...tail];
    case 2:
      return [...tail, ...head];
    case 3:
      return random.shuffled(packets);
    default:
      return [...head, ...others.slice(random.below(others.length)), ...tail];
  }
}

/** Lengths, numbers and flags at which code is likely to go wrong. */
const ODD_BYTES = [0, 1, 4, 5, 0x0f, 0x10, 0x3f, 0x40, 0x7f, 0x80, 0xf0, 0xff];

/** RFC 791 §3.1, RFC 8200 §3 and RFC 9293 §3.1: version and lengths, fragments, protocols; then of the transport. */
const IPV4_FIELDS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16];
const IPV6_FIELDS = [0, 1, 4, 5, 6, 7, 8, 24];
const TRANSPORT_FIELDS = Array.from({ length: 24 }, (_, at) => at);

const PACKET_CHANGES: readonly Change[] = [
  (packet, random) => overwritten(packet, random.pick(isIpv6(packet) ? IPV6_FIELDS : IPV4_FIELDS), random),
  (packet, random) => overwritten(packet, headerBytes(packet) + random.pick(TRANSPORT_FIELDS), random),
  (packet, random) => overwritten(packet, random.below(packet.length), random),
  (packet, random) => packet.subarray(0, random.below(packet.length + 1)),
  (packet, random) => new Uint8Array([...packet, ...noise(random)]),
  // A longer header over what was payload: options of any kind.
  (packet, random) => overwritten(packet, headerBytes(packet) + 12, random, random.between(5, 15) << 4),
  (packet, random) => overwritten(packet, 0, random, isIpv6(packet) ? 0x45 : 0x60),
  (packet, random) => flipped(packet, random),
  (packet, random) => flipped(flipped(flipped(packet, random), random), random),
];

const TOKENS = [
  ...['Content-Length: 5\r\n', 'Content-Length: -1\r\n', 'Content-Length: 99999999999999999999\r\n'],
  ...['Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: gzip, chunked\r\n', 'Content-Encoding: gzip\r\n'],
  ...['Content-Type: multipart/form-data; boundary=a\r\n', '--a\r\n', '--a--\r\n', 'Expect: 100-continue\r\n'],
  ...['ffffffffffffffff\r\n', '0\r\n\r\n', '5;x=y\r\nhello\r\n', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ...[
    '\r\n',
    '\n',
    '\r',
    '\0',
    ' ',
    '\t',
    '%',
    '%u',
    '%00',
    '../',
    '\xff\xfe',
    '\r\n.\r\n',
    'CONNECT a:1 HTTP/1.1\r\n\r\n',
  ],
  ...[
    '\x16\x03\x01\x00\x05',
    '\x00\x00\x00\x01',
    '\xc0\x0c',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'MAIL FROM:<',
    'STARTTLS\r\n',
  ],
].map((token) => Buffer.from(token, 'latin1'));

const TURN_CHANGES: readonly Change[] = [
  (bytes, random) => replaced(bytes, random.below(bytes.length + 1), 0, random.pick(TOKENS)),
  (bytes, random) => replaced(bytes, random.below(bytes.length), random.between(1, 20), Buffer.alloc(0)),
  (bytes, random) => replaced(bytes, random.below(bytes.length), random.between(1, 8), noise(random)),
  (bytes, random) => flipped(bytes.slice(), random),
  (bytes, random) => bytes.slice(0, random.below(bytes.length + 1)),
  // Some of it many times.
  (bytes, random) => {
    const start = random.below(bytes.length);
    const part = bytes.subarray(start, start + random.between(1, 40));
    return replaced(bytes, start, 0, Buffer.concat(Array(random.between(2, 200)).fill(part)));
  },
  // A line at a line's place, where those that matter are.
  (bytes, random) => {
    const ends = [...bytes.keys()].filter((at) => bytes[at] === 0x0a);
    return replaced(bytes, ends.length === 0 ? 0 : random.pick(ends) + 1, 0, random.pick(TOKENS));
  },
  // Another number, wherever there is one.
  (bytes, random) => {
    const digits = [...bytes.keys()].filter((at) => bytes[at]! >= 0x30 && bytes[at]! <= 0x39);
    if (digits.length === 0) return bytes;
    return replaced(
      bytes,
      random.pick(digits),
      1,
      Buffer.from(random.pick(['0', '9', '00000000', '4294967296', '-', 'f'])),
    );
  },
];

const isIpv6 = (packet: Uint8Array): boolean => packet[0]! >> 4 === 6;
const headerBytes = (packet: Uint8Array): number => (isIpv6(packet) ? 40 : 20);
const noise = (random: Random): Uint8Array =>
  Uint8Array.from({ length: random.between(1, 40) }, () => random.below(256));

function overwritten(packet: Uint8Array, at: number, random: Random, value = random.pick(ODD_BYTES)): Uint8Array {
  if (at < packet.length) packet[at] = value;
  return packet;
}

function flipped(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length > 0) bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
  return bytes;
}

const replaced = (bytes: Uint8Array, at: number, oldBytes: number, by: Uint8Array): Uint8Array =>
  new Uint8Array(Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(at + oldBytes)]));
