import { ContentDraft } from '../content-draft.ts';
import type { RuleDraft } from '../draft.ts';
import { defineKeyword } from '../keyword.ts';
import { patternBytes, type Quoted, quotedOrPlain } from '../values.ts';

const fileName = defineKeyword({
  name: 'filename',
  summary: 'The name of a file contains this, in any case',
  example: 'filename:"invoice";',
  parse: quotedOrPlain,
  compile: (name, draft) => addName(draft, name, patternBytes(name)),
});

const fileExtension = defineKeyword({
  name: 'fileext',
  summary: 'The name of a file ends with a dot and this, in any case',
  example: 'fileext:"exe";',
  parse: quotedOrPlain,
  compile: (extension, draft) => {
    addName(draft, extension, Uint8Array.of(DOT, ...patternBytes(extension))).isAtEnd = true;
  },
});

export const fileKeywords = [fileName, fileExtension];

const DOT = 0x2e;

function addName(draft: RuleDraft, { isNegated, at }: Quoted, bytes: Uint8Array): ContentDraft {
  const content = new ContentDraft(bytes, isNegated, at);
  content.isCaseless = true;
  draft.addStep(content, draft.inspection(draft.chooseBuffer('file.name')));
  return content;
}
