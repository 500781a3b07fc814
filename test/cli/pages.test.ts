import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bashCompletion } from '../../src/cli/completion.ts';
import { manPages } from '../../src/cli/man-page.ts';
import { buildProgram, commandPath, forEachCommand } from '../../src/cli/program.ts';

const program = await buildProgram();

test('every command has a page that man can read', () => {
  const pages = manPages(program, '1.2.3');
  let commands = 0;
  forEachCommand(program, (command) => {
    commands++;
    const page = pages.get(`${commandPath(command).replaceAll(' ', '-')}.1`);
    expect(page).toMatch(/^\.TH .*\n\.SH NAME\n/);
    for (const line of page!.split('\n')) if (/^[.']/.test(line)) expect(line).toMatch(/^\.(TH|SH|TP|B) ?/);
  });
  expect(pages.size).toBe(commands);
  expect(pages.get('vpatch-reload.1')).toContain('\n.B \\-\\-force\n');
});

/** What bash offers behind these words. */
function offered(...words: string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'vpatch-completion-'));
  const file = join(folder, 'vpatch');
  writeFileSync(file, bashCompletion(program));
  const script =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: bash fills it in
    'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vpatch; printf "%s\\n" "${COMPREPLY[@]}"';
  const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', file, ...words], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

test.each<[string[], string[]]>([
  [['vpatch', 'rel'], ['reload']],
  [['vpatch', 'mode', 'pre'], ['prevent']],
  [['vpatch', 'rules', 'che'], ['check']],
  [['vpatch', 'reload', '--fo'], ['--force']],
  [
    ['vpatch', 'run', '--fail', ''],
    ['open', 'closed'],
  ],
  [['vpatch', 'except', 'add', '--si'], ['--sid']],
  [['vpatch', 'replay', 'file'], []],
])('%j completes to %j', (words, expected) => {
  expect(offered(...words)).toEqual(expected);
});
