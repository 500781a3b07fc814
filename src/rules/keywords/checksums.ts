import { u8, u16 } from '../../base/bytes.ts';
import { addWords, finish, pseudoHeaderSum } from '../../wire/checksum.ts';
import { CHECKSUM, IP_PROTOCOL, type Packet } from '../../wire/packet.ts';
import { defineKeyword, type Keyword } from '../keyword.ts';
import { word } from '../values.ts';

/** RFC 791 §3.1 and RFC 8200 §3: where the source address is in the header. */
const IPV4_ADDRESSES = 12;
const IPV6_ADDRESSES = 8;
/** RFC 768. */
const UDP_CHECKSUM = 6;

function checksumKeyword(
  name: string,
  what: string,
  applies: (packet: Packet) => boolean,
  sum: (packet: Packet) => number,
): Keyword {
  return defineKeyword({
    name,
    summary: `Whether the checksum of ${what} is valid or invalid, judged whatever the capture says of it`,
    example: `${name}:invalid;`,
    parse: (value) => {
      const state = word(value).toLowerCase();
      return state === 'valid' || state === 'invalid' ? state : value.fail(`${name} takes valid or invalid`);
    },
    compile: (state, draft) =>
      draft.testPacket((packet) => {
        if (packet.ipVersion === 0 || packet.isUnreadable || packet.missingBytes > 0 || !applies(packet)) return false;
        // One that the kernel has not filled in yet will be right.
        const isValid = packet.checksum === CHECKSUM.notReady || finish(sum(packet)) === 0;
        return isValid === (state === 'valid');
      }),
  });
}

const isWhole = (packet: Packet, version: 4 | 6, protocol: number): boolean =>
  packet.ipVersion === version && packet.protocol === protocol && !packet.isFragment;

function transportSum(packet: Packet): number {
  const { bytes, ipStart, ipEnd, ipVersion, transportStart, protocol } = packet;
  const addresses = ipStart + (ipVersion === 4 ? IPV4_ADDRESSES : IPV6_ADDRESSES);
  const pseudo = pseudoHeaderSum(bytes, ipVersion === 4 ? 4 : 6, addresses, protocol, ipEnd - transportStart);
  return addWords(pseudo, bytes, transportStart, ipEnd);
}

const { tcp, udp, icmp, icmpv6 } = IP_PROTOCOL;
const hasChecksum = (packet: Packet): boolean => u16(packet.bytes, packet.transportStart + UDP_CHECKSUM) !== 0;

export const checksumKeywords = [
  checksumKeyword(
    'ipv4-csum',
    'the IPv4 header',
    ({ ipVersion }) => ipVersion === 4,
    ({ bytes, ipStart }) => addWords(0, bytes, ipStart, ipStart + (u8(bytes, ipStart) & 0x0f) * 4),
  ),
  checksumKeyword('tcpv4-csum', 'TCP over IPv4', (packet) => isWhole(packet, 4, tcp), transportSum),
  checksumKeyword('tcpv6-csum', 'TCP over IPv6', (packet) => isWhole(packet, 6, tcp), transportSum),
  checksumKeyword(
    'udpv4-csum',
    'UDP over IPv4, where there is one',
    (packet) => isWhole(packet, 4, udp) && hasChecksum(packet),
    transportSum,
  ),
  checksumKeyword('udpv6-csum', 'UDP over IPv6', (packet) => isWhole(packet, 6, udp), transportSum),
  checksumKeyword(
    'icmpv4-csum',
    'ICMP',
    (packet) => isWhole(packet, 4, icmp),
    ({ bytes, transportStart, ipEnd }) => addWords(0, bytes, transportStart, ipEnd),
  ),
  checksumKeyword('icmpv6-csum', 'ICMPv6', (packet) => isWhole(packet, 6, icmpv6), transportSum),
];
