import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildProgram, commandPath, forEachCommand } from '../../src/cli/program.ts';
import { vpatch } from '../support/command-line.ts';

/** Loads all commands, which on a busy machine takes longer than a test may. */
const LOAD_LIMIT_MS = 120_000;
beforeAll(() => buildProgram(), LOAD_LIMIT_MS);

const PAGE_COLUMNS = 100;

/** docs/commands.md: what the commands say about themselves. */
async function commandsPage(): Promise<string> {
  const sections: string[] = [];
  forEachCommand(await buildProgram(), (command) => {
    command.configureHelp({ helpWidth: PAGE_COLUMNS });
    let text = '';
    command.configureOutput({
      writeOut: (part) => {
        text += part;
      },
      getOutHelpWidth: () => PAGE_COLUMNS,
      getOutHasColors: () => false,
    });
    command.outputHelp();
    sections.push(`## ${commandPath(command)}\n\n\`\`\`\n${text.trimEnd()}\n\`\`\`\n`);
  });
  return [INTRODUCTION, ...sections].join('\n');
}

const INTRODUCTION = `# Commands

\`vpatch\` is \`node dist/main.js\` after a build. What is below is what each command prints with \`--help\`; a test
keeps it so, and \`make docs\` writes it anew.

| exit code | means |
|---|---|
| 0 | good |
| 1 | the work was done and found a problem: refused rules; with \`--fail-on-alert\`, alerts or a damaged capture |
| 2 | wrong use or configuration |
| 3 | the machine lacks something: privileges, a kernel feature, a tool |

Whatever ends a command early is one line on standard error that says what to do.
`;

test('docs/commands.md is what the commands say', async () => {
  await expect(await commandsPage()).toMatchFileSnapshot('../../docs/commands.md');
});

test('commands and their options are there, in the docs and in what the program says', async () => {
  const program = await buildProgram();
  const named = (files: readonly string[], called: RegExp) =>
    files.flatMap((file) =>
      Array.from(readFileSync(file, 'utf8').matchAll(called), ([, words]) => ({ file, words: words!.trim() })),
    );
  const all = [
    ...named(['README.md', ...filesBelow('docs', '.md')], /(?:[`"]|^sudo )vpatch ([a-z][^`"\n|<#]*)/gm),
    ...named(filesBelow('src', '.ts'), /"vpatch ([a-z][^"\n|<]*)/g),
  ];
  expect(all.length).toBeGreaterThan(80);
  expect(all.filter(({ words }) => !isKnown(program, words.split(/\s+/)))).toEqual([]);
});

const filesBelow = (folder: string, ending: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((file) =>
    file.endsWith(ending) ? [join(folder, file)] : [],
  );

/** Every word before an argument is a command, and every option one of its own. */
function isKnown(program: Command, words: readonly string[]): boolean {
  let command = program;
  for (const word of words) {
    const found = command.commands.find((one) => one.name() === word);
    if (found === undefined) break;
    command = found;
  }
  const options = words.flatMap((word) => /^--[a-z][a-z-]*/.exec(word) ?? []);
  return command !== program && options.every((option) => command.options.some(({ long }) => long === option));
}

test('the version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(await vpatch('--version')).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
});

describe('wrong use', () => {
  test.each([
    [['relay'], "error: unknown command 'relay'"],
    [['replay'], "error: missing required argument 'file'"],
    [['replay', '--colour', 'x.pcap'], "error: unknown option '--colour'"],
    [['replay', '-m', 'maybe', 'x.pcap'], "error: option '-m, --mode <mode>' argument 'maybe' is invalid."],
    [['replay', '/nowhere.pcap'], 'vpatch: /nowhere.pcap: there is no such file'],
    [['replay', 'package.json'], 'vpatch: package.json: neither a pcap nor a pcapng file'],
    [['replay', '--json', '--eve', '-', 'x.pcap'], 'vpatch: --json and --eve - both write to standard output'],
    [
      ['replay', '-S', 'nowhere.rules', 'x.pcap'],
      'vpatch: -S nowhere.rules: cannot read nowhere.rules: there is no such file',
    ],
    [['replay', '-c', 'nowhere.yaml', 'x.pcap'], 'vpatch: nowhere.yaml: cannot be read: there is no such file'],
    [['replay', '--set', 'HOME_NET', 'x.pcap'], 'vpatch: --set HOME_NET: expected NAME=VALUE'],
    [
      ['replay', '--eve', '/nowhere/eve.json', 'x.pcap'],
      'vpatch: --eve /nowhere/eve.json: cannot be written: there is no such folder: make it first',
    ],
    [['run', '--hooks', 'input,input'], 'expected some of input, output, forward, each once'],
    [['sniff'], "error: required option '-i, --interface <name>' not specified"],
    [['sniff', '-i', 'lo', '-m', 'prevent'], "error: unknown option '-m'"],
    [['sniff', '-i', 'lo', '--checks', 'drop'], 'Allowed choices are report, off.'],
    [['rules', 'check'], 'vpatch: there are no rules to load'],
    [['rules', 'check', '-S', 'a', 'b'], 'vpatch: give rule files as arguments or with -S, not both'],
  ])('%j is 2, and says what is wrong', async (args, message) => {
    const { exitCode, stdout, stderr } = await vpatch(...args);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  });

  test('without a command is the help, and 2', async () => {
    const { exitCode, stderr } = await vpatch();
    expect(exitCode).toBe(2);
    expect(stderr).toContain('Usage: vpatch');
  });
});

test.each([[['--help']], [['help', 'replay']], [['rules', '--help']]])('%j is 0', async (args) => {
  const { exitCode, stdout } = await vpatch(...args);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('Usage: vpatch');
});
