/**
 * `make bench`: what inspection costs on this machine, as ratios to the same traffic without it.
 * Arguments: --rounds N (default 8), --rules FILE (repeatable, patterns allowed), --json FILE, --svg FILE.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { endOnSignals, whyNoTestbed } from '../support/netns.ts';
import { barChart } from './bar-chart.ts';
import { type Engine, MEASURES, type Measure, measure, type Sample } from './inline.ts';

const BASELINE = 'no IPS';
const SIGNATURES = 'signatures/*/*.rules';

const TITLES: Readonly<Record<Measure, string>> = {
  bulkUpGbitPerSecond: 'bulk up Gbit/s',
  bulkDownGbitPerSecond: 'bulk down Gbit/s',
  keepAlivePerSecond: 'keep-alive req/s',
  connectionsPerSecond: 'new conn. req/s',
  largeObjectsPerSecond: '100 KB obj/s',
  singleRequestMs: 'one request ms',
  loadedP99Ms: 'p99 of 32 ms',
};

async function main(): Promise<number> {
  const { values: options } = parseArgs({
    options: {
      rounds: { type: 'string', default: '8' },
      rules: { type: 'string', multiple: true },
      json: { type: 'string', default: '.bench/inline.json' },
      svg: { type: 'string', default: '.bench/inline.svg' },
    },
  });
  const reason = whyNoTestbed();
  if (reason !== null) {
    console.error(`bench: cannot make network namespaces with NFQUEUE here (${reason}): run it as root`);
    return 3;
  }
  const rounds = Number(options.rounds);
  const ruleFiles = options.rules ?? [SIGNATURES];
  const engines: Engine[] = [
    { name: BASELINE, inspection: 'none' },
    { name: 'accept all', inspection: 'accept all' },
    { name: 'vpatch', inspection: { ruleFiles, args: ['--mode', 'prevent'] } },
  ];

  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}, Node ${process.versions.node}`;
  console.log(`${machine}\nrules: ${ruleFiles.join(' ')}; ${rounds} rounds\n`);
  const samples: Sample[] = [];
  await measure(engines, rounds, (sample) => {
    samples.push(sample);
    console.log(row(`${sample.round} ${sample.engine}`, (name) => sample.values[name], sample.residentMib));
  });

  const summary = engines.map(({ name }) => summarise(name, samples));
  console.log(`\nmedians\n${header()}`);
  for (const { engine, medians, residentMib } of summary) {
    console.log(row(engine, (name) => medians[name], residentMib));
  }
  for (const { engine, ratios } of summary.slice(1)) {
    console.log(row(`${engine} / ${BASELINE}`, (name) => ratios[name], null));
  }

  const startMs = median(samples.flatMap((sample) => sample.startMs ?? []));
  console.log(`vpatch inspects ${startMs.toFixed(0)} ms after its start`);

  const [, ...inspecting] = summary;
  const bars = MEASURES.map((name) => ({
    label: TITLES[name],
    values: inspecting.map(({ ratios }) => ratios[name]),
  }));
  mkdirSync(dirname(options.svg), { recursive: true });
  writeFileSync(
    options.svg,
    barChart(
      `As a ratio to ${BASELINE} (times in ms: less is better)`,
      inspecting.map(({ engine }) => engine),
      bars,
    ),
  );
  mkdirSync(dirname(options.json), { recursive: true });
  const report = { date: new Date().toISOString(), machine, ruleFiles, samples, summary };
  writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  console.log(`\nall samples: ${options.json}, plot: ${options.svg}`);
  return 0;
}

interface Summary {
  readonly engine: string;
  readonly medians: Readonly<Record<Measure, number>>;
  /** Medians of the ratios within each round. */
  readonly ratios: Readonly<Record<Measure, number>>;
  readonly residentMib: number | null;
}

function summarise(engine: string, samples: readonly Sample[]): Summary {
  const own = samples.filter((sample) => sample.engine === engine);
  const baselines = new Map(
    samples.filter((sample) => sample.engine === BASELINE).map(({ round, values }) => [round, values]),
  );
  const forEach = (value: (sample: Sample, name: Measure) => number): Record<Measure, number> =>
    Object.fromEntries(MEASURES.map((name) => [name, median(own.map((sample) => value(sample, name)))])) as Record<
      Measure,
      number
    >;
  const resident = own.flatMap(({ residentMib }) => (residentMib === null ? [] : [residentMib]));
  return {
    engine,
    medians: forEach(({ values }, name) => values[name]),
    ratios: forEach(({ round, values }, name) => values[name] / baselines.get(round)![name]),
    residentMib: resident.length === 0 ? null : median(resident),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const NAME_WIDTH = 18;

const header = (): string =>
  ['engine'.padEnd(NAME_WIDTH), ...MEASURES.map((name) => TITLES[name].padStart(17)), 'RSS MiB'.padStart(9)].join('');

function row(name: string, value: (measure: Measure) => number, residentMib: number | null): string {
  const cells = MEASURES.map((measure) => rounded(value(measure)).padStart(17));
  return [name.padEnd(NAME_WIDTH), ...cells, (residentMib === null ? '-' : residentMib.toFixed(0)).padStart(9)].join(
    '',
  );
}

const rounded = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(2));

endOnSignals();
process.exitCode = await main();
