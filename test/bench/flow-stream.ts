// Packets per second and CPU core of flow lookup and TCP tracking. Build, then: node
// dist/tools/test/bench/flow-stream.js

import { FlowTable } from '../../src/flow/table.ts';
import type { StreamConsumer } from '../../src/stream/consumer.ts';
import { TcpTracker } from '../../src/stream/tracker.ts';
import { Decoder } from '../../src/wire/decode.ts';
import { CHECKSUM, Packet } from '../../src/wire/packet.ts';
import { buildTcp, framed, type TcpFields } from '../support/packets.ts';

const ROUNDS = 5;
const PACKETS_PER_ROUND = 2_000_000;
const PAYLOAD_BYTES = 1448;

class Sum implements StreamConsumer {
  bytes = 0;
  onData(_flow: number, _direction: number, _bytes: Uint8Array, start: number, end: number): void {
    this.bytes += end - start;
  }
  onGap(): void {
    throw new Error('a gap in traffic without one');
  }

  onRestart(): void {}
  onEnd(): void {}
}

const decoder = new Decoder();

function decoded(fields: TcpFields): Packet {
  const packet = framed(buildTcp(fields), { checksum: CHECKSUM.trusted, timeMs: 1 }, new Packet());
  decoder.decode(packet);
  if (packet.events.length > 0) throw new Error(packet.events.join(' '));
  return packet;
}

interface Addresses {
  source: string;
  destination: string;
}

/** Two packets for each of `connections`, in turn: data to the server and its acknowledgement. */
function measure(name: string, connections: number, addresses: (n: number) => Addresses, options: Uint8Array): void {
  const consumer = new Sum();
  const flows: FlowTable = new FlowTable([1, 2], (slot) => tracker.end(slot));
  const tracker: TcpTracker = new TcpTracker(flows, consumer, { mayMissPackets: false });
  const pairs = Array.from({ length: connections }, (_, n) => {
    const { source, destination } = addresses(n);
    const up = { source, destination, sourcePort: 1024 + (n % 60_000), destinationPort: 80, options };
    const down = { source: destination, destination: source, sourcePort: 80, destinationPort: up.sourcePort, options };
    for (const fields of [
      { ...up, flags: 'S', sequence: 100, acknowledgement: 0 },
      { ...down, flags: 'SA', sequence: 900, acknowledgement: 101 },
      { ...up, flags: 'A', sequence: 101, acknowledgement: 901 },
    ]) {
      const packet = decoded(fields);
      flows.lookup(packet);
      if (tracker.packet(packet) !== 'inspected') throw new Error(packet.events.join(' '));
    }
    const payload = new Uint8Array(PAYLOAD_BYTES);
    return {
      data: decoded({ ...up, flags: 'PA', sequence: 101, acknowledgement: 901, payload }),
      ack: decoded({ ...down, flags: 'A', sequence: 901, acknowledgement: 101 }),
    };
  });

  let best = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const cpuBefore = process.cpuUsage().user;
    for (let i = 0, n = 0; i < PACKETS_PER_ROUND; i += 2, n = n + 1 === connections ? 0 : n + 1) {
      const { data, ack } = pairs[n]!;
      flows.lookup(data);
      tracker.packet(data);
      data.sequence = (data.sequence + PAYLOAD_BYTES) >>> 0;
      ack.acknowledgement = data.sequence;
      flows.lookup(ack);
      tracker.packet(ack);
    }
    best = Math.max(best, PACKETS_PER_ROUND / ((process.cpuUsage().user - cpuBefore) / 1e6));
  }
  const expected = (ROUNDS * PACKETS_PER_ROUND * PAYLOAD_BYTES) / 2;
  if (consumer.bytes !== expected) throw new Error(`${name}: ${consumer.bytes} of ${expected} bytes delivered`);
  console.log(`${name.padEnd(44)} ${(best / 1e6).toFixed(2).padStart(7)} M packets/s`);
}

/** Whole short connections: handshake, one request, one answer, FIN both ways. */
function measureShort(): void {
  const PACKETS = ['S', 'SA', 'A', 'PA', 'PA', 'FA', 'FA', 'A'].length;
  const consumer = new Sum();
  const flows: FlowTable = new FlowTable([1, 2], (slot) => tracker.end(slot));
  const tracker: TcpTracker = new TcpTracker(flows, consumer, { mayMissPackets: false });
  const up = { sourcePort: 1024, destinationPort: 80, payload: '' };
  const down = { source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 80, destinationPort: 1024, payload: '' };
  const packets = [
    decoded({ ...up, flags: 'S', sequence: 0, acknowledgement: 0 }),
    decoded({ ...down, flags: 'SA', sequence: 0, acknowledgement: 1 }),
    decoded({ ...up, flags: 'A', sequence: 1, acknowledgement: 1 }),
    decoded({ ...up, flags: 'PA', sequence: 1, acknowledgement: 1, payload: 'x'.repeat(100) }),
    decoded({ ...down, flags: 'PA', sequence: 1, acknowledgement: 101, payload: 'x'.repeat(900) }),
    decoded({ ...up, flags: 'FA', sequence: 101, acknowledgement: 901 }),
    decoded({ ...down, flags: 'FA', sequence: 901, acknowledgement: 102 }),
    decoded({ ...up, flags: 'A', sequence: 102, acknowledgement: 902 }),
  ];
  const connections = 200_000;
  let best = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const cpuBefore = process.cpuUsage().user;
    for (let n = 0; n < connections; n++) {
      const address = round * connections + n;
      for (let i = 0; i < PACKETS; i++) {
        const packet = packets[i]!;
        (packet.sourcePort === 80 ? packet.destination : packet.source)[3] = address;
        flows.lookup(packet);
        if (tracker.packet(packet) !== 'inspected') throw new Error(packet.events.join(' '));
      }
    }
    best = Math.max(best, connections / ((process.cpuUsage().user - cpuBefore) / 1e6));
  }
  console.log(`${'short connections of 8 packets'.padEnd(44)} ${(best / 1e3).toFixed(0).padStart(7)} k connections/s`);
}

const none = new Uint8Array(0);
const timestamps = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 9);
const ipv4 = (n: number): Addresses => ({
  source: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`,
  destination: '10.255.0.1',
});
const ipv6 = (n: number): Addresses => ({ source: `fd00::${n.toString(16)}`, destination: 'fd00::ffff' });

measure('one connection, IPv4', 1, ipv4, none);
measure('one connection, IPv4, timestamps', 1, ipv4, timestamps);
measure('one connection, IPv6, timestamps', 1, ipv6, timestamps);
measure('1,000 connections in turn, IPv4, timestamps', 1000, ipv4, timestamps);
measure('20,000 connections in turn, IPv4, timestamps', 20_000, ipv4, timestamps);
measureShort();
