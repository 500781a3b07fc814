import { BufferSizeStep, DataAtStep } from '../condition-steps.ts';
import { ContentDraft } from '../content-draft.ts';
import { defineKeyword } from '../keyword.ts';
import { commaSeparated, isInRange, uintRange } from '../values.ts';

const MAX_PACKET_BYTES = 65_535;
const MAX_BUFFER_BYTES = 2 ** 53 - 1;
const MAX_POSITION = 65_535;

const isdataat = defineKeyword({
  name: 'isdataat',
  summary: 'There are bytes at this place, counted from the start or (relative) from the last match; ! there are none',
  example: 'content:"PASS "; isdataat:100,relative;',
  parse: (value) => {
    const [position = '', ...flags] = commaSeparated(value.text);
    for (const flag of flags) {
      if (flag !== 'relative' && flag !== 'rawbytes')
        value.fail(`"${flag}" is no flag of isdataat: relative, rawbytes`);
    }
    const isNegated = position.startsWith('!');
    return {
      position: isNegated ? position.slice(1).trim() : position,
      isNegated,
      isRelative: flags.includes('relative'),
    };
  },
  compile: ({ position, isNegated, isRelative }, draft) => {
    const inspection = draft.inspectionFor(isRelative);
    const amount = draft.numberOrVariable(position, 0, MAX_POSITION);
    const last = inspection.steps.at(-1);
    // As in Suricata, "no byte behind this content" is endswith.
    if (isRelative && isNegated && amount === 1 && last instanceof ContentDraft) last.isAtEnd = true;
    else draft.addStep({ isMonotone: true, build: () => new DataAtStep(amount, isRelative, isNegated) }, inspection);
  },
});

const dsize = defineKeyword({
  name: 'dsize',
  summary: "Size of the packet's payload in bytes",
  example: 'dsize:>1000;',
  parse: uintRange({ max: MAX_PACKET_BYTES }),
  compile: (range, draft) => {
    draft.testPacket((packet) => isInRange(range, packet.payloadEnd - packet.payloadStart));
  },
});

const bsize = defineKeyword({
  name: 'bsize',
  summary: 'Size of the sticky buffer in bytes',
  example: 'http.method; bsize:>10;',
  parse: uintRange({ max: MAX_BUFFER_BYTES }),
  compile: (range, draft) => {
    if (draft.currentBuffer === null) draft.fail('bsize needs a sticky buffer before it');
    draft.addStep({ isMonotone: true, build: () => new BufferSizeStep(range, Number.POSITIVE_INFINITY) });
  },
});

export const payloadKeywords = [isdataat, dsize, bsize];
