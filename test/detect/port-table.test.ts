import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FittingRules, PortClasses, PortNumbering, PortTable, planPorts } from '../../src/detect/port-table.ts';
import type { Rule } from '../../src/rules/rule.ts';
import { rulesOf } from '../support/rules.ts';

/** Answers for ports. */
function tableOf(rules: readonly Rule[]): {
  readonly all: FittingRules;
  readonly rulesFor: (source: number, destination: number) => FittingRules;
} {
  const numbering = new PortNumbering();
  const plans = planPorts(
    rules.map((rule, index) => ({ rule, index })),
    numbering,
  );
  const classes = new PortClasses(numbering.sets);
  const table = new PortTable(plans, numbering.sets, classes);
  return {
    all: table.all,
    rulesFor: (source, destination) => table.rulesFor(classes.pairOf(source, destination)),
  };
}
const sorted = ({ indexes }: FittingRules): number[] => [...indexes].sort((a, b) => a - b);

/** Every rule, asked one by one. */
function naive(rules: readonly Rule[], source: number, destination: number): number[] {
  const fits = (rule: Rule, from: number, to: number): boolean =>
    rule.sourcePorts.contains(from) && rule.destinationPorts.contains(to);
  return rules.flatMap((rule, index) =>
    fits(rule, source, destination) || (rule.isBidirectional && fits(rule, destination, source)) ? [index] : [],
  );
}

test('without rules, nothing fits', () => {
  expect(tableOf([]).rulesFor(1, 2).isEmpty).toBe(true);
});

test('rules of any ports fit at once', () => {
  const table = tableOf(rulesOf('alert tcp any any -> any any (sid:1;)'));
  expect(sorted(table.rulesFor(0, 65_535))).toEqual([0]);
});

test('answers as every rule asked one by one', () => {
  const number = fc.oneof(fc.constantFrom(0, 1, 79, 80, 81, 443, 1023, 1024, 65_534, 65_535), fc.nat(65_535));
  const range = fc.tuple(number, number).map(([a, b]) => `${Math.min(a, b)}:${Math.max(a, b)}`);
  const item = fc.oneof(number.map(String), range);
  const ports = fc.oneof(
    fc.constant('any'),
    item,
    item.filter((text) => text !== '0:65535').map((text) => `!${text}`),
    fc.array(item, { minLength: 1, maxLength: 4 }).map((items) => `[${items.join()}]`),
  );
  const rule = fc.tuple(ports, fc.constantFrom('->', '<>'), ports);
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 8 }),
      fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 20 }),
      (specs, pairs) => {
        const text = specs.map(([from, arrow, to], i) => `alert tcp any ${from} ${arrow} any ${to} (sid:${i + 1};)`);
        const rules = rulesOf(text.join('\n'));
        const table = tableOf(rules);
        expect(sorted(table.all)).toEqual([...rules.keys()]);
        for (const [source, destination] of [...pairs, ...pairs]) {
          const fitting = table.rulesFor(source, destination);
          expect(sorted(fitting)).toEqual(naive(rules, source, destination));
          expect([...rules.keys()].filter((index) => fitting.has(index))).toEqual(sorted(fitting));
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('of any indexes, those that are among them are', () => {
  const indexes = [0, 31, 32, 33, 63, 64, 14_000];
  const fitting = new FittingRules(Int32Array.from(indexes));
  const asked = Array.from({ length: 20_000 }, (_, index) => index);
  expect(asked.filter((index) => fitting.has(index))).toEqual(indexes);
  expect(new FittingRules(new Int32Array(0)).has(0)).toBe(false);
});

test('who scans all ports does not fill the memory', () => {
  // A thousand classes on each side: a million pairs, of which most have an answer of their own.
  const rules = rulesOf(
    Array.from({ length: 500 }, (_, i) => `alert tcp any ${i * 64}: -> any ${i * 60}: (sid:${i + 1};)`).join('\n'),
  );
  const table = tableOf(rules);
  const before = process.memoryUsage().arrayBuffers;
  for (let source = 0; source < 65_536; source += 500) {
    for (let destination = 0; destination < 65_536; destination += 211) table.rulesFor(source, destination).has(0);
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 2 ** 20);
  expect(sorted(table.rulesFor(6400, 6000))).toEqual(naive(rules, 6400, 6000));
});
