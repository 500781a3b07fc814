import { u16, u32 } from '../../base/bytes.ts';
import { IP_PROTOCOL, type Packet } from '../../wire/packet.ts';
import { defineKeyword } from '../keyword.ts';
import { isInRange, uintRange } from '../values.ts';

/** RFC 792, Echo: offsets in bytes from the start of the ICMP header. RFC 4443 §4.1 is the same. */
const IDENTIFIER = 4;
const SEQUENCE_NUMBER = 6;
const ECHO_HEADER_BYTES = 8;

const itype = defineKeyword({
  name: 'itype',
  summary: 'ICMP or ICMPv6 type',
  example: 'itype:8;',
  parse: uintRange({ max: 255 }),
  compile: (range, draft) => draft.testPacket((packet) => isIcmp(packet) && isInRange(range, packet.icmpType)),
});

const icode = defineKeyword({
  name: 'icode',
  summary: 'ICMP or ICMPv6 code',
  example: 'icode:0;',
  parse: uintRange({ max: 255 }),
  compile: (range, draft) => draft.testPacket((packet) => isIcmp(packet) && isInRange(range, packet.icmpCode)),
});

const icmpId = defineKeyword({
  name: 'icmp_id',
  summary: 'Identifier of an ICMP echo request or reply',
  example: 'icmp_id:0;',
  parse: uintRange({ max: 65_535, isQuotable: true }),
  compile: (range, draft) =>
    draft.testPacket((packet) => isEcho(packet) && isInRange(range, echoField(packet, IDENTIFIER))),
});

const icmpSeq = defineKeyword({
  name: 'icmp_seq',
  summary: 'Sequence number of an ICMP echo request or reply',
  example: 'icmp_seq:0;',
  parse: uintRange({ max: 65_535, isQuotable: true }),
  compile: (range, draft) =>
    draft.testPacket((packet) => isEcho(packet) && isInRange(range, echoField(packet, SEQUENCE_NUMBER))),
});

/** RFC 4443 §3.2. */
const PACKET_TOO_BIG = 2;
const MTU = 4;

const mtu = defineKeyword({
  name: 'icmpv6.mtu',
  summary: 'The MTU that an ICMPv6 packet-too-big message names',
  example: 'icmpv6.mtu:<1280;',
  parse: uintRange({ max: 0xffff_ffff }),
  compile: (range, draft) =>
    draft.testPacket(
      (packet) =>
        packet.protocol === IP_PROTOCOL.icmpv6 &&
        !packet.isFragment &&
        packet.icmpType === PACKET_TOO_BIG &&
        packet.ipEnd - packet.transportStart >= ECHO_HEADER_BYTES &&
        isInRange(range, u32(packet.bytes, packet.transportStart + MTU)),
    ),
});

export const icmpKeywords = [itype, icode, icmpId, icmpSeq, mtu];

const isIcmp = (packet: Packet): boolean =>
  (packet.protocol === IP_PROTOCOL.icmp || packet.protocol === IP_PROTOCOL.icmpv6) && !packet.isFragment;

/** Echo, timestamp, information and address mask messages have the two fields; of ICMPv6 only echo. */
function isEcho(packet: Packet): boolean {
  if (!isIcmp(packet) || packet.ipEnd - packet.transportStart < ECHO_HEADER_BYTES) return false;
  const type = packet.icmpType;
  if (packet.protocol === IP_PROTOCOL.icmpv6) return type === 128 || type === 129;
  return type === 0 || type === 8 || (type >= 13 && type <= 18);
}

const echoField = (packet: Packet, offset: number): number => u16(packet.bytes, packet.transportStart + offset);
