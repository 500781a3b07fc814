/**
 * Packets through the whole pipeline on one core, without rules, with the signatures we ship, and with
 * `RULES=FILE-OR-FOLDER`. CPU time, so that a busy machine does not matter. Build, then: node
 * dist/tools/test/bench/pipeline.js [NAME-OF-CASE]
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { VERDICT } from '../../src/capture/source.ts';
import { mergeConfig } from '../../src/config/overrides.ts';
import type { Ruleset } from '../../src/detect/ruleset.ts';
import type { EventSink } from '../../src/output/event.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { compileRuleset } from '../../src/service/rule-set.ts';
import { CHECKSUM, LINK, Packet } from '../../src/wire/packet.ts';
import { usedMemory } from '../support/heap.ts';
import { buildTcp, buildUdp, type TcpFields } from '../support/packets.ts';
import { REQUEST } from './traffic.ts';

/** Enough to see growth of a byte for each packet. */
const SMALL_PACKETS = Number(process.env.PACKETS ?? 10_000_000);
const CONNECTIONS = 64;
/** Opened and closed one after the other. */
const OPENED_CONNECTIONS = 1024;
const IPV4_BYTES = 20;

const config = mergeConfig();
const CLIENT = '10.1.0.1';
const SERVER = '10.1.0.2';

/** What goes wrong in the benchmark's traffic is a mistake of the benchmark; alerts are counted. */
class Counter implements EventSink {
  alerts = 0;
  alert(): void {
    this.alerts++;
  }
  anomaly: EventSink['anomaly'] = (_packet, _flow, { event }) => {
    throw new Error(`the benchmark sends nothing odd: ${event}`);
  };
  drop(): void {
    throw new Error('the benchmark sends nothing that is dropped');
  }
  stats(): void {}
}

/** A packet that is sent again and again, with other numbers. */
class Segment {
  readonly bytes: Uint8Array;
  readonly payloadBytes: number;
  readonly #view: DataView;

  constructor(fields: TcpFields) {
    this.bytes = buildTcp(fields);
    this.payloadBytes = fields.payload?.length ?? 0;
    this.#view = new DataView(this.bytes.buffer);
  }

  number(sequence: number, acknowledgement: number): void {
    this.#view.setUint32(IPV4_BYTES + 4, sequence);
    this.#view.setUint32(IPV4_BYTES + 8, acknowledgement);
  }
}

interface Case {
  readonly name: string;
  readonly packets: number;
  readonly serverPort: number;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
}

const page = 'an ordinary page\n'.repeat(20);
const response = Buffer.from(
  `HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/plain\r\nContent-Length: ${page.length}\r\n\r\n${page}`,
);
/** What `make bench` asks for and gets. */
const smallRequest = Buffer.from('GET / HTTP/1.1\r\nHost: 10.200.0.2:8080\r\n\r\n');
const smallPage = Buffer.from(
  [
    'HTTP/1.1 200 OK',
    'Server: nginx/1.22.1',
    'Date: Sun, 22 Nov 2026 04:00:00 GMT',
    'Content-Type: text/html',
    'Content-Length: 612',
    'Last-Modified: Sun, 22 Nov 2026 03:00:00 GMT',
    'Connection: keep-alive',
    'ETag: "637b1a2c-264"',
    'Accept-Ranges: bytes',
    '',
    'x'.repeat(612),
  ].join('\r\n'),
);
const bulk = (bytes: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 8) * 13) & 0xff);

const CASES: readonly Case[] = [
  {
    name: 'bulk 60000',
    packets: SMALL_PACKETS / 20,
    serverPort: 5001,
    request: bulk(60_000),
    response: new Uint8Array(0),
  },
  { name: 'bulk 1448', packets: SMALL_PACKETS / 5, serverPort: 5001, request: bulk(1448), response: new Uint8Array(0) },
  { name: 'http keep-alive', packets: SMALL_PACKETS, serverPort: 80, request: REQUEST, response },
  { name: 'http small page', packets: SMALL_PACKETS, serverPort: 80, request: smallRequest, response: smallPage },
];

