import { RegexError } from '../../base/native/regex.ts';
import type { RuleDraft } from '../draft.ts';
import { defineKeyword, type Keyword } from '../keyword.ts';
import {
  captured,
  compressWhitespace,
  digest,
  dotPrefix,
  headerLowerCase,
  stripPseudoHeaders,
  stripWhitespace,
  type Transform,
  toLowerCase,
  toUpperCase,
  urlDecode,
  xorWith,
} from '../transforms.ts';
import { nothing, quotedOrPlain, word } from '../values.ts';

function plain(name: string, summary: string, make: () => Transform): Keyword {
  return defineKeyword({
    name,
    summary,
    example: `http.uri; ${name}; content:"x";`,
    parse: nothing,
    compile: (_, draft) => draft.transformBuffer(name, make),
  });
}

const xor = defineKeyword({
  name: 'xor',
  summary: 'The sticky buffer, each byte combined with one of the key by exclusive or; the key is hexadecimal',
  example: 'http.uri; xor:"0d0a"; content:"x";',
  parse: (value) => {
    const key = word(value);
    return /^([0-9a-fA-F]{2}){1,255}$/.test(key)
      ? key
      : value.fail('xor takes bytes in hexadecimal, such as "0d0ac8ff"');
  },
  compile: (key, draft) => draft.transformBuffer(`xor ${key}`, () => xorWith(Buffer.from(key, 'hex'))),
});

const pcrexform = defineKeyword({
  name: 'pcrexform',
  summary: 'What the one group of an expression captures of the sticky buffer; all of it where there is no match',
  example: 'http.uri; pcrexform:"[?&]data=(.*)"; content:"x";',
  parse: (value) => quotedOrPlain(value),
  compile: ({ text, at }, draft: RuleDraft) => {
    const regex = draft.context.regex(Buffer.from(text, 'utf8'), 0);
    if (regex instanceof RegexError) return draft.fail(`PCRE2 says: ${regex.message}`, at + regex.offset);
    if (regex.groups.length !== ONE_GROUP) draft.fail('pcrexform needs an expression with one group', at);
    draft.transformBuffer(`pcrexform ${text}`, () => captured(regex));
  },
});

/** Start and end of the whole match, and of the group. */
const ONE_GROUP = 4;

export const transformKeywords = [
  plain('dotprefix', 'The sticky buffer with a dot before it', dotPrefix),
  plain('strip_whitespace', 'The sticky buffer without blanks', stripWhitespace),
  plain('compress_whitespace', 'The sticky buffer with one blank where several are in a row', compressWhitespace),
  plain('to_lowercase', 'The sticky buffer in lower case', toLowerCase),
  plain('to_uppercase', 'The sticky buffer in upper case', toUpperCase),
  plain('to_md5', 'The MD5 digest of the sticky buffer: 16 bytes', () => digest('md5')),
  plain('to_sha1', 'The SHA-1 digest of the sticky buffer: 20 bytes', () => digest('sha1')),
  plain('to_sha256', 'The SHA-256 digest of the sticky buffer: 32 bytes', () => digest('sha256')),
  plain('url_decode', 'The sticky buffer with %41 and + decoded', urlDecode),
  plain('header_lowercase', 'The sticky buffer with the names of header lines in lower case', headerLowerCase),
  plain('strip_pseudo_headers', 'The sticky buffer without lines that begin with a colon', stripPseudoHeaders),
  xor,
  pcrexform,
];
