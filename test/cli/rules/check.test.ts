import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { vpatch } from '../../support/command-line.ts';

let directory: string;
let good: string;
let bad: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vpatch-rules-'));
  good = join(directory, 'good.rules');
  bad = join(directory, 'bad.rules');
  writeFileSync(
    good,
    '# a comment\ndrop tcp any any -> any 80 (msg:"shell"; content:"cmd.exe"; sid:9000001; rev:3;)\n',
  );
  writeFileSync(
    bad,
    'alert tcp any any -> any any (msg:"typo"; contnt:"x"; sid:9000002;)\nalert tcp any any -> any any (msg:"fine"; content:"a long one"; sid:9000003; rev:1;)\n',
  );
});
afterAll(() => rmSync(directory, { recursive: true }));

describe('rules check', () => {
  test('of good rules counts them', async () => {
    expect(await vpatch('rules', 'check', good)).toEqual({
      exitCode: 0,
      stdout: '1 loaded, 0 refused, 0 warnings\n',
      stderr: '',
    });
  });

  test('of wrong rules says file, line, column, reason and sid, and is 1', async () => {
    const { exitCode, stdout } = await vpatch('rules', 'check', good, bad);
    expect(exitCode).toBe(1);
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/bad\.rules:1:43: error: there is no keyword "contnt".* \(sid 9000002\)$/),
      '2 loaded, 1 refused, 0 warnings',
      '',
    ]);
  });

  test('shows no control bytes of a rule file to the terminal', async () => {
    const file = join(directory, 'escape.rules');
    writeFileSync(file, 'alert tcp any any -> any any (msg:"x"; f\x1b[2Jo:1; sid:1;)\n');
    const { stdout } = await vpatch('rules', 'check', file);
    expect(stdout).toContain('there is no keyword');
    expect(stdout).not.toContain('\x1b');
  });

  test('tells programs in JSON', async () => {
    const { stdout } = await vpatch('rules', 'check', '--json', bad);
    expect(JSON.parse(stdout)).toMatchObject({
      file: bad,
      line: 1,
      column: 43,
      severity: 'error',
      keyword: 'contnt',
      sid: 9_000_002,
    });
  });

  test('uses variables of the command line', async () => {
    const file = join(directory, 'variable.rules');
    writeFileSync(file, 'alert tcp $MINE any -> any any (content:"x"; sid:1;)\n');
    expect(await vpatch('rules', 'check', file)).toMatchObject({ exitCode: 1 });
    expect(await vpatch('rules', 'check', file, '--set', 'MINE=10.0.0.0/8')).toMatchObject({ exitCode: 0 });
  });

  test('tells of odd rules by name, all or some, and takes them for errors when asked', async () => {
    const file = join(directory, 'odd.rules');
    writeFileSync(file, 'alert tcp any any -> any 99 (msg:"x"; content:"GET "; dsize:3; sid:1;)\n');
    const names = async (...args: readonly string[]): Promise<string[]> =>
      Array.from(
        (await vpatch('rules', 'check', file, ...args)).stdout.matchAll(/\[([a-z-]+)\]/g),
        ([, name]) => name!,
      );
    expect(await names()).toEqual(['common-pattern', 'missing-rev', 'cannot-match']);
    expect(await names('--ignore', 'missing-rev', '--ignore', 'cannot-match')).toEqual(['common-pattern']);
    expect(await names('--only', 'missing-rev')).toEqual(['missing-rev']);
    expect((await vpatch('rules', 'check', file)).exitCode).toBe(0);
    const strict = await vpatch('rules', 'check', file, '--strict', '--only', 'missing-rev');
    expect(strict.exitCode).toBe(1);
    expect(strict.stdout).toMatch(
      /odd\.rules:1:7: error: .*\[missing-rev\] \(sid 1\)\n1 loaded, 0 refused, 1 warning\n/,
    );
    expect((await vpatch('rules', 'check', good, '--strict')).exitCode).toBe(0);
  });

  test('warns of lines in a classification list that it skips', async () => {
    const list = join(directory, 'classification.config');
    const config = join(directory, 'vpatch.yaml');
    writeFileSync(list, 'config classification: mine,Mine,2\nnonsense\n');
    writeFileSync(config, 'rules: { files: [good.rules], classification-file: classification.config }\n');
    const { exitCode, stdout } = await vpatch('rules', 'check', '-c', config);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/classification\.config:2:1: warning: .*\n1 loaded, 0 refused, 1 warning\n/);
  });
});

describe('rules keywords', () => {
  test('prints the reference, or one of it', async () => {
    const all = await vpatch('rules', 'keywords');
    expect(all.exitCode).toBe(0);
    expect(all.stdout).toMatch(/^Content$/m);
    const one = await vpatch('rules', 'keywords', 'content');
    expect(one).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^content: .*\nexample: content:/s) });
  });

  test('of a name that there is not', async () => {
    expect(await vpatch('rules', 'keywords', 'contnt')).toMatchObject({
      exitCode: 1,
      stderr: 'vpatch: there is no keyword contnt; did you mean content?\n',
    });
    expect((await vpatch('rules', 'keywords', 'luajit_fine')).exitCode).toBe(1);
  });
});
