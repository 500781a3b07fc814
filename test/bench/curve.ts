import type { LineChart } from './line-chart.ts';
import { markdown, shown } from './report.ts';

/** Numbers in columns, and their plots. */
export interface Curve {
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly number[])[];
  readonly charts: readonly (LineChart & { readonly file: string })[];
}

/** The first column is exact, since it was chosen. */
export const curveTable = ({ columns, rows }: Curve): string =>
  markdown(
    columns,
    rows.map(([first = 0, ...others]) => [first.toLocaleString('en'), ...others.map(shown)]),
  );
