/**
 * `make bench-curves`: what a packet costs as rules, open connections and its own size grow, and what they take of
 * memory. Processor time of one core.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { generatedRules } from '../soak/generated-rules.ts';
import { usedMemory } from '../support/heap.ts';
import { endMistaken, positiveNumber, toolOptions } from '../support/tool-options.ts';
import { type Curve, curveTable } from './curve.ts';
import { SHIPPED_RULES } from './engine.ts';
import { lineChart } from './line-chart.ts';
import { OpenFlows } from './open-flows.ts';
import { writePlots } from './plots.ts';
import { BENCH_CONFIG, compiled, type RuleText, textsOf } from './rule-sets.ts';
import { packetNs } from './stage-costs.ts';
import { WHOLE } from './stages.ts';
import { bulkTraffic, connectionTraffic, keepAliveTraffic, type Traffic } from './traffic.ts';

const RULES = [0, 1_000, 5_000, 10_000, 20_000, 50_000];
const FLOWS = [1_000, 10_000, 50_000, 100_000, 200_000, 500_000];
const SEGMENT_BYTES = [64, 256, 512, 1448, 4_000, 16_000, 60_000];
const PACKETS = 20_000;
/** As many bytes of traffic are kept at a time. */
const TRAFFIC_BYTES = 64 * 2 ** 20;
const CONNECTIONS = 64;
const MIB = 2 ** 20;

const CURVES: Readonly<Record<string, (seconds: number) => Curve>> = {
  rules: curveOfRules,
  flows: curveOfFlows,
  size: curveOfSize,
};

const USAGE = `make bench-curves ARGS='...'   what a packet costs as rules, open connections and its own size grow

  --only A,B          of ${Object.keys(CURVES).join(', ')} (all)
  --seconds N         of each measurement (0.5)
  --json FILE         all figures (.bench/curves.json)
  --plots FOLDER      for the plots (.bench)`;

const { values: options } = toolOptions(USAGE, {
  options: {
    only: { type: 'string', default: Object.keys(CURVES).join(',') },
    seconds: { type: 'string', default: '0.5' },
    json: { type: 'string', default: '.bench/curves.json' },
    plots: { type: 'string', default: '.bench' },
  },
});

const curves: Curve[] = [];
for (const name of options.only.split(',')) {
  const make = CURVES[name];
  if (make === undefined) endMistaken(`--only ${name}: expected some of ${Object.keys(CURVES).join(', ')}`);
  const curve = make(positiveNumber('--seconds', options.seconds));
  curves.push(curve);
  console.log(curveTable(curve));
  writePlots(
    options.plots,
    curve.charts.map(({ file, ...chart }) => ({ name: file, svg: lineChart(chart) })),
  );
}
mkdirSync(dirname(options.json), { recursive: true });
writeFileSync(options.json, `${JSON.stringify({ date: new Date().toISOString(), curves }, null, 2)}\n`);
console.log(`all figures: ${options.json}; plots: ${options.plots}`);

/** Rules of the usual kinds, none of which the traffic matches. */
function curveOfRules(seconds: number): Curve {
  const traffics = [keepAliveTraffic(CONNECTIONS, PACKETS), connectionTraffic(PACKETS), bulkTraffic(1448, PACKETS)];
  const rows = RULES.map((count) => {
    const texts: RuleText[] = [{ file: 'generated.rules', text: generatedRules(count) }];
    const before = heldBytes();
    const startedAt = process.cpuUsage();
    const ruleset = compiled(texts);
    const { user, system } = process.cpuUsage(startedAt);
    const memoryMib = Math.max(0, heldBytes() - before) / MIB;
    const costs = traffics.map((traffic) => packetNs(traffic, WHOLE, BENCH_CONFIG, ruleset, seconds));
    return [count, ...costs, (user + system) / 1e6, memoryMib];
  });
  return {
    name: 'rules',
    columns: ['rules', ...traffics.map(({ name }) => `${name}, ns a packet`), 'to compile, s', 'heap, MiB'],
    rows,
    charts: [
      {
        file: 'performance-rules.svg',
        title: 'Processor time of a packet by the number of rules',
        xTitle: 'rules',
        yTitle: 'ns',
        lines: traffics.map(({ name }, at) => ({ name, points: rows.map((row) => [row[0]!, row[at + 1]!] as const) })),
      },
    ],
  };
}

/** By V8: the databases of patterns, which take far less, are elsewhere. */
function heldBytes(): number {
  const { heapBytes, bufferBytes } = usedMemory();
  return heapBytes + bufferBytes;
}

/** Connections that stay open, and requests on some of them, far from each other. */
function curveOfFlows(seconds: number): Curve {
  const ruleset = compiled(textsOf(SHIPPED_RULES));
  const rows = FLOWS.map((count) => {
    const flows = new OpenFlows(ruleset, count);
    return [count, flows.packetNs(seconds), flows.openNs, flows.bytesEach, (flows.bytesEach * count) / MIB];
  });
  return {
    name: 'flows',
    columns: ['open connections', 'page on any of them, ns a packet', 'to open one, ns', 'bytes each', 'of all, MiB'],
    rows,
    charts: [
      {
        file: 'performance-flows.svg',
        title: 'Processor time of a packet by the number of open connections',
        xTitle: 'open connections',
        yTitle: 'ns',
        lines: [{ name: 'pages of 1 KB on any of them', points: rows.map((row) => [row[0]!, row[1]!] as const) }],
      },
    ],
  };
}

/** Segments up a connection in which no protocol is recognised, beside their acknowledgements. */
function curveOfSize(seconds: number): Curve {
  const ruleset = compiled(textsOf(SHIPPED_RULES));
  const rows = SEGMENT_BYTES.map((bytes) => {
    const traffic: Traffic = bulkTraffic(bytes, Math.min(PACKETS, (2 * TRAFFIC_BYTES) / bytes));
    const ns = packetNs(traffic, WHOLE, BENCH_CONFIG, ruleset, seconds);
    // Every other packet is an acknowledgement.
    return [bytes, ns, (bytes * 8) / (2 * ns)];
  });
  return {
    name: 'size',
    columns: ['bytes of a segment', 'segment and acknowledgement, ns each', 'Gbit/s'],
    rows,
    charts: [
      {
        file: 'performance-size.svg',
        title: 'Throughput of one core by the size of segments',
        xTitle: 'bytes of a segment',
        yTitle: 'Gbit/s',
        isLogarithmic: true,
        lines: [{ name: 'bulk TCP, with acknowledgements', points: rows.map((row) => [row[0]!, row[2]!] as const) }],
      },
    ],
  };
}
