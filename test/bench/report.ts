import { MEASURE_NAMES, MEASURES, type Measure, type MeasureAbout, type Values } from './measures.ts';
import type { Summary } from './statistics.ts';

/**
 * What each engine had: tables of Markdown that are readable as they stand, a row for each measure that some engine
 * has.
 */
export const medianTable = (summaries: readonly Summary[]): string =>
  tableOf(summaries, ({ medians }, name) => shown(medians[name]), 'medians');

/** The same beside the baseline: as ratios, pings as differences. */
export const comparisonTable = (summaries: readonly Summary[], baseline: string): string =>
  tableOf(
    summaries.filter(({ engine }) => engine !== baseline),
    ({ compared }, name) => comparedShown(compared[name], MEASURES[name]),
    'compared',
  );

function tableOf(
  summaries: readonly Summary[],
  cell: (summary: Summary, name: Measure) => string,
  of: 'medians' | 'compared',
): string {
  const names = MEASURE_NAMES.filter((name) => summaries.some((summary) => summary[of][name] !== undefined));
  return markdown(
    ['load', ...summaries.map(({ engine }) => engine)],
    names.map((name) => [titleOf(MEASURES[name], of), ...summaries.map((summary) => cell(summary, name))]),
  );
}

/** A ratio has no unit. */
function titleOf({ title, unit, comparison }: MeasureAbout, of: 'medians' | 'compared'): string {
  return unit === '' || (of === 'compared' && comparison === 'ratio') ? title : `${title}, ${unit}`;
}

/** Three digits that count. */
export function shown(value: number | undefined): string {
  if (value === undefined) return '-';
  if (Math.abs(value) >= 1000) return Math.round(Number(value.toPrecision(3))).toLocaleString('en');
  if (Number.isInteger(value)) return String(value);
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(head), rule, ...rows.map(line), ''].join('\n');
}

export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** On one line, for whoever watches. */
export const brief = (values: Values): string =>
  MEASURE_NAMES.flatMap((name) => (values[name] === undefined ? [] : `${name} ${shown(values[name])}`)).join('  ');

function comparedShown(value: number | undefined, { comparison }: MeasureAbout): string {
  if (value === undefined) return '-';
  if (comparison === 'ratio') return value.toFixed(2);
  return `${value >= 0 ? '+' : ''}${value.toFixed(3)}`;
}
