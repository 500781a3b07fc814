import { BUFFER_MODIFIERS } from '../keywords/buffers.ts';
import { atOption, atPlace, type LintedRule, type LintFinding } from './lint.ts';

/** What is missing in a rule, or written as nobody should any more. */
export function* form({ draft }: LintedRule): Iterable<LintFinding> {
  const { parsed, context } = draft;
  const at = parsed.protocol.at;
  if (draft.rev === null) yield atPlace('missing-rev', at, 'rev', 'the rule has no rev: a later one cannot replace it');
  if (draft.message === null) yield atPlace('missing-msg', at, 'msg', 'the rule has no msg: its alerts say nothing');
  const flow = parsed.options.find(({ name }) => name.text === 'flow');
  if (parsed.isBidirectional && flow !== undefined && (draft.flow?.direction ?? null) !== null) {
    const message = `flow names a direction and the header names both: "<>" only turns addresses and ports around`;
    yield atOption('bidirectional-flow', flow, message);
  }
  for (const option of parsed.options) {
    const name = option.name.text;
    const buffer = BUFFER_MODIFIERS[name];
    if (buffer !== undefined) {
      yield atOption('deprecated-keyword', option, `${name} is deprecated: write ${buffer}; before the content`);
      continue;
    }
    const newName = option.value === null ? context.buffersByName.get(name)?.[0]?.definition.name : undefined;
    if (newName !== undefined && newName !== name) {
      yield atOption('deprecated-keyword', option, `${name} is the old name of ${newName}`);
    }
    if (name === 'uricontent') {
      yield atOption('deprecated-keyword', option, 'uricontent is deprecated: write http.uri; content:...');
    }
    if (name === 'fast_pattern' && option.value?.text === 'only') {
      yield atOption('deprecated-keyword', option, 'fast_pattern:only means no more than fast_pattern');
    }
  }
}
