import { ContentDraft } from '../content-draft.ts';
import type { RuleDraft } from '../draft.ts';
import { defineKeyword } from '../keyword.ts';
import { nothing, type OptionValue, patternBytes, quoted } from '../values.ts';

/** A rule of Suricata is a line of 8,192 bytes at most. */
const MAX_CONTENT_BYTES = 8192;
/** Suricata's DETECT_CONTENT_VALUE_MAX. */
const MAX_DISTANCE_BYTES = 1024 * 1024;
/** Offsets and depths have 16 bits in Suricata. */
const MAX_OFFSET_BYTES = 65_535;

const content = defineKeyword({
  name: 'content',
  summary: 'Bytes that must be there, or with ! must not; |41 42| is hexadecimal',
  difference: 'In a stream, a rule matches again only behind its last match; Suricata inline matches with each packet',
  example: 'content:"cmd.exe|00|";',
  parse: readContent,
  compile: (draftOf, draft) => draft.addContent(draftOf()),
});

const uricontent = defineKeyword({
  name: 'uricontent',
  summary: 'Old form of content with http_uri',
  example: 'uricontent:"/etc/passwd";',
  parse: readContent,
  compile: (draftOf, draft) => {
    if (draft.currentBuffer !== null)
      draft.fail(`uricontent cannot follow a sticky buffer (${draft.currentBuffer.definition.name})`);
    draft.addContent(draftOf());
    draft.moveLastContent('uricontent', 'http.uri');
  },
});

const nocase = defineKeyword({
  name: 'nocase',
  summary: 'The content matches in upper and lower case',
  example: 'content:"select"; nocase;',
  parse: nothing,
  compile: (_, draft) => {
    const last = draft.contentFor('nocase');
    if (last.isCaseless) draft.fail('the content has two nocase');
    last.isCaseless = true;
  },
});

const rawbytes = defineKeyword({
  name: 'rawbytes',
  summary: 'Accepted for compatibility: the payload is never decoded',
  example: 'content:"USER"; rawbytes;',
  parse: nothing,
  compile: (_, draft) => {
    const last = draft.contentFor('rawbytes');
    if (draft.currentBuffer !== null) draft.fail('rawbytes cannot be used with a sticky buffer');
    if (last.isRaw) draft.fail('the content has two rawbytes');
    last.isRaw = true;
  },
});

const offset = defineKeyword({
  name: 'offset',
  summary: 'The content starts this many bytes into the buffer, or later',
  example: 'content:"|ff|SMB"; offset:4;',
  parse: (value) => value.text,
  compile: (number, draft) => {
    const last = absolute('offset', draft);
    if (last.offset !== null) draft.fail('the content has two offsets');
    last.offset = draft.numberOrVariable(number, 0, MAX_OFFSET_BYTES);
  },
});

const depth = defineKeyword({
  name: 'depth',
  summary: 'The content lies within this many bytes, counted from its offset',
  example: 'content:"GET "; depth:4;',
  parse: (value) => value.text,
  compile: (number, draft) => {
    const last = absolute('depth', draft);
    if (last.depth !== null) draft.fail('the content has two depths');
    last.depth = draft.numberOrVariable(number, 0, MAX_OFFSET_BYTES);
    if (typeof last.depth === 'number' && last.depth < last.bytes.length) {
      draft.fail(`depth ${last.depth} is less than the content's ${last.bytes.length} bytes`, draft.valueAt);
    }
  },
});

const startswith = defineKeyword({
  name: 'startswith',
  summary: 'The content is the beginning of the buffer',
  example: 'content:"/admin"; startswith;',
  parse: nothing,
  compile: (_, draft) => {
    const last = absolute('startswith', draft);
    if (last.offset !== null || last.depth !== null) draft.fail('startswith cannot be used with offset or depth');
    last.isAtStart = true;
  },
});

const endswith = defineKeyword({
  name: 'endswith',
  summary: 'The content is the end of the buffer',
  example: 'content:".php"; endswith;',
  parse: nothing,
  compile: (_, draft) => {
    const last = draft.contentFor('endswith');
    if (last.isAtEnd) draft.fail('the content has two endswith');
    last.isAtEnd = true;
  },
});

