import { STAGE } from '../../app/protocol.ts';
import { Base64Draft, MAX_BASE64_BYTES } from '../base64-step.ts';
import type { BufferChoice } from '../draft.ts';
import { defineKeyword } from '../keyword.ts';
import { commaSeparated, nothing } from '../values.ts';

const MAX_OFFSET_BYTES = 65_535;

const base64Decode = defineKeyword({
  name: 'base64_decode',
  summary: 'Decodes base64 for base64_data: bytes N at most, offset N, relative to the last match',
  example: 'content:"data="; base64_decode:bytes 100,offset 0,relative; base64_data; content:"x";',
  parse: (value) => {
    const place = { maxBytes: MAX_BASE64_BYTES, offset: 0, isRelative: false };
    for (const item of value.optional === null ? [] : commaSeparated(value.text)) {
      const [, name, digits = ''] = /^(bytes|offset)\s+(\d{1,5})$/.exec(item) ?? [];
      const number = Number(digits);
      if (item === 'relative') place.isRelative = true;
      else if (name === 'bytes' && number >= 1 && number <= MAX_BASE64_BYTES) place.maxBytes = number;
      else if (name === 'offset' && number <= MAX_OFFSET_BYTES) place.offset = number;
      else value.fail('base64_decode takes "bytes" and a number, "offset" and a number, and relative');
    }
    return place;
  },
  compile: (place, draft) => {
    if (draft.base64 !== null) draft.fail('base64_decode is there twice');
    draft.base64 = new Base64Draft(place);
    draft.addStep(draft.base64, draft.inspectionFor(place.isRelative));
  },
});

/** Not a buffer of transactions: what base64_decode has made is looked into on the spot. */
const DECODED: BufferChoice = {
  protocol: '',
  definition: { name: 'base64_data', summary: '', direction: null, stage: STAGE.head, read: () => null },
};

const base64Data = defineKeyword({
  name: 'base64_data',
  summary: 'What follows looks into what base64_decode has decoded',
  example: 'base64_decode:bytes 100; base64_data; content:"x";',
  parse: nothing,
  compile: (_, draft) => {
    const { base64 } = draft;
    if (base64 === null) return draft.fail('base64_data needs a base64_decode before it');
    draft.enterPacketBuffer(DECODED);
    base64.data = draft.inspection(DECODED);
  },
});

export const base64Keywords = [base64Decode, base64Data];
