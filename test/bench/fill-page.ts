/**
 * `make bench-docs`: puts the tables and plots of the last runs of the benchmarks into docs/performance.md. What was
 * not run stays as it is there.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type Curve, curveTable } from './curve.ts';
import { BASELINE } from './engine.ts';
import { lineChart } from './line-chart.ts';
import { regionsFilled } from './page-regions.ts';
import { plots, writePlots } from './plots.ts';
import { comparisonTable, medianTable } from './report.ts';
import type { StageCost } from './stage-costs.ts';
import { stageTable } from './stage-table.ts';
import type { Summary } from './statistics.ts';

const PAGE = 'docs/performance.md';
const FOLDER = 'docs';

/** What the benchmarks have written, as far as it is used here. */
interface BenchRun {
  readonly date: string;
  readonly machine: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly summary: readonly Summary[];
}
interface CurvesRun {
  readonly date: string;
  readonly curves: readonly Curve[];
}
interface ReplayRun {
  readonly date: string;
  readonly rules: string;
  readonly reports: readonly {
    readonly name: string;
    readonly packets: number;
    readonly bytes: number;
    readonly costs: readonly StageCost[];
  }[];
}

const regions: Record<string, string> = {};
const bench = written<BenchRun>('.bench/bench.json');
if (bench !== null) {
  const { machine, rounds, seconds, summary } = bench;
  regions.machine = `${machine}; ${dayOf(bench)}; ${rounds} rounds, ${seconds} s each load.\n`;
  regions.medians = medianTable(summary);
  regions.compared = comparisonTable(summary, BASELINE);
  writePlots(FOLDER, plots(summary, BASELINE));
}
const held = written<BenchRun>('.bench/held.json');
if (held !== null) regions.held = `${dayOf(held)}, one round.\n\n${medianTable(held.summary.slice(1))}`;
const curves = written<CurvesRun>('.bench/curves.json');
for (const curve of curves?.curves ?? []) {
  regions[curve.name] = curveTable(curve);
  writePlots(
    FOLDER,
    curve.charts.map(({ file, ...chart }) => ({ name: file, svg: lineChart(chart) })),
  );
}
const replay = written<ReplayRun>('.bench/replay.json');
if (replay !== null) {
  const tables = replay.reports.map(
    ({ name, packets, bytes, costs }) => `${capital(name)}:\n\n${stageTable(costs, bytes / packets)}`,
  );
  regions.stages = `With ${replay.rules} rules, ${dayOf(replay)}.\n\n${tables.join('\n')}`;
}
writeFileSync(PAGE, regionsFilled(readFileSync(PAGE, 'utf8'), regions));
console.log(`${PAGE}: ${Object.keys(regions).join(', ') || 'nothing: no benchmark was run here'}`);

function written<T>(file: string): T | null {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : null;
}

function dayOf({ date }: { readonly date: string }): string {
  return date.slice(0, 'yyyy-mm-dd'.length);
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