class Run {
  readonly sink = new Counter();
  readonly #pipeline: Pipeline;
  readonly #packet = new Packet();

  constructor(ruleset: Ruleset) {
    this.#pipeline = new Pipeline({
      config,
      mode: 'prevent',
      ruleset,
      sink: this.sink,
      seed: [1, 2],
      midstreamUntilMs: Number.NEGATIVE_INFINITY,
    });
    this.#packet.linkType = LINK.rawIp;
    this.#packet.checksum = CHECKSUM.trusted;
    this.#packet.timeMs = 1_700_000_000_000;
  }

  send(bytes: Uint8Array): void {
    const packet = this.#packet;
    packet.bytes = bytes;
    packet.end = bytes.length;
    packet.wireBytes = bytes.length;
    packet.number++;
    packet.timeMs += 0.001;
    if (this.#pipeline.process(packet) !== VERDICT.accept) throw new Error('a packet of the benchmark was dropped');
  }
}

/** Exchanges of a request, a response (or an acknowledgement), and an acknowledgement, on some connections in turn. */
function measureTcp({ name, packets, serverPort, request, response }: Case, ruleset: Ruleset): void {
  const run = new Run(ruleset);
  const connections = Array.from({ length: CONNECTIONS }, (_, n) => {
    const up = { source: CLIENT, destination: SERVER, sourcePort: 20_000 + n, destinationPort: serverPort };
    const down = { source: SERVER, destination: CLIENT, sourcePort: serverPort, destinationPort: 20_000 + n };
    run.send(buildTcp({ ...up, flags: 'S', sequence: 0, acknowledgement: 0 }));
    run.send(buildTcp({ ...down, flags: 'SA', sequence: 0, acknowledgement: 1 }));
    run.send(buildTcp({ ...up, flags: 'A', sequence: 1, acknowledgement: 1 }));
    return {
      request: new Segment({ ...up, payload: request }),
      response: new Segment({ ...down, flags: response.length > 0 ? 'PA' : 'A', payload: response }),
      ack: new Segment({ ...up, flags: 'A' }),
      sent: 1,
      answered: 1,
    };
  });
  const exchange = (n: number): number => {
    const connection = connections[n % CONNECTIONS]!;
    connection.request.number(connection.sent, connection.answered);
    run.send(connection.request.bytes);
    connection.sent = (connection.sent + request.length) >>> 0;
    connection.response.number(connection.answered, connection.sent);
    run.send(connection.response.bytes);
    if (response.length === 0) return 2;
    connection.answered = (connection.answered + response.length) >>> 0;
    connection.ack.number(connection.sent, connection.answered);
    run.send(connection.ack.bytes);
    return 3;
  };
  report(name, packets, exchange, connections[0]!.request.bytes.length + connections[0]!.response.bytes.length, run);
}

/** From SYN to the last ACK, with the small page between. */
function measureConnections(ruleset: Ruleset): void {
  const run = new Run(ruleset);
  const connections = Array.from({ length: OPENED_CONNECTIONS }, (_, n) => wholeConnection(20_000 + n));
  const exchange = (n: number): number => {
    const packets = connections[n % OPENED_CONNECTIONS]!;
    for (const packet of packets) run.send(packet);
    return packets.length;
  };
  const bytes = connections[0]!.reduce((sum, packet) => sum + packet.length, 0);
  report('http connections', SMALL_PACKETS, exchange, bytes, run);
}

function wholeConnection(port: number): Uint8Array[] {
  const up = { source: CLIENT, destination: SERVER, sourcePort: port, destinationPort: 80 };
  const down = { source: SERVER, destination: CLIENT, sourcePort: 80, destinationPort: port };
  const sent = 1 + smallRequest.length;
  const answered = 1 + smallPage.length;
  return [
    buildTcp({ ...up, flags: 'S', sequence: 0, acknowledgement: 0 }),
    buildTcp({ ...down, flags: 'SA', sequence: 0, acknowledgement: 1 }),
    buildTcp({ ...up, flags: 'A', sequence: 1, acknowledgement: 1 }),
    buildTcp({ ...up, flags: 'PA', sequence: 1, acknowledgement: 1, payload: smallRequest }),
    buildTcp({ ...down, flags: 'PA', sequence: 1, acknowledgement: sent, payload: smallPage }),
    buildTcp({ ...up, flags: 'A', sequence: sent, acknowledgement: answered }),
    buildTcp({ ...down, flags: 'FA', sequence: answered, acknowledgement: sent }),
    buildTcp({ ...up, flags: 'FA', sequence: sent, acknowledgement: answered + 1 }),
    buildTcp({ ...down, flags: 'A', sequence: answered + 1, acknowledgement: sent + 1 }),
  ];
}

