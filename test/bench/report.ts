import { MEASURE_NAMES, MEASURES, type MeasureAbout, type Values } from './measures.ts';
import type { Summary } from './statistics.ts';

/** As a table of Markdown that is readable as it stands: a row for each measure that some engine has. */
export function table(summaries: readonly Summary[], baseline: string): string {
  const others = summaries.filter(({ engine }) => engine !== baseline);
  const head = [
    'load',
    ...summaries.map(({ engine }) => engine),
    ...others.map(({ engine }) => `${engine} / ${baseline}`),
  ];
  const rows = MEASURE_NAMES.filter((name) => summaries.some(({ medians }) => medians[name] !== undefined)).map(
    (name) => {
      const about: MeasureAbout = MEASURES[name];
      return [
        about.unit === '' ? about.title : `${about.title}, ${about.unit}`,
        ...summaries.map(({ medians }) => shown(medians[name])),
        ...others.map(({ compared }) => comparedShown(compared[name], about)),
      ];
    },
  );
  return markdown(head, rows);
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

/** On one line, for whoever watches. */
export const brief = (values: Values): string =>
  MEASURE_NAMES.flatMap((name) => (values[name] === undefined ? [] : `${name} ${shown(values[name])}`)).join('  ');

function comparedShown(value: number | undefined, { comparison }: MeasureAbout): string {
  if (value === undefined) return '-';
  if (comparison === 'ratio') return value.toFixed(2);
  return `${value >= 0 ? '+' : ''}${value.toFixed(3)}`;
}
