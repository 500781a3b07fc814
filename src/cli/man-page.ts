import type { Command } from 'commander';
import { commandPath, forEachCommand } from './program.ts';

/** One page for each command in roff (man(7)), by file name: `vpatch.1`, `vpatch-rules-check.1`. */
export function manPages(program: Command, version: string): ReadonlyMap<string, string> {
  const pages = new Map<string, string>();
  forEachCommand(program, (command) => {
    const name = pageName(command);
    pages.set(`${name}.1`, page(command, name, version));
  });
  return pages;
}

const pageName = (command: Command): string => commandPath(command).replaceAll(' ', '-');

function page(command: Command, name: string, version: string): string {
  const help = command.createHelp();
  const synopsis = `${commandPath(command)} ${command.usage()}`.trim();
  const options = help
    .visibleOptions(command)
    .map((option) => term(help.optionTerm(option), help.optionDescription(option)));
  const parameters = help
    .visibleArguments(command)
    .map((argument) => term(help.argumentTerm(argument), help.argumentDescription(argument)));
  const commands = command.commands.map((child) => term(`${pageName(child)}(1)`, help.subcommandDescription(child)));
  const around = command.parent === null ? [] : [`${pageName(command.parent)}(1)`];
  return [
    `.TH ${escaped(name.toUpperCase())} 1 "" "vpatch ${escaped(version)}" "vpatch"`,
    '.SH NAME',
    `${escaped(name)} \\- ${escaped(command.summary() || command.description())}`,
    '.SH SYNOPSIS',
    `.B ${escaped(synopsis)}`,
    '.SH DESCRIPTION',
    escaped(command.description()),
    ...section('ARGUMENTS', parameters),
    ...section('OPTIONS', options),
    ...section('COMMANDS', commands),
    '.SH EXIT STATUS',
    ...EXIT_STATUS.map(([code, meaning]) => term(code, meaning)),
    ...section('SEE ALSO', around.map(escaped)),
    '',
  ].join('\n');
}

const EXIT_STATUS = [
  ['0', 'good'],
  ['1', 'the work was done and found a problem'],
  ['2', 'wrong use or configuration'],
  ['3', 'the machine lacks something, or no service runs'],
] as const;

const section = (title: string, entries: readonly string[]): string[] =>
  entries.length === 0 ? [] : [`.SH ${title}`, ...entries];

const term = (name: string, description: string): string => `.TP\n.B ${escaped(name)}\n${escaped(description)}`;

/** A backslash, a dash that is no hyphen, and a dot or quote that would begin a request. */
const escaped = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');
