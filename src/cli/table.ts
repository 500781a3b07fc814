import { withoutControls } from '../output/log.ts';

/** Rows in columns as wide as they need to be, two blanks apart; the last one is as it is. Safe for a terminal. */
export function table(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => withoutControls(cell)));
  const widths: number[] = [];
  for (const row of cells) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  const lineOf = (row: readonly string[]): string =>
    row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at]!))).join('  ');
  return cells.map((row) => `${lineOf(row).trimEnd()}\n`).join('');
}
