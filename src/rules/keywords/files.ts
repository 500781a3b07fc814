import { FILE_DIGESTS, FILE_SIZE, type FileDigest } from '../../app/files.ts';
import { DOT } from '../../base/ascii.ts';
import { latin1, u8, u32 } from '../../base/bytes.ts';
import { addBufferTest } from '../buffer-test.ts';
import { ContentDraft } from '../content-draft.ts';
import type { RuleDraft } from '../draft.ts';
import { defineKeyword } from '../keyword.ts';
import { commaSeparated, isInRange, patternBytes, type Quoted, quotedOrPlain, uintRange, word } from '../values.ts';

const NAMES = { md5: 'MD5', sha1: 'SHA-1', sha256: 'SHA-256' } as const;
const DIGEST_BYTES = { md5: 16, sha1: 20, sha256: 32 } as const;

const fileName = defineKeyword({
  name: 'filename',
  summary: 'The name of a file contains this, in any case',
  example: 'filename:"invoice";',
  parse: quotedOrPlain,
  compile: (name, draft) => addFileContent(draft, 'file.name', name, patternBytes(name)),
});

const fileExtension = defineKeyword({
  name: 'fileext',
  summary: 'The name of a file ends with a dot and this, in any case',
  example: 'fileext:"exe";',
  parse: quotedOrPlain,
  compile: (extension, draft) => {
    const bytes = Uint8Array.of(DOT, ...patternBytes(extension));
    addFileContent(draft, 'file.name', extension, bytes).isAtEnd = true;
  },
});

const fileMagic = defineKeyword({
  name: 'filemagic',
  summary: 'What file(1) would call a file contains this, in any case',
  difference: 'Some sixty formats are known; of what is none of them, only whether it is text',
  example: 'filemagic:"executable";',
  parse: quotedOrPlain,
  compile: (text, draft) => addFileContent(draft, 'file.magic', text, patternBytes(text)),
});

/** Suricata's have 64 bits; no file that is followed comes near. */
const MAX_FILE_BYTES = Number.MAX_SAFE_INTEGER;

const fileSize = defineKeyword({
  name: 'filesize',
  summary: 'Size of a file in bytes; of a truncated one, only whether it is more than a number',
  example: 'filesize:1KB<>2MB;',
  parse: uintRange({ max: MAX_FILE_BYTES }),
  compile: (range, draft) => {
    const isMinimum = range.max === MAX_FILE_BYTES && !range.isNegated;
    addBufferTest(draft, 'file.size', ({ bytes, start }) => {
      if (u8(bytes, start + FILE_SIZE.isTruncated) === 1 && !isMinimum) return false;
      return isInRange(range, u32(bytes, start) * 2 ** 32 + u32(bytes, start + 4));
    });
  },
});

const digestKeywords = FILE_DIGESTS.map((algorithm) =>
  defineKeyword({
    name: `file${algorithm}`,
    summary: `${NAMES[algorithm]} of a whole file is in a list, or with ! is not; the list is a file beside the rules`,
    example: `file${algorithm}:known-bad.txt;`,
    parse: (value) => {
      const [, negation, file] = /^(!\s*)?(\S+)$/.exec(word(value)) ?? value.fail(`${value.keyword} takes a file`);
      return { file: file!, isNegated: negation !== undefined };
    },
    compile: ({ file, isNegated }, draft) => {
      const digests = digestsIn(file, algorithm, draft);
      addBufferTest(
        draft,
        `file.${algorithm}`,
        ({ bytes, start, end }) => end > start && digests.has(latin1(bytes, start, end)) !== isNegated,
      );
    },
  }),
);

const fileStore = defineKeyword({
  name: 'filestore',
  summary: 'There is a file. Nothing is stored',
  difference: 'Nothing is stored',
  example: 'filestore;',
  parse: (value) => {
    const items = value.optional === null ? [] : commaSeparated(value.optional);
    const [direction = 'both', scope = 'file', ...rest] = items;
    if (rest.length > 0 || !STORE_DIRECTIONS.has(direction) || !STORE_SCOPES.has(scope)) {
      value.fail('filestore takes request, response or both, then file, tx or flow, or nothing');
    }
    return null;
  },
  compile: (_, draft) => {
    draft.warn('the file is not stored: vpatch stores none', 'not-stored');
    addBufferTest(draft, 'file.name', () => true);
  },
});

export const fileKeywords = [fileName, fileExtension, fileMagic, fileSize, ...digestKeywords, fileStore];

const STORE_DIRECTIONS: ReadonlySet<string> = new Set([
  'request',
  'response',
  'both',
  'to_server',
  'to_client',
  'toserver',
  'toclient',
]);
const STORE_SCOPES: ReadonlySet<string> = new Set(['file', 'tx', 'ssn', 'flow']);

/**
 * The digests of a list, one in a line, as bytes. What follows them on the line is for people: `md5sum` writes names.
 */
function digestsIn(file: string, algorithm: FileDigest, draft: RuleDraft): ReadonlySet<string> {
  const text = draft.context.environment.fileText(draft.file, file);
  if (text === null) return draft.fail(`${file} cannot be read`, draft.valueAt);
  const digests = new Set<string>();
  const faulty: number[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^(?:\s|#|$)/.test(line)) continue;
    const [digits = ''] = /^[0-9a-f]+(?![^\s,;])/i.exec(line) ?? [];
    if (digits.length === DIGEST_BYTES[algorithm] * 2) digests.add(latin1(Buffer.from(digits, 'hex')));
    else faulty.push(index + 1);
  }
  if (faulty.length > 0)
    draft.warn(`${file} line ${faulty[0]}: no ${NAMES[algorithm]}; such lines: ${faulty.length}`, 'skipped-line');
  return digests;
}

function addFileContent(draft: RuleDraft, buffer: string, { isNegated, at }: Quoted, bytes: Uint8Array): ContentDraft {
  const content = new ContentDraft(bytes, isNegated, at);
  content.isCaseless = true;
  draft.addStep(content, draft.inspection(draft.chooseBuffer(buffer)));
  return content;
}