const distance = defineKeyword({
  name: 'distance',
  summary: 'The content starts this many bytes behind the last match, or later; may be negative',
  example: 'content:"a"; content:"b"; distance:0;',
  parse: (value) => value.text,
  compile: (number, draft) => {
    const last = relative('distance', draft);
    if (last.distance !== null) draft.fail('the content has two distances');
    last.distance = draft.numberOrVariable(number, -MAX_DISTANCE_BYTES, MAX_DISTANCE_BYTES);
  },
});

const within = defineKeyword({
  name: 'within',
  summary: 'The content ends within this many bytes behind the last match, plus its distance',
  example: 'content:"a"; content:"b"; within:10;',
  parse: (value) => value.text,
  compile: (number, draft) => {
    const last = relative('within', draft);
    if (last.within !== null) draft.fail('the content has two withins');
    last.within = draft.numberOrVariable(number, -MAX_DISTANCE_BYTES, MAX_DISTANCE_BYTES);
    if (typeof last.within === 'number' && last.within < last.bytes.length) {
      draft.fail(`within ${last.within} is less than the content's ${last.bytes.length} bytes`, draft.valueAt);
    }
  },
});

const fastPattern = defineKeyword({
  name: 'fast_pattern',
  summary: 'Find the candidates of this rule by this content; N,M: by M bytes of it from byte N',
  difference: 'A negated content is never used to find candidates',
  example: 'content:"select"; content:"from secrets"; fast_pattern;',
  parse: (value) => {
    const argument = value.optional;
    if (argument === null) return null;
    if (argument === 'only') return 'only';
    const match = /^(\d{1,5})\s*,\s*(\d{1,5})$/.exec(argument);
    if (match === null) return value.fail('fast_pattern takes nothing, "only", or an offset and a length');
    return { offset: Number(match[1]), length: Number(match[2]) };
  },
  compile: (argument, draft) => {
    const last = draft.contentFor('fast_pattern');
    if (draft.fastPattern !== null) draft.fail('only one content of a rule can be its fast_pattern');
    const isRestricted = last.isRelative || last.isPlaced;
    if (last.isNegated && isRestricted)
      draft.fail('fast_pattern cannot be used with a negated content that has a place');
    if (argument === 'only' && (last.isNegated || isRestricted)) {
      draft.fail('fast_pattern:only cannot be used with a content that is negated or has a place');
    }
    if (argument !== null && argument !== 'only') {
      if (argument.length === 0) draft.fail('fast_pattern needs at least one byte');
      if (argument.offset + argument.length > last.bytes.length) {
        draft.fail(
          `fast_pattern ends at byte ${argument.offset + argument.length} of a content of ${last.bytes.length}`,
        );
      }
      last.chop = argument;
    }
    draft.fastPattern = last;
  },
});

export const contentKeywords = [
  content,
  uricontent,
  nocase,
  rawbytes,
  offset,
  depth,
  startswith,
  endswith,
  distance,
  within,
  fastPattern,
];

/** A new content each time the rule is compiled: its modifiers change it. */
function readContent(value: OptionValue): () => ContentDraft {
  const pattern = quoted(value);
  const bytes = patternBytes(pattern);
  if (bytes.length === 0) value.fail(`${value.keyword} is empty`);
  if (bytes.length > MAX_CONTENT_BYTES)
    value.fail(`${value.keyword} has ${bytes.length} bytes, the most is ${MAX_CONTENT_BYTES}`);
  return () => new ContentDraft(bytes, pattern.isNegated, pattern.at);
}

function absolute(keyword: string, draft: RuleDraft): ContentDraft {
  const last = draft.contentFor(keyword);
  if (last.isRelative) draft.fail(`${keyword} cannot be used with distance or within on the same content`);
  if (last.isAtStart) draft.fail(`${keyword} cannot be used with startswith`);
  return last;
}

function relative(keyword: string, draft: RuleDraft): ContentDraft {
  const last = draft.contentFor(keyword);
  if (last.isPlaced) draft.fail(`${keyword} cannot be used with offset, depth or startswith on the same content`);
  return last;
}
