import { latin1 } from '../../base/bytes.ts';
import { REGEX_FLAG } from '../../base/native/regex.ts';
import { ContentDraft } from '../content-draft.ts';
import { shownBytes } from '../explain/content-words.ts';
import { atPlace, type LintedRule, type LintFinding } from './lint.ts';
import { requiredBytes } from './pcre-literals.ts';

const NAME = 'cannot-match';

/** Contents and expressions that ask their buffer for what it never has. */
export function* bufferLimits({ draft }: LintedRule): Iterable<LintFinding> {
  for (const { choice, steps } of draft.inspections) {
    const buffer = choice?.definition.name;
    if (buffer === undefined) continue;
    for (const step of steps) {
      if (!(step instanceof ContentDraft) || step.isNegated) continue;
      const shown = shownBytes(step.bytes);
      const reason = whyNever(buffer, step.bytes, step.isCaseless) ?? whyNoText(buffer, step.bytes);
      if (reason !== null) yield atPlace(NAME, step.at, 'content', `${shown} is never there: ${reason}`);
      if (buffer !== 'http.uri' || !ESCAPED.test(latin1(step.bytes))) continue;
      const message = `http.uri is decoded, and ${shown} is there only where it was encoded twice: write the character itself, or look into http.uri.raw`;
      yield atPlace('encoded-uri', step.at, 'content', message);
    }
  }
  for (const { pattern, flags, isNegated, buffer, at } of draft.expressions) {
    const bytes = isNegated ? null : requiredBytes(pattern, (flags & REGEX_FLAG.EXTENDED) !== 0);
    if (bytes === null || buffer === null) continue;
    const reason = whyNever(buffer, bytes, (flags & REGEX_FLAG.CASELESS) !== 0);
    if (reason !== null) yield atPlace(NAME, at, 'pcre', `the expression never matches: ${reason}`);
  }
}

/** Each of these bytes must be there. */
function whyNever(buffer: string, bytes: Uint8Array, isCaseless: boolean): string | null {
  const has = (test: (byte: number) => boolean): boolean => bytes.some(test);
  if (!isCaseless && isLower(buffer) && has(isUpperCase)) return `${buffer} is in lower case`;
  if (!isCaseless && buffer.endsWith(' to_uppercase') && has(isLowerCase)) return `${buffer} is in upper case`;
  if (ONE_LINE.has(buffer) && has((byte) => byte === CR || byte === LF)) return `${buffer} has no line ends`;
  if (buffer === 'http.method' && has((byte) => byte === SPACE)) return 'http.method has no blanks';
  if (buffer === 'http.stat_code' && has((byte) => byte < ZERO || byte > NINE))
    return 'http.stat_code has digits alone';
  if (buffer === 'http.header_names' && has((byte) => byte === COLON)) return 'http.header_names has no colons';
  return null;
}

function whyNoText(buffer: string, bytes: Uint8Array): string | null {
  const text = latin1(bytes);
  if (buffer === 'http.header' && /^(?:\r\n)?(?:set-)?cookie:/i.test(text)) {
    return 'cookies are not in http.header, but in http.cookie';
  }
  if (buffer === 'http.cookie' && /^(?:\r\n)?(?:set-)?cookie:/i.test(text)) return 'http.cookie has the value alone';
  return null;
}

const isLower = (buffer: string): boolean => buffer === 'http.host' || buffer.endsWith(' to_lowercase');
const isUpperCase = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a;
const isLowerCase = (byte: number): boolean => byte >= 0x61 && byte <= 0x7a;

const [LF, CR, SPACE, COLON, ZERO, NINE] = [0x0a, 0x0d, 0x20, 0x3a, 0x30, 0x39];

/** Percent and the number of a character that is decoded: a letter, a digit or a mark that separates nothing. */
const ESCAPED = /%(?:2[0-24-9a-e]|3[0-9a-e]|4[0-9a-f]|5[0-9a-f]|6[0-9a-f]|7[0-9a-e])/i;

const ONE_LINE = new Set([
  'http.uri.raw',
  'http.method',
  'http.protocol',
  'http.stat_code',
  'http.host',
  'http.host.raw',
  'http.user_agent',
  'http.referer',
  'http.content_type',
  'http.content_len',
  'http.connection',
  'http.accept',
  'http.accept_lang',
  'http.accept_enc',
  'http.location',
  'http.server',
  'http.stat_msg',
  'http.request_line',
  'http.response_line',
  'tls.sni',
]);
