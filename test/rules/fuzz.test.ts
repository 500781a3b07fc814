import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { APP_BUFFERS } from '../../src/app/index.ts';
import { compileRules } from '../../src/rules/compiler.ts';
import { type RuleEnvironment, ruleEnvironment } from '../../src/rules/environment.ts';
import { evaluateSteps } from '../../src/rules/evaluate.ts';
import { keywordFamilies } from '../../src/rules/keywords/index.ts';
import { type ParsedRule, parseRule } from '../../src/rules/parser.ts';
import type { CompiledRules, Rule } from '../../src/rules/rule.ts';
import { down, up } from '../detect/support.ts';
import { fuzzRuns, fuzzTimeMs, SEED } from '../support/fuzz.ts';
import { conversation, datagrams, playPackets } from '../support/play.ts';

/** Every keyword's example and every rule that the project has, so that each part of the language is in it. */
const SEEDS: readonly string[] = [
  ...keywordFamilies(APP_BUFFERS).flatMap(({ keywords }) =>
    keywords.map(({ example }) => `alert ip any any -> any any (${example}${/\bsid:/.test(example) ? '' : ' sid:1;'})`),
  ),
  ...rulesBelow('fixtures'),
  ...rulesBelow('signatures'),
];

/** What to put into a rule: parts of other rules, and what parsers stumble over. */
const PIECES: readonly string[] = [
  ...new Set(SEEDS.flatMap((rule) => rule.split(/(?<=[;:,"| ()[\]!])/))),
  ...[
    '-1',
    '4294967296',
    '99999999999999999999',
    '0x',
    '|',
    '||',
    '"',
    '\\',
    ';',
    ':',
    '!',
    '[[',
    ']]',
    '$X',
    '\u0000',
  ],
  ...['\\\n', '/', '/(((((', '(a+)+$', '1<>0', '<>', '%', '\ud800', 'é', ',,,,', 'a'.repeat(9000)],
];

type Change = readonly [kind: 'delete' | 'replace' | 'insert' | 'repeat', at: number, length: number, piece: number];
const change: fc.Arbitrary<Change> = fc.tuple(
  fc.constantFrom('delete', 'replace', 'insert', 'repeat'),
  fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  fc.nat(20),
  fc.nat(PIECES.length - 1),
);
const mutated = fc
  .tuple(fc.constantFrom(...SEEDS), fc.array(change, { maxLength: 5 }))
  .map(([seed, changes]) => changes.reduce(changed, seed));

function changed(rule: string, [kind, place, length, piece]: Change): string {
  const at = Math.floor(place * rule.length);
  const head = rule.slice(0, at);
  if (kind === 'delete') return head + rule.slice(at + length);
  if (kind === 'replace') return head + PIECES[piece]! + rule.slice(at + length);
  if (kind === 'insert') return head + PIECES[piece]! + rule.slice(at);
  return head + rule.slice(at, at + length).repeat(3) + rule.slice(at + length);
}

const environment: RuleEnvironment = ruleEnvironment({ buffers: APP_BUFFERS });
const compile = (text: string): CompiledRules => compileRules([{ file: 'a.rules', text }], environment);

test(
  'a changed rule loads, or is refused with a place in it',
  () => {
    fc.assert(
      fc.property(mutated, (text) => {
        const { rules, diagnostics } = compile(text);
        const lines = text.split(/\r\n|\r|\n/);
        for (const { line, column, message } of diagnostics) {
          expect(message).not.toBe('');
          expect(line).toBeGreaterThanOrEqual(1);
          expect(line).toBeLessThanOrEqual(lines.length);
          expect(column).toBeGreaterThanOrEqual(1);
          expect(column).toBeLessThanOrEqual(text.length + 1);
        }
        for (const rule of rules) expect(rule.sid).toBeGreaterThan(0);
      }),
      { numRuns: fuzzRuns(3000), ...SEED },
    );
  },
  fuzzTimeMs(60_000),
);

test(
  'a rule that loads is what it says: written anew from its parts, it is the same rule',
  () => {
    fc.assert(
      fc.property(mutated, (text) => {
        for (const rule of compile(text).rules) {
          const { rules: again, diagnostics } = compile(written(parseRule(rule.text)));
          expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
          expect(again.map(comparable)).toEqual([comparable(rule)]);
        }
      }),
      { numRuns: fuzzRuns(3000), ...SEED },
    );
  },
  fuzzTimeMs(60_000),
);

test(
  'a rule that loads can be held against any bytes',
  () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom(...SEEDS.map((text) => Buffer.from(text))),
    );
    fc.assert(
      fc.property(mutated, bytes, fc.nat(10_000), (text, content, skippedBytes) => {
        for (const { inspections } of compile(text).rules) {
          for (const { buffer, steps } of inspections) {
            // What others than traffic make has a form of its own.
            if (buffer?.isInternal === true) continue;
            const input = { bytes: content, start: 0, end: content.length, skippedBytes, isLittleEndian: false };
            const isMatch = evaluateSteps(steps, input);
            // What a rule puts into a set is new only once.
            if (!text.includes('dataset')) expect(evaluateSteps(steps, input)).toBe(isMatch);
          }
        }
      }),
      { numRuns: fuzzRuns(2000), ...SEED },
    );
  },
  fuzzTimeMs(60_000),
);

test(
  'a changed rule costs its neighbours nothing',
  () => {
    const neighbours = ['1999999998', '1999999999'].map(
      (sid) => `drop http any any -> any any (http.uri; content:"/${sid}"; pcre:"/${sid}$/"; sid:${sid};)`,
    );
    const alone = compile(neighbours.join('\n')).rules.map(comparable);
    expect(alone).toHaveLength(2);
    fc.assert(
      fc.property(mutated, (text) => {
        // Such a rule goes on in the next line.
        fc.pre(!/\\\s*$/.test(text));
        const { rules } = compile([neighbours[0], text, neighbours[1]].join('\n'));
        const found = rules.filter(({ sid }) => sid >= 1999999998).map(comparable);
        expect(found).toEqual(alone);
      }),
      { numRuns: fuzzRuns(1000), ...SEED },
    );
  },
  fuzzTimeMs(60_000),
);

test(
  'changed rules that load inspect traffic of every kind, and it goes on',
  () => {
    const post = 'POST /a?id=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nuser=root';
    const packets = [
      ...conversation([up(post), down('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'), up(post)], { clientPort: 1 }),
      ...conversation([down('220 a\r\n'), up('EHLO b\r\n'), down('250 ok\r\n'), up('MAIL FROM:<c>\r\n')], {
        clientPort: 2,
      }),
      ...conversation([up('SSH-2.0-x\r\n'), down('SSH-2.0-y\r\n')], { clientPort: 3, segmentBytes: 1 }),
      ...conversation([up('\x16\x03\x01\0\x05\x01\0\0\x01\x03'), down('\x15\x03\x03\0\x02\x02\x28')], {
        clientPort: 4,
      }),
      ...datagrams([up('\0\x01\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01')]),
    ];
    const loads = (text: string): boolean =>
      compile(text).rules.length > 0 && compile(text).diagnostics.every(({ severity }) => severity !== 'error');
    fc.assert(
      fc.property(fc.array(mutated, { minLength: 40, maxLength: 40 }), (texts) => {
        const rules = texts.filter((text) => !/\\\s*$/.test(text) && loads(text));
        const sids = new Set<number>();
        const distinct = rules.filter((text) => {
          const [{ sid } = { sid: 0 }] = compile(text).rules;
          return !sids.has(sid) && sids.add(sid);
        });
        const { alerts } = playPackets(packets, { rules: distinct.join('\n') });
        for (const sid of alerts) expect(sids).toContain(sid);
      }),
      { numRuns: fuzzRuns(20), ...SEED },
    );
  },
  fuzzTimeMs(60_000),
);

/** One way to write a rule: one blank between words, nothing else. */
function written({ action, protocol, source, sourcePorts, isBidirectional, ...rest }: ParsedRule): string {
  const { destination, destinationPorts, options } = rest;
  const arrow = isBidirectional ? '<>' : '->';
  const words = [action, protocol.text, source.text, sourcePorts.text, arrow, destination.text, destinationPorts.text];
  const body = options.map(({ name, value }) => (value === null ? `${name.text};` : `${name.text}:${value.text};`));
  return `${words.join(' ')} (${body.join(' ')})`;
}

/** All of a rule that is not where it stood, with functions as their text. */
function comparable({ text, line, file, alternatives, ...rule }: Rule): unknown {
  const seen = new Set<unknown>();
  return JSON.parse(
    JSON.stringify(rule, (_, value: unknown) => {
      if (typeof value === 'function' || typeof value === 'bigint') return String(value);
      if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
      if (typeof value !== 'object' || value === null) return value;
      if (seen.has(value)) return '(again)';
      seen.add(value);
      return value;
    }),
  );
}

function rulesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.rules'))
    .flatMap((name) => readFileSync(`${folder}/${name}`, 'utf8').split('\n'))
    .filter((line) => /^[a-z]+ .*\(.*\)$/.test(line));
}
