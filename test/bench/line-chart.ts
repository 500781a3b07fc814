import { legend } from './bar-chart.ts';
import { shown } from './report.ts';
import { COLOURS, document, line, tenth, text } from './svg.ts';

export interface Line {
  readonly name: string;
  /** In the order of x. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface LineChart {
  readonly title: string;
  readonly xTitle: string;
  /** With its unit; the axis begins at 0. */
  readonly yTitle: string;
  /** For values of x, all above 0, that go through several orders of magnitude. */
  readonly isLogarithmic?: boolean;
  readonly lines: readonly Line[];
}

const WIDTH = 760;
const PLOT_HEIGHT = 260;
const LEFT = 70;
const RIGHT = 40;
const TITLE_HEIGHT = 30;
const LEGEND_HEIGHT = 18;
const Y_TICKS = 4;

/** Lines with a dot for each measurement, as SVG. */
export function lineChart({ title, xTitle, yTitle, isLogarithmic = false, lines }: LineChart): string {
  const points = lines.flatMap((each) => each.points);
  const xs = [...new Set(points.map(([x]) => x))].sort((a, b) => a - b);
  const placed = (x: number): number => (isLogarithmic ? Math.log2(x) : x);
  const [least, most] = [placed(xs[0] ?? 0), placed(xs.at(-1) ?? 1)];
  const top = TITLE_HEIGHT + (lines.length + 1) * LEGEND_HEIGHT;
  const bottom = top + PLOT_HEIGHT;
  const highest = roundedUp(Math.max(Number.MIN_VALUE, ...points.map(([, y]) => y)));
  const across = (x: number): number => LEFT + ((placed(x) - least) / (most - least || 1)) * (WIDTH - LEFT - RIGHT);
  const up = (y: number): number => bottom - (y / highest) * PLOT_HEIGHT;

  const yTicks = Array.from({ length: Y_TICKS + 1 }, (_, i) => (highest * i) / Y_TICKS).flatMap((y) => [
    line(LEFT, up(y), WIDTH - RIGHT, up(y), '#ddd'),
    text(LEFT - 8, up(y) + 4, shown(y), 'end'),
  ]);
  return document(WIDTH, bottom + 50, [
    text(LEFT, 20, title),
    ...legend(
      lines.map(({ name }) => name),
      LEFT,
      TITLE_HEIGHT,
    ),
    text(LEFT - 8, top - 10, yTitle),
    ...yTicks,
    ...spaced(xs, across).map((x) => text(across(x), bottom + 18, x.toLocaleString('en'), 'middle')),
    text((LEFT + WIDTH - RIGHT) / 2, bottom + 38, xTitle, 'middle'),
    ...lines.flatMap((each, i) => drawn(each, COLOURS[i % COLOURS.length]!, across, up)),
  ]);
}

function drawn({ points }: Line, colour: string, across: (x: number) => number, up: (y: number) => number): string[] {
  const places = points.map(([x, y]) => [tenth(across(x)), tenth(up(y))] as const);
  return [
    `<polyline points="${places.map((place) => place.join(',')).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...places.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3" fill="${colour}"/>`),
  ];
}

/** The least that a number on the axis takes. */
const LABEL_PIXELS = 52;

/** As many values as there is room for, the last one first. */
function spaced(xs: readonly number[], across: (x: number) => number): number[] {
  const kept: number[] = [];
  for (const x of xs.toReversed()) {
    const last = kept.at(-1);
    if (last === undefined || across(last) - across(x) >= LABEL_PIXELS) kept.push(x);
  }
  return kept;
}

/** To a number that divides well by four. */
function roundedUp(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value));
  return (
    [1, 2, 4, 6, 8, 10].map((factor) => factor * unit).find((candidate) => candidate >= value * 0.999) ?? 10 * unit
  );
}
