import { REGEX_FLAG, RegexError } from '../../base/native/regex.ts';
import type { BufferChoice } from '../draft.ts';
import { defineKeyword } from '../keyword.ts';
import { RegexStep } from '../regex-step.ts';
import { quotedOrPlain } from '../values.ts';

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
  summary: 'A regular expression of PCRE2; flags i s m x A E G, R relative, B and O without effect, and a buffer',
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
      hasCaptures: comma >= 0,
    };
  },
  compile: ({ pattern, patternAt, flags, isRelative, isNegated, buffer, isRaw, hasCaptures }, draft) => {
    if (hasCaptures) draft.warn('captured groups are not kept under names yet', 'ignored-part');
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
    const needsEnd = isNegated || /\$|\\z|\\Z|\(\?!|\(\?<!/.test(pattern);
    // The end of a match may move back when its start moves on, so that nothing is known of later ones.
    const step = { isMonotone: false, build: () => new RegexStep(regex, isRelative, isNegated, needsEnd) };
    draft.addStep(step, draft.inspection(choice));
  },
});

/** To Suricata they are the same buffer. */
const isResponseBody = (buffer: string, sticky: BufferChoice | null): boolean =>
  buffer === 'http.response_body' && sticky?.definition.name === 'file.data';

export const pcreKeywords = [pcre];
