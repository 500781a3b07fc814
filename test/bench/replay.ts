/**
 * `make bench-replay`: packets and bytes a second through the pipeline by stage, and where the time goes. On traffic
 * that is made up, and on captures that are named.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { positiveNumber, toolOptions } from '../support/tool-options.ts';
import { ownRules, SHIPPED_RULES } from './engine.ts';
import { percent, shown } from './report.ts';
import { BENCH_CONFIG, compiled, textsOf } from './rule-sets.ts';
import { type SelfTimes, selfTimes } from './self-time.ts';
import { heapBytesPerPacket, play, type StageCost, stageCosts } from './stage-costs.ts';
import { stageTable } from './stage-table.ts';
import { WHOLE } from './stages.ts';
import {
  bulkTraffic,
  capturedTraffic,
  connectionTraffic,
  dnsTraffic,
  keepAliveTraffic,
  type Traffic,
} from './traffic.ts';

const PACKETS = 30_000;
const LARGE_SEGMENT_BYTES = 60_000;
const SEGMENT_BYTES = 1448;
const KEEP_ALIVE_CONNECTIONS = 64;
const SHOWN_FUNCTIONS = 12;

const USAGE = `make bench-replay ARGS='...' CAPTURE=FILE   what each stage costs, on made-up traffic or a capture

  --rules PLACE       a file, a folder, or a pattern (the shipped ones); or RULES=PLACE
  --seconds N         of each measurement (0.5)
  --json FILE         all figures (.bench/replay.json)`;

const { values: options, positionals: captures } = toolOptions(USAGE, {
  allowPositionals: true,
  options: {
    rules: { type: 'string', default: '' },
    seconds: { type: 'string', default: '0.5' },
    json: { type: 'string', default: '.bench/replay.json' },
  },
});
const seconds = positiveNumber('--seconds', options.seconds);
const rules = options.rules === '' ? SHIPPED_RULES : ownRules(options.rules);
const ruleset = compiled(textsOf(rules));
console.log(`${ruleset.ruleCount} rules (${rules.name}); processor time of one core\n`);

const reports: TrafficReport[] = [];
for (const make of sources()) {
  const report = await reportOf(await make());
  console.log(described(report));
  reports.push(report);
}
mkdirSync(dirname(options.json), { recursive: true });
writeFileSync(
  options.json,
  `${JSON.stringify({ date: new Date().toISOString(), rules: rules.name, reports }, null, 2)}\n`,
);
console.log(`all figures: ${options.json}`);

/** Made when it is their turn: they are large. */
function sources(): (() => Traffic | Promise<Traffic>)[] {
  if (captures.length > 0) return captures.map((file) => () => capturedTraffic(file));
  return [
    () => bulkTraffic(LARGE_SEGMENT_BYTES, PACKETS / 10),
    () => bulkTraffic(SEGMENT_BYTES, PACKETS),
    () => keepAliveTraffic(KEEP_ALIVE_CONNECTIONS, PACKETS),
    () => connectionTraffic(PACKETS),
    () => dnsTraffic(PACKETS),
  ];
}

function repeat({ frames }: Traffic, forSeconds: number): void {
  const endMs = performance.now() + forSeconds * 1000;
  do play(frames, WHOLE.begin(BENCH_CONFIG, ruleset));
  while (performance.now() < endMs);
}

interface TrafficReport {
  readonly name: string;
  readonly packets: number;
  /** Of all packets. */
  readonly bytes: number;
  readonly costs: readonly StageCost[];
  readonly heapBytesPerPacket: number;
  readonly profile: SelfTimes;
}

async function reportOf(traffic: Traffic): Promise<TrafficReport> {
  return {
    name: traffic.name,
    packets: traffic.frames.length,
    bytes: traffic.frames.reduce((sum, frame) => sum + frame.wireBytes, 0),
    costs: stageCosts(traffic, BENCH_CONFIG, ruleset, seconds),
    heapBytesPerPacket: heapBytesPerPacket(traffic, BENCH_CONFIG, ruleset),
    profile: await selfTimes(() => repeat(traffic, seconds)),
  };
}

function described({ name, packets, bytes, costs, heapBytesPerPacket, profile }: TrafficReport): string {
  const line = ({ name: place, share }: SelfTimes['folders'][number]): string =>
    `  ${percent(share).padStart(6)}  ${place}`;
  return [
    `${name}: ${packets.toLocaleString('en')} packets of ${shown(bytes / packets)} bytes\n`,
    stageTable(costs, bytes / packets),
    `left on the heap: ${heapBytesPerPacket.toFixed(1)} bytes a packet`,
    'samples by folder:',
    ...profile.folders.map(line),
    'by function:',
    ...profile.functions.slice(0, SHOWN_FUNCTIONS).map(line),
    '',
  ].join('\n');
}
