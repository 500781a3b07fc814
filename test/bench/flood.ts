/**
 * A million connections opened and left half-open, with honest clients in between: whether those are served, what the
 * memory is, and the longest stall. A stall is the processor time of one batch, since a busy machine adds its own.
 * Build, then: node dist/tools/test/bench/flood.js [CAP]
 */
import { VERDICT } from '../../src/capture/source.ts';
import { mergeConfig } from '../../src/config/overrides.ts';
import type { EventSink } from '../../src/output/event.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { compileRuleset } from '../../src/service/rule-set.ts';
import { CHECKSUM, Packet } from '../../src/wire/packet.ts';
import { buildTcp, type TcpFields } from '../support/packets.ts';

const SYNS = 1_000_000;
const SYNS_PER_SECOND = 200_000;
/** As many as a worker takes from its queue at once. */
const BATCH_PACKETS = 64;
/** An honest client for as many forged SYNs. */
const SYNS_PER_CLIENT = 5000;
/** From the client's SYN to its ACK. */
const ROUND_TRIP_MS = 20;

const SERVER = { destination: '10.1.0.2', destinationPort: 80 };
const cap = process.argv[2] === undefined ? mergeConfig().flow.maxTcpFlows : Number(process.argv[2]);

/** Checks may tell of the flood; nothing else may happen. */
const sink: EventSink = {
  alert: () => {},
  anomaly: () => {},
  drop: () => {},
  stats: () => {},
};

const defaults = mergeConfig();
const config = { ...defaults, flow: { ...defaults.flow, maxTcpFlows: cap } };
const noRules = { files: [], classification: null, reference: null, threshold: null, reputation: null };
const pipeline = new Pipeline({
  config,
  mode: 'prevent',
  ruleset: compileRuleset(noRules, config).ruleset,
  sink,
  seed: [1, 2],
  midstreamUntilMs: Number.NEGATIVE_INFINITY,
});
const packet = new Packet();
packet.checksum = CHECKSUM.trusted;
packet.timeMs = 1_700_000_000_000;

function send(bytes: Uint8Array): boolean {
  packet.setBytes(bytes);
  packet.number++;
  return pipeline.process(packet) === VERDICT.accept;
}

/** What is left of an honest client's exchange: in `atMs` it goes on. */
interface Client {
  readonly atMs: number;
  readonly packets: readonly Uint8Array[];
}

function openClient(n: number): Client | null {
  const up = { ...SERVER, source: `192.0.2.${n % 250}`, sourcePort: 1024 + n } satisfies TcpFields;
  const down = { source: SERVER.destination, destination: up.source, sourcePort: 80, destinationPort: up.sourcePort };
  const isOpen =
    send(buildTcp({ ...up, flags: 'S', sequence: 9, acknowledgement: 0 })) &&
    send(buildTcp({ ...down, flags: 'SA', sequence: 99, acknowledgement: 10 }));
  if (!isOpen) return null;
  const request = Buffer.from('GET / HTTP/1.1\r\nHost: example.com\r\n\r\n');
  const packets = [
    buildTcp({ ...up, flags: 'A', sequence: 10, acknowledgement: 100 }),
    buildTcp({ ...up, flags: 'PA', sequence: 10, acknowledgement: 100, payload: request }),
  ];
  return { atMs: packet.timeMs + ROUND_TRIP_MS, packets };
}

const syn = buildTcp({ ...SERVER, source: '10.0.0.0', sourcePort: 1024, flags: 'S', sequence: 0, acknowledgement: 0 });
const view = new DataView(syn.buffer);
const SOURCE_ADDRESS = 12;
const SOURCE_PORT = 20;

const waiting: Client[] = [];
let clients = 0;
let served = 0;
let passed = 0;
let longestMs = 0;
const startedAt = process.cpuUsage();
for (let sent = 0; sent < SYNS; ) {
  const before = process.cpuUsage();
  for (let i = 0; i < BATCH_PACKETS && sent < SYNS; i++, sent++) {
    packet.timeMs += 1000 / SYNS_PER_SECOND;
    view.setUint32(SOURCE_ADDRESS, 0x0b00_0000 + (sent >>> 4));
    view.setUint16(SOURCE_PORT, 1024 + (sent & 15));
    if (send(syn)) passed++;
  }
  pipeline.expire(packet.timeMs);
  const used = process.cpuUsage(before);
  longestMs = Math.max(longestMs, (used.user + used.system) / 1000);

  if (sent >= clients * SYNS_PER_CLIENT) {
    const client = openClient(clients++);
    if (client !== null) waiting.push(client);
  }
  while (waiting[0] !== undefined && waiting[0].atMs <= packet.timeMs) {
    if (waiting.shift()!.packets.every((bytes) => send(bytes))) served++;
  }
}
const used = process.cpuUsage(startedAt);
const figures = [
  `cap ${cap.toLocaleString('en')}`,
  `${passed.toLocaleString('en')} of ${SYNS.toLocaleString('en')} forged SYNs passed`,
  `${served} of ${clients - waiting.length} clients served`,
  `longest stall ${longestMs.toFixed(1)} ms`,
  `${((used.user + used.system) / SYNS).toFixed(2)} µs of processor time each`,
  `resident ${(process.memoryUsage.rss() / 2 ** 20).toFixed(0)} MiB`,
];
console.log(figures.join('; '));
