import { describe, expect, test } from 'vitest';
import { readReputation } from '../../src/rules/reputation.ts';
import { compileText } from './support.ts';

const read = (categories: string, ...lists: string[]) =>
  readReputation(
    { file: 'categories.txt', text: categories },
    lists.map((text, i) => ({ file: `${i}.list`, text })),
  );

function score(reputation: ReturnType<typeof read>['reputation'], category: string, address: number): number {
  return reputation.get(category)!.get(4, Uint32Array.of(0, 0, 0, address));
}

describe('reputation files', () => {
  test('give each category its addresses, comments and blank lines left out, later lists over earlier', () => {
    const { reputation, problems } = read(
      '# number,short name,description\n1,CnC,Command, and control\r\n\n2,Scan,Scanners\n',
      '#10.0.0.1,1,1\n10.0.0.1,1,20\n10.0.0.0/24,2,30\n',
      '10.0.0.1,1,40\n',
    );
    expect(problems).toEqual([]);
    expect([...reputation.keys()]).toEqual(['CnC', 'Scan']);
    expect(score(reputation, 'CnC', 0x0a000001)).toBe(40);
    expect(score(reputation, 'Scan', 0x0a000001)).toBe(30);
    expect(score(reputation, 'CnC', 0x0a000002)).toBe(-1);
  });

  test('name the wrong lines and keep the others', () => {
    const { reputation, problems } = read(
      '0,Zero,too low\n60,Sixty,too high\nno number\n1,CnC,good\n',
      '10.0.0.1,1,128\n10.0.0.1,2,5\n10.0.0.1-10.0.0.9,1,5\nhost,1,5\n10.0.0.1,1\n10.0.0.1,1,-5\n10.0.0.2,1,127\n',
    );
    expect(problems.map(({ file, line }) => `${file}:${line}`)).toEqual([
      ...[1, 2, 3].map((line) => `categories.txt:${line}`),
      ...[1, 2, 3, 4, 5, 6].map((line) => `0.list:${line}`),
    ]);
    expect(score(reputation, 'CnC', 0x0a000002)).toBe(127);
  });
});

describe('iprep', () => {
  test.each([
    ['iprep:src,CnD,>,1;', 'there is no reputation category CnD: did you mean CnC?'],
    ['iprep:here,CnC,>,1;', 'any, src, dst or both'],
    ['iprep:src,CnC;', 'isset, isnotset or a comparison'],
    ['iprep:src,CnC,>,127;', 'nothing is more than 127'],
    ['iprep:src,CnC,=,200;', '200 is more than 127'],
  ])('%s is refused', (option, message) => {
    const { diagnostics } = compileText(`alert ip any any -> any any (${option} sid:1;)`);
    expect(diagnostics[0]!.message).toContain(message);
  });
});
