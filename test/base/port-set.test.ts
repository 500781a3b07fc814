import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type PortRange, PortSet, parsePortRange } from '../../src/base/port-set.ts';

describe('parsePortRange', () => {
  test.each([
    ['80', [80, 80]],
    ['0', [0, 0]],
    ['65535', [65535, 65535]],
    ['1024:', [1024, 65535]],
    [':1023', [0, 1023]],
    ['8000:8100', [8000, 8100]],
  ])('%s', (text, range) => {
    expect(parsePortRange(text)).toEqual(range);
  });

  test.each(['', ':', 'any', '65536', '9:8', '1:65536', '-1', '1-2', '1:2:3', '0x50'])('"%s" is none', (text) => {
    expect(parsePortRange(text)).toBeNull();
  });
});

describe('PortSet', () => {
  test('any', () => {
    expect(PortSet.any.isAny && PortSet.any.contains(0) && PortSet.any.contains(65535)).toBe(true);
    expect(PortSet.of([]).isAny).toBe(true);
    expect(
      PortSet.of([
        [0, 100],
        [101, 65535],
      ]).isAny,
    ).toBe(true);
    expect(PortSet.any.ranges).toEqual([[0, 65535]]);
  });

  test('touching and overlapping ranges become one', () => {
    const set = PortSet.of([
      [443, 443],
      [80, 81],
      [82, 90],
      [85, 87],
    ]);
    expect(set.ranges).toEqual([
      [80, 90],
      [443, 443],
    ]);
    expect(set.isAny).toBe(false);
  });

  test('nothing but exclusions: every other port', () => {
    const set = PortSet.of([], [[80, 80]]);
    expect(set.ranges).toEqual([
      [0, 79],
      [81, 65535],
    ]);
    expect(set.contains(80)).toBe(false);
    expect(set.contains(81)).toBe(true);
  });

  test('all taken away: an empty set', () => {
    const set = PortSet.of([[80, 90]], [[0, 65535]]);
    expect(set.ranges).toEqual([]);
    expect(set.isAny || set.contains(80)).toBe(false);
  });

  test('contains and ranges agree for any members', () => {
    const range = fc.tuple(fc.nat(65535), fc.nat(65535)).map(([a, b]): PortRange => [Math.min(a, b), Math.max(a, b)]);
    fc.assert(
      fc.property(fc.array(range, { maxLength: 5 }), fc.array(range, { maxLength: 5 }), fc.nat(65535), (a, b, port) => {
        const set = PortSet.of(a, b);
        const isIn = (list: readonly PortRange[]) => list.some(([first, last]) => first <= port && port <= last);
        expect(set.contains(port)).toBe((a.length === 0 || isIn(a)) && !isIn(b));
        expect(isIn(set.ranges)).toBe(set.contains(port));
      }),
    );
  });
});
