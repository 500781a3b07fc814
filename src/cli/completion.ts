import type { Command } from 'commander';
import { commandPath, forEachCommand } from './program.ts';

/** For bash-completion: commands, options and the words that options and arguments choose from; else file names. */
export function bashCompletion(program: Command): string {
  const cases: string[] = [];
  forEachCommand(program, (command) => {
    const options = command.createHelp().visibleOptions(command);
    const names = options.flatMap(({ short, long }) => [short, long].filter((name) => name !== undefined));
    const children = command.commands.map((child) => child.name());
    const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
    cases.push(
      `    ${quoted(commandPath(command))}) words=${quoted([...children, ...choices, ...names].join(' '))} ;;`,
    );
    for (const { short, long, argChoices } of options) {
      if (argChoices === undefined) continue;
      const patterns = [short, long].filter((name) => name !== undefined);
      const places = patterns.map((name) => quoted(`${commandPath(command)} ${name}`)).join(' | ');
      cases.push(`    ${places}) words=${quoted(argChoices.join(' '))} ;;`);
    }
  });
  return `# bash completion for vpatch; made from its commands.
_vpatch_words() {
  local words=''
  case "$1" in
${cases.join('\n')}
  esac
  printf '%s' "$words"
}

_vpatch() {
  local current=\${COMP_WORDS[COMP_CWORD]} path=vpatch word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word != -* && -n $(_vpatch_words "$path $word") ]]; then path="$path $word"; fi
  done
  local words
  words=$(_vpatch_words "$path \${COMP_WORDS[COMP_CWORD - 1]}")
  if [[ -z $words || \${COMP_WORDS[COMP_CWORD - 1]} != -* ]]; then words=$(_vpatch_words "$path"); fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _vpatch vpatch
`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
