import { IP_PROTOCOL, type Packet } from '../../wire/packet.ts';
import { TcpOptions } from '../../wire/tcp.ts';
import { defineKeyword } from '../keyword.ts';
import { PACKET_BUFFERS } from '../packet-buffers.ts';
import { isInRange, nothing, uintRange } from '../values.ts';

const headers = PACKET_BUFFERS.map(({ choice }) =>
  defineKeyword({
    name: choice.definition.name,
    summary: `${choice.definition.summary}: what follows looks into it`,
    example: `${choice.definition.name}; content:"|00 00|"; offset:4;`,
    parse: nothing,
    compile: (_, draft) => draft.enterPacketBuffer(choice),
  }),
);

const TCP_HEADER_BYTES = 20;
const options = new TcpOptions();

/** The options of a TCP packet, or null where it has none; valid until the next call. */
function optionsOf(packet: Packet): TcpOptions | null {
  const start = packet.transportStart + TCP_HEADER_BYTES;
  if (packet.protocol !== IP_PROTOCOL.tcp || packet.isFragment || start >= packet.payloadStart) return null;
  options.read(packet.bytes, start, packet.payloadStart);
  return options;
}

const mss = defineKeyword({
  name: 'tcp.mss',
  summary: 'The maximum segment size that TCP options offer',
  example: 'tcp.mss:<536;',
  parse: uintRange({ max: 65_535 }),
  compile: (range, draft) =>
    draft.testPacket((packet) => {
      const offered = optionsOf(packet)?.mss ?? -1;
      return offered >= 0 && isInRange(range, offered);
    }),
});

export const packetBufferKeywords = [...headers, mss];
