import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { barChart } from './bar-chart.ts';
import { MEASURE_NAMES, MEASURES, type Measure } from './measures.ts';
import type { Summary } from './statistics.ts';

export interface Plot {
  /** Of the file. */
  readonly name: string;
  readonly svg: string;
}

/** Throughput beside the baseline's, and milliseconds as they are. What no engine has is left out. */
export function plots(summary: readonly Summary[], baseline: string): Plot[] {
  const inspecting = summary.filter(({ engine }) => engine !== baseline);
  const bars = (engines: readonly Summary[], names: readonly Measure[], of: 'medians' | 'compared') =>
    names
      .filter((name) => engines.every((engine) => engine[of][name] !== undefined))
      .map((name) => ({ label: MEASURES[name].title, values: engines.map((engine) => engine[of][name]!) }));
  const rates = MEASURE_NAMES.filter((name) => MEASURES[name].isRate);
  const engines = ({ engine }: Summary): string => engine;
  return [
    {
      name: 'performance.svg',
      svg: barChart(
        `Throughput beside ${baseline}, which is 1`,
        inspecting.map(engines),
        bars(inspecting, rates, 'compared'),
        1,
      ),
    },
    {
      name: 'performance-latency.svg',
      svg: barChart('Latency in ms', summary.map(engines), bars(summary, LATENCIES, 'medians')),
    },
  ];
}

export function writePlots(folder: string, all: readonly Plot[]): void {
  mkdirSync(folder, { recursive: true });
  for (const { name, svg } of all) writeFileSync(join(folder, name), svg);
}

const LATENCIES: readonly Measure[] = [
  'pingP50',
  'pingP99',
  'requestP50',
  'requestP99',
  'keepAliveP99',
  'loadedRequestP50',
  'loadedRequestP99',
];
