import { type Direction, TO_CLIENT, TO_SERVER } from '../../../src/base/direction.ts';
import type { Overrides } from '../../../src/config/overrides.ts';
import { buildIcmp, buildUdp } from '../../support/packets.ts';
import { buildSegment, ENDPOINTS, NO_DATA, type Segment } from '../../support/segments.ts';
import type { CheckCase, CheckCases } from './check-case.ts';

const V4 = { source: '192.0.2.1', destination: '192.0.2.2' } as const;

/** Numbers count from the SYN of each side. */
function segment(from: Direction, flags: string, sequence = 0, acknowledgement = 0, text = ''): Uint8Array {
  const data = text === '' ? NO_DATA : new Uint8Array(Buffer.from(text));
  return buildSegment({ from, flags, sequence, acknowledgement, data, timestamp: null }, ENDPOINTS[4]);
}

function syn(port: number): Uint8Array {
  const { addresses, initial } = ENDPOINTS[4];
  return buildSegment(
    { from: TO_SERVER, flags: 'S', sequence: 0, acknowledgement: 0, data: NO_DATA, timestamp: null },
    { addresses, initial, ports: [port, 80] },
  );
}
const datagram = (port: number): Uint8Array => buildUdp({ ...V4, sourcePort: port });
/** Echo and timestamp. */
const asking = (type: 8 | 13): Uint8Array => buildIcmp({ ...V4, type, payload: new Uint8Array(12) });

const beyond = (flow: Overrides['flow'] & object, first: Uint8Array, second: Uint8Array): CheckCase => ({
  fails: [first, second],
  arrives: [first, first],
  config: { flow },
});

const CAP_CASES: CheckCases = {
  'flow.tcp_limit': beyond({ maxTcpFlows: 1 }, syn(1000), syn(1001)),
  'flow.half_open_limit': beyond({ maxHalfOpenFlows: 1 }, syn(1000), syn(1001)),
  'flow.udp_limit': beyond({ maxUdpFlows: 1 }, datagram(1000), datagram(1001)),
  'flow.other_limit': beyond({ maxOtherFlows: 1 }, asking(8), asking(13)),
  'flow.source_limit': beyond({ maxFlowsPerSource: 1 }, syn(1000), datagram(1000)),
  'flow.source_half_open_limit': beyond({ maxHalfOpenPerSource: 1 }, syn(1000), syn(1001)),
};

const [ETH0, ETH1] = [2, 3];
const shaken = [segment(TO_SERVER, 'S'), segment(TO_CLIENT, 'SA', 0, 1), segment(TO_SERVER, 'A', 1, 1)];
/** No window is so large. */
const FAR = 0x1000_0000;
const data = (direction: Direction, sequence: number, acknowledgement: number): Uint8Array =>
  segment(direction, 'PA', sequence, acknowledgement, 'data');

/** Data where it belongs arrives, the same far away does not. */
function farData(before: readonly Uint8Array[], direction: Direction, sequence: number, ack: number): CheckCase {
  const opening = [...shaken, ...before];
  return {
    fails: [...opening, data(direction, sequence + FAR, ack)],
    arrives: [...opening, data(direction, sequence, ack)],
  };
}

const buildSpecial = (special: Partial<Segment>): Uint8Array => {
  const usual: Segment = {
    from: TO_SERVER,
    flags: 'PA',
    sequence: 1,
    acknowledgement: 1,
    data: NO_DATA,
    timestamp: null,
  };
  return buildSegment({ ...usual, ...special }, ENDPOINTS[4]);
};
const text = (data: string): Uint8Array => new Uint8Array(Buffer.from(data));
/** RFC 2385: kind, length, digest. */
const SIGNATURE = Uint8Array.of(19, 18, ...new Array<number>(16).fill(1));
const urgent = (sequence: number): Uint8Array =>
  buildSpecial({ flags: 'UA', sequence, data: text('ab'), urgentPointer: 2 });

const clientFin = segment(TO_SERVER, 'FA', 1, 1);
const serverFin = segment(TO_CLIENT, 'FA', 1, 1);

const STREAM_CASES: CheckCases = {
  'tcp.split_handshake': {
    fails: [segment(TO_SERVER, 'S'), segment(TO_CLIENT, 'A', 0, 1)],
    arrives: [segment(TO_SERVER, 'S'), segment(TO_CLIENT, 'SA', 0, 1)],
  },
  'tcp.retransmit_differs': {
    fails: [...shaken, segment(TO_SERVER, 'PA', 1, 1, 'abcd'), segment(TO_SERVER, 'PA', 1, 1, 'abXd')],
    arrives: [...shaken, segment(TO_SERVER, 'PA', 1, 1, 'abcd'), segment(TO_SERVER, 'PA', 1, 1, 'abcdef')],
  },
  'tcp.unexpected_signature': {
    fails: [...shaken, buildSpecial({ data: text('abcd'), options: SIGNATURE })],
    arrives: [...shaken, buildSpecial({ data: text('abcd') })],
  },
  'tcp.wrong_interface': {
    fails: [...shaken, segment(TO_SERVER, 'PA', 1, 1, 'abcd'), segment(TO_CLIENT, 'A', 1, 5)],
    arrives: [...shaken, segment(TO_SERVER, 'PA', 1, 1, 'abcd'), segment(TO_SERVER, 'PA', 5, 1, 'efgh')],
    inInterfaces: [ETH0, ETH1, ETH0, ETH0, ETH0],
  },
  'stream.reassembly_urgent_oob_limit_reached': {
    fails: [...shaken, urgent(1), urgent(3)],
    arrives: [...shaken, urgent(1), buildSpecial({ sequence: 3, data: text('cd') })],
  },
  'stream.est_packet_out_of_window': farData([], TO_SERVER, 1, 1),
  'stream.fin1_ack_wrong_seq': farData([serverFin], TO_SERVER, 1, 1),
  'stream.fin2_ack_wrong_seq': farData([serverFin, segment(TO_SERVER, 'A', 1, 2)], TO_SERVER, 1, 2),
  'stream.closewait_ack_out_of_window': farData([clientFin], TO_CLIENT, 1, 2),
  'stream.closing_ack_wrong_seq': {
    fails: [...shaken, serverFin, clientFin, data(TO_SERVER, FAR, 1)],
    arrives: [...shaken, serverFin, clientFin, segment(TO_SERVER, 'A', 2, 2)],
  },
  'stream.lastack_ack_wrong_seq': {
    fails: [...shaken, clientFin, segment(TO_CLIENT, 'FA', 1, 2), data(TO_SERVER, FAR, 1)],
    arrives: [...shaken, clientFin, segment(TO_CLIENT, 'FA', 1, 2), segment(TO_SERVER, 'A', 2, 2)],
  },
  'stream.timewait_ack_wrong_seq': {
    fails: [...shaken, serverFin, segment(TO_SERVER, 'FA', 1, 2), data(TO_SERVER, FAR, 2)],
    arrives: [...shaken, serverFin, segment(TO_SERVER, 'FA', 1, 2), segment(TO_CLIENT, 'A', 2, 2)],
  },
};

/** By the name of the check. */
export const CONNECTION_CASES: CheckCases = { ...CAP_CASES, ...STREAM_CASES };