function measureUdp(ruleset: Ruleset): void {
  const run = new Run(ruleset);
  const datagrams = Array.from({ length: CONNECTIONS }, (_, n) => [
    buildUdp({
      source: CLIENT,
      destination: SERVER,
      sourcePort: 20_000 + n,
      destinationPort: 5353,
      payload: bulk(100),
    }),
    buildUdp({
      source: SERVER,
      destination: CLIENT,
      sourcePort: 5353,
      destinationPort: 20_000 + n,
      payload: bulk(100),
    }),
  ]);
  const exchange = (n: number): number => {
    const [question, answer] = datagrams[n % CONNECTIONS]!;
    run.send(question!);
    run.send(answer!);
    return 2;
  };
  report('udp 100', SMALL_PACKETS / 2, exchange, 2 * datagrams[0]![0]!.length, run);
}

function report(name: string, packets: number, exchange: (n: number) => number, exchangeBytes: number, run: Run): void {
  let sent = 0;
  let n = 0;
  while (sent < packets / 10) sent += exchange(n++);
  const heapBefore = usedMemory().heapBytes;
  const startedAt = process.cpuUsage();
  sent = 0;
  const first = n;
  while (sent < packets) sent += exchange(n++);
  const used = process.cpuUsage(startedAt);
  const seconds = (used.user + used.system) / 1e6;
  const exchanges = n - first;
  const growth = usedMemory().heapBytes - heapBefore;
  const figures = [
    `${(sent / seconds / 1e3).toFixed(0).padStart(6)} k packets/s`,
    `${((exchanges * exchangeBytes * 8) / seconds / 1e9).toFixed(1).padStart(6)} Gbit/s`,
    `${((seconds / exchanges) * 1e6).toFixed(2).padStart(6)} µs an exchange`,
    `heap ${growth >= 0 ? '+' : ''}${(growth / 1024).toFixed(0)} KiB over ${(sent / 1e6).toFixed(1)} M packets`,
    ...(run.sink.alerts > 0 ? [`${run.sink.alerts} alerts`] : []),
  ];
  console.log(`  ${name.padEnd(16)} ${figures.join('  ')}`);
}

function rulesetOf(files: readonly string[]): Ruleset {
  const texts = files.map((file) => ({ file, text: readFileSync(file, 'utf8') }));
  const startedAt = process.cpuUsage();
  const { rules, ruleset } = compileRuleset(
    { files: texts, classification: null, reference: null, threshold: null, reputation: null },
    config,
  );
  const used = process.cpuUsage(startedAt);
  const seconds = (used.user + used.system) / 1e6;
  console.log(`${rules.length} rules, compiled in ${seconds.toFixed(2)} s`);
  return ruleset;
}

/** A file, or all rule files of a folder. */
function rulesBelow(place: string): string[] {
  if (place.endsWith('.rules')) return [place];
  const files = readdirSync(place, { recursive: true, encoding: 'utf8' });
  return files.filter((file) => file.endsWith('.rules')).map((file) => join(place, file));
}

const wanted = process.argv[2] ?? '';
const rulesets = [[], rulesBelow('signatures'), ...(process.env.RULES ? [rulesBelow(process.env.RULES)] : [])];
for (const files of process.env.ONLY_RULES ? rulesets.slice(-1) : rulesets) {
  const ruleset = rulesetOf(files);
  for (const each of CASES) if (each.name.includes(wanted)) measureTcp(each, ruleset);
  if ('http connections'.includes(wanted)) measureConnections(ruleset);
  if ('udp 100'.includes(wanted)) measureUdp(ruleset);
}
