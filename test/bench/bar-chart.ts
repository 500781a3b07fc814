import { shown } from './report.ts';
import { COLOURS, document, line, rectangle, text } from './svg.ts';

export interface Bars {
  readonly label: string;
  /** One for each series. */
  readonly values: readonly number[];
}

const WIDTH = 900;
const LABEL_WIDTH = 320;
/** What is left at the right is for the value of the longest bar. */
const PLOT_WIDTH = 500;
const BAR_HEIGHT = 13;
const GAP = 10;
const TITLE_HEIGHT = 30;
const LEGEND_HEIGHT = 18;

/** Horizontal bars in groups, as SVG; `mark` is a value with a line through all of them. */
export function barChart(title: string, series: readonly string[], groups: readonly Bars[], mark?: number): string {
  const most = Math.max(mark ?? 0, Number.MIN_VALUE, ...groups.flatMap(({ values }) => values));
  const scale = PLOT_WIDTH / most;
  const groupHeight = series.length * BAR_HEIGHT + GAP;
  const top = TITLE_HEIGHT + series.length * LEGEND_HEIGHT + GAP;
  const height = top + groups.length * groupHeight + GAP;
  const bars = groups.flatMap(({ label, values }, group) => {
    const groupTop = top + group * groupHeight;
    return [
      text(LABEL_WIDTH - 8, groupTop + (series.length * BAR_HEIGHT) / 2 + 4, label, 'end'),
      ...values.flatMap((value, i) => [
        rectangle(LABEL_WIDTH, groupTop + i * BAR_HEIGHT, value * scale, BAR_HEIGHT - 2, colourOf(i)),
        text(LABEL_WIDTH + value * scale + 4, groupTop + i * BAR_HEIGHT + 10, shown(value)),
      ]),
    ];
  });
  const markAt = LABEL_WIDTH + (mark ?? 0) * scale;
  return document(WIDTH, height, [
    text(LABEL_WIDTH, 20, title),
    ...legend(series, LABEL_WIDTH, TITLE_HEIGHT),
    ...bars,
    ...(mark === undefined ? [] : [line(markAt, top - 6, markAt, height - GAP, '#444', '4 3')]),
  ]);
}

/** One line below the other. */
export const legend = (series: readonly string[], x: number, top: number): string[] =>
  series.flatMap((name, i) => [
    rectangle(x, top + i * LEGEND_HEIGHT, 12, 12, colourOf(i)),
    text(x + 18, top + i * LEGEND_HEIGHT + 10, name),
  ]);

const colourOf = (series: number): string => COLOURS[series % COLOURS.length]!;
