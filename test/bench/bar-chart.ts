export interface Bars {
  readonly label: string;
  /** One for each series. */
  readonly values: readonly number[];
}

const WIDTH = 760;
const LABEL_WIDTH = 150;
const PLOT_WIDTH = 540;
const BAR_HEIGHT = 14;
const GAP = 12;
const TOP = 64;
const COLOURS = ['#9aa5b1', '#2563eb', '#d97706', '#059669'];

/** Horizontal bars in groups, as SVG, with a line at 1. */
export function barChart(title: string, series: readonly string[], groups: readonly Bars[]): string {
  const most = Math.max(1, ...groups.flatMap(({ values }) => values));
  const scale = PLOT_WIDTH / most;
  const groupHeight = series.length * BAR_HEIGHT + GAP;
  const height = TOP + groups.length * groupHeight + GAP;
  const bars = groups.flatMap(({ label, values }, group) => {
    const top = TOP + group * groupHeight;
    const middle = top + (series.length * BAR_HEIGHT) / 2 + 4;
    return [
      text(LABEL_WIDTH - 8, middle, label, 'end'),
      ...values.flatMap((value, i) => [
        rectangle(LABEL_WIDTH, top + i * BAR_HEIGHT, value * scale, BAR_HEIGHT - 2, COLOURS[i % COLOURS.length]!),
        text(LABEL_WIDTH + value * scale + 4, top + i * BAR_HEIGHT + 10, value.toFixed(2), 'start'),
      ]),
    ];
  });
  const legend = series.flatMap((name, i) => [
    rectangle(LABEL_WIDTH + i * 140, 34, 12, 12, COLOURS[i % COLOURS.length]!),
    text(LABEL_WIDTH + i * 140 + 18, 44, name, 'start'),
  ]);
  const one = LABEL_WIDTH + scale;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12">`,
    rectangle(0, 0, WIDTH, height, '#ffffff'),
    text(LABEL_WIDTH, 20, title, 'start'),
    ...legend,
    ...bars,
    `<line x1="${one}" y1="${TOP - 8}" x2="${one}" y2="${height - GAP}" stroke="#444" stroke-dasharray="4 3"/>`,
    '</svg>',
    '',
  ].join('\n');
}

const rectangle = (x: number, y: number, width: number, height: number, colour: string): string =>
  `<rect x="${x}" y="${y}" width="${width.toFixed(1)}" height="${height}" fill="${colour}"/>`;

const text = (x: number, y: number, content: string, anchor: 'start' | 'end'): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="#222">${escaped(content)}</text>`;

const escaped = (content: string): string => content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
