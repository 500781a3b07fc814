import { expect, test } from 'vitest';
import { barChart } from './bar-chart.ts';
import { lineChart } from './line-chart.ts';

const attribute = (svg: string, element: RegExp, name: string): number[] =>
  [...svg.matchAll(element)].map(([found]) => Number(new RegExp(`${name}="([-\\d.]+)"`).exec(found)?.[1]));

test('bars are as long as their values, and the mark is where its value is', () => {
  const svg = barChart('Title & more', ['a', 'b'], [{ label: 'load', values: [0.5, 2] }], 1);
  expect(svg).toContain('Title &amp; more');
  // Behind the background and two entries of the legend.
  const [half, two] = attribute(svg, /<rect [^>]*>/g, 'width').slice(3);
  expect(two! / half!).toBe(4);
  const [left] = attribute(svg, /<rect [^>]*>/g, 'x').slice(3);
  expect(attribute(svg, /<line [^>]*>/g, 'x1')).toEqual([left! + half! * 2]);
});

test('nothing to show is a chart without bars', () => {
  expect(barChart('empty', ['a'], [])).toMatch(/^<svg .*<\/svg>\n$/s);
});

const chartOf = (isLogarithmic: boolean, points: readonly (readonly [number, number])[]): string =>
  lineChart({ title: 't', xTitle: 'x', yTitle: 'y', isLogarithmic, lines: [{ name: 'a', points }] });

test('points are where their numbers are', () => {
  const svg = chartOf(false, [
    [0, 0],
    [50, 5],
    [100, 10],
  ]);
  const [left, middle, right] = attribute(svg, /<circle [^>]*>/g, 'cx');
  expect(middle! - left!).toBe(right! - middle!);
  const [bottom, half, top] = attribute(svg, /<circle [^>]*>/g, 'cy');
  expect(bottom! - half!).toBe(half! - top!);
});

test('on a logarithmic axis, doubling is always as far', () => {
  const svg = chartOf(true, [
    [64, 1],
    [128, 1],
    [256, 1],
  ]);
  const [first, second, third] = attribute(svg, /<circle [^>]*>/g, 'cx');
  expect(second! - first!).toBeCloseTo(third! - second!);
});
