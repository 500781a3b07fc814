import { REGEX_FLAG, RegexError } from '../../base/native/regex.ts';
import { type Capture, CapturedGroups, groupNames, kindOf } from '../captures.ts';
import type { BufferChoice, RuleDraft } from '../draft.ts';
import { defineKeyword } from '../keyword.ts';
import { RegexStep } from '../regex-step.ts';
import type { TextScope } from '../rule-state.ts';
import { commaSeparated, type OptionValue, quotedOrPlain } from '../values.ts';

/** Flags that PCRE2 knows. */
const PCRE_FLAGS: Readonly<Record<string, number>> = {
  i: REGEX_FLAG.CASELESS,
  s: REGEX_FLAG.DOTALL,
  m: REGEX_FLAG.MULTILINE,
  x: REGEX_FLAG.EXTENDED,
  A: REGEX_FLAG.ANCHORED,
  E: REGEX_FLAG.DOLLAR_ENDONLY,
  G: REGEX_FLAG.UNGREEDY,
};

/** Suricata's old flags that choose a buffer. */
const BUFFER_FLAGS: Readonly<Record<string, string>> = {
  U: 'http.uri',
  I: 'http.uri.raw',
  H: 'http.header',
  D: 'http.header.raw',
  M: 'http.method',
  C: 'http.cookie',
  P: 'http.request_body',
  Q: 'http.response_body',
  S: 'http.stat_code',
  Y: 'http.stat_msg',
  V: 'http.user_agent',
  W: 'http.host',
  Z: 'http.host.raw',
};

const pcre = defineKeyword({
  name: 'pcre',
  summary:
    'A regular expression of PCRE2; flags i s m x A E G, R relative, B and O without effect, and a buffer; groups named (?P<flow_NAME>...) or (?P<pkt_NAME>...), or listed behind it as flow:NAME, are kept for flowvar and pktvar',
  difference: 'A match at the limit of backtracking is an event with the rule; O does not lift the limit',
  example: 'pcre:"/id=[0-9]+\\x27/i";',
  parse: (value) => {
    const { text, isNegated, at } = quotedOrPlain(value);
    const offset = at - value.at;
    const close = text.lastIndexOf('/');
    if (text[0] !== '/' || close === 0) value.fail('pcre needs the form "/pattern/flags"', offset);
    if (close === 1) value.fail('the pattern is empty', offset + 1);

    // Behind a comma are the names that captured groups are to be kept under.
    const comma = text.indexOf(',', close);
    const flagsEnd = comma < 0 ? text.length : comma;
    let flags = 0;
    let isRelative = false;
    let buffer: string | null = null;
    for (let i = close + 1; i < flagsEnd; i++) {
      const flag = text[i]!;
      const bufferName = BUFFER_FLAGS[flag];
      if (flag === 'R') isRelative = true;
      else if (PCRE_FLAGS[flag] !== undefined) flags = (flags | PCRE_FLAGS[flag]) >>> 0;
      else if (bufferName !== undefined) {
        if (buffer !== null && buffer !== bufferName) value.fail(`flag ${flag} chooses a second buffer`, offset + i);
        buffer = bufferName;
      } else if (flag !== 'B' && flag !== 'O') value.fail(`pcre has no flag ${flag}`, offset + i);
    }
    return {
      pattern: text.slice(1, close),
      patternAt: at + 1,
      flags,
      isRelative,
      isNegated,
      buffer,
      isRaw: text.slice(close, flagsEnd).includes('B'),
      listed: comma < 0 ? [] : readListed(value, text.slice(comma + 1), offset + comma + 1),
    };
  },
  compile: ({ pattern, patternAt, flags, isRelative, isNegated, buffer, isRaw, listed }, draft) => {
    if (buffer !== null && isRaw) draft.fail('pcre cannot have flag B and a buffer');
    const regex = draft.context.regex(Buffer.from(pattern, 'utf8'), flags);
    if (regex instanceof RegexError) return draft.fail(`PCRE2 says: ${regex.message}`, patternAt + regex.offset);

    const sticky = draft.currentBuffer;
    const isSticky = buffer === null || buffer === sticky?.definition.name || isResponseBody(buffer, sticky);
    if (sticky !== null && !isSticky) {
      draft.fail(`the flag chooses ${buffer} while the sticky buffer is ${sticky.definition.name}`);
    }
    const choice = isSticky ? sticky : draft.chooseBuffer(buffer!);
    draft.expressions.push({ pattern, flags, isNegated, buffer: choice?.definition.name ?? null, at: patternAt });
    const needsEnd = isNegated || ASKS_FOR_END.test(pattern);
    // The end of a match may move back when its start moves on, so that nothing is known of later ones.
    const captured = capturedBy(pattern, listed, draft);
    const step = { isMonotone: false, build: () => new RegexStep(regex, isRelative, isNegated, needsEnd, captured) };
    draft.addStep(step, draft.inspection(choice));
  },
});

/**
 * What may hold at the end of what is there and not any more when more comes: `$` and the like, negative lookarounds,
 * and a `\b` or `\B` behind which an alternative ends. One that something follows is asked with that at hand.
 */
const ASKS_FOR_END = /\$|\\z|\\Z|\(\?<?!|\\[bB]\)*(?:\||$)/;

/** `flow:name, pkt:name`: where the first, the second ... group goes. */
function readListed(value: OptionValue, text: string, at: number): Omit<Capture, 'group'>[] {
  return commaSeparated(text).map((item) => {
    const [, scope, name] = /^(flow|pkt):\s*(\w+)$/.exec(item) ?? [];
    if (name === undefined) return value.fail(`"${item}" is neither flow:NAME nor pkt:NAME`, at);
    return { scope: scope as TextScope, name };
  });
}

/** Null: nothing that it matches is kept. */
function capturedBy(
  pattern: string,
  listed: readonly Omit<Capture, 'group'>[],
  draft: RuleDraft,
): CapturedGroups | null {
  const names = groupNames(pattern);
  const captures: Capture[] = [];
  for (const [i, name] of names.entries()) {
    const [, scope, rest] = /^(flow|pkt)_(\w+)$/.exec(name ?? '') ?? [];
    if (rest !== undefined) captures.push({ group: i + 1, scope: scope as TextScope, name: rest });
  }
  if (listed.length > names.length) {
    draft.fail(`the pattern has ${names.length} groups, and ${listed.length} are to be kept`);
  }
  for (const [i, { scope, name }] of listed.entries()) captures.push({ group: i + 1, scope, name });
  if (captures.length === 0) return null;
  const captured = new CapturedGroups(captures);
  for (const [i, effect] of captured.effects().entries()) draft.changeState(kindOf(captures[i]!.scope), effect);
  return captured;
}

/** To Suricata they are the same buffer. */
const isResponseBody = (buffer: string, sticky: BufferChoice | null): boolean =>
  buffer === 'http.response_body' && sticky?.definition.name === 'file.data';

export const pcreKeywords = [pcre];
