import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { compareDpkg } from '../../../src/scan/versions/dpkg.ts';
import { compareRpm } from '../../../src/scan/versions/rpm.ts';
import { Random } from '../../support/random.ts';

const VERSIONS = 200;
const PAIRS = (VERSIONS * (VERSIONS - 1)) / 2;

/** Versions that a small alphabet makes alike, so that they differ in the odd places. */
function versions(seed: number, parts: readonly string[], hasEpoch: boolean): string[] {
  const random = new Random(seed);
  const part = (): string => Array.from({ length: random.between(1, 5) }, () => random.pick(parts)).join('');
  return Array.from({ length: VERSIONS }, () => {
    const epoch = hasEpoch && random.below(4) === 0 ? `${random.below(3)}:` : '';
    const revision = random.below(2) === 0 ? `-${part()}` : '';
    // An empty revision is an error of its own.
    return `${epoch}${random.below(3)}${part()}${revision}`.replace(/-$/, '-0');
  });
}

/**
 * Asks the real tool only of neighbours in our order. Both orders are total, so that agreement on the neighbours is
 * agreement on all pairs.
 */
function disagreements(
  unsorted: readonly string[],
  compare: (a: string, b: string) => number,
  isRight: (a: string, relation: '<' | '=', b: string) => boolean,
): string[] {
  const sorted = [...unsorted].sort(compare);
  return sorted.slice(1).flatMap((b, at) => {
    const a = sorted[at]!;
    const relation = compare(a, b) === 0 ? '=' : '<';
    return isRight(a, relation, b) ? [] : [`${a} ${relation} ${b}`];
  });
}

const isThere = (tool: string): boolean => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0;

/** A skipped test is shown by name; this line says what it would have shown. */
const absent = (tool: string): boolean => {
  if (isThere(tool)) return false;
  process.stderr.write(`${tool} is not installed: NOT compared with it, only with its published vectors\n`);
  return true;
};

describe(`in the order of ${PAIRS} pairs`, () => {
  test('there are 10,000 pairs at least', () => expect(PAIRS).toBeGreaterThanOrEqual(10_000));

  test.skipIf(absent('dpkg'))('dpkg --compare-versions agrees', () => {
    const generated = versions(1, ['0', '1', '2', '09', '10', '.', '+', '~', 'a', 'b', 'Z', 'rc', '-', 'deb'], true);
    const wrong = disagreements(generated, compareDpkg, (a, relation, b) => {
      const name = relation === '=' ? 'eq' : 'lt';
      return spawnSync('dpkg', ['--compare-versions', a, name, b]).status === 0;
    });
    expect(wrong).toEqual([]);
  });

  test.skipIf(absent('rpm'))('rpm agrees', () => {
    // One process answers for all pairs: rpm's Lua knows the comparison.
    const alphabet = ['0', '1', '2', '09', '10', '.', '+', '~', '^', 'a', 'b', 'Z', 'rc', '_'];
    const generated = versions(2, alphabet, true);
    const script = [
      `local v = {} for i, text in ipairs({${generated.map((version) => `"${version}"`).join(',')}}) do`,
      'v[i] = rpm.ver(text) end local signs = {}',
      'for i = 1, #v do for j = i + 1, #v do',
      'signs[#signs + 1] = v[i] < v[j] and "<" or v[i] == v[j] and "=" or ">" end end print(table.concat(signs))',
    ].join(' ');
    const answers = execFileSync('rpm', ['--eval', `%{lua: ${script}}`], { encoding: 'utf8' }).trim();
    const pairs = generated.flatMap((a, at) => generated.slice(at + 1).map((b) => [a, b] as const));
    const signs: Readonly<Record<string, number>> = { '<': -1, '=': 0, '>': 1 };
    const wrong = pairs.filter(([a, b], at) => Math.sign(compareRpm(a, b)) !== signs[answers[at]!]);
    expect(answers).toHaveLength(PAIRS);
    expect(wrong).toEqual([]);
  });
});
