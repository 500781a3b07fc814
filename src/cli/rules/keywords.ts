import type { Command } from 'commander';
import { APP_BUFFERS } from '../../app/index.ts';
import { keywordIndex } from '../../rules/keywords/index.ts';
import { whyUnsupported } from '../../rules/known-names.ts';
import { nearestName } from '../../rules/nearest-name.ts';
import { keywordReference } from '../../rules/reference.ts';
import { EXIT, Failure } from '../failure.ts';

export function registerKeywords(rules: Command): void {
  rules
    .command('keywords')
    .summary('the keyword reference')
    .description('Prints what each keyword of the rule language does, or one of them.')
    .argument('[name]', 'a keyword, such as content')
    .action(keywords);
}
function keywords(name: string | undefined): void {
  if (name === undefined) {
    process.stdout.write(keywordReference(APP_BUFFERS, 'text'));
    return;
  }
  const keyword = keywordIndex(APP_BUFFERS).get(name);
  if (keyword === undefined) throw new Failure(EXIT.problem, unknownKeyword(name, keywordIndex(APP_BUFFERS).keys()));
  const { aliases, summary, difference, example } = keyword;
  const also = aliases.length > 0 ? [`also written ${aliases.join(', ')}`] : [];
  const unlike = difference === null ? [] : [`unlike Suricata: ${difference}`];
  process.stdout.write([`${keyword.name}: ${summary}`, ...also, ...unlike, `example: ${example}`, ''].join('\n'));
}

function unknownKeyword(name: string, known: Iterable<string>): string {
  const reason = whyUnsupported(name);
  if (reason !== null) return reason;
  const near = nearestName(name, known);
  return `there is no keyword ${name}${near === null ? '' : `; did you mean ${near}?`}`;
}
