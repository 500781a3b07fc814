import { type Asn1Checks, Asn1Step } from '../asn1-step.ts';
import { defineKeyword } from '../keyword.ts';
import type { OptionValue } from '../values.ts';

const MAX_OFFSET = 65_535;
const MAX_U32 = 2 ** 32 - 1;

const asn1 = defineKeyword({
  name: 'asn1',
  summary:
    'ASN.1 has an object that is oversize_length N, bitstring_overflow or double_overflow; at absolute_offset or relative_offset N',
  example: 'content:"|30|"; asn1:oversize_length 1000, relative_offset -1;',
  parse: readSettings,
  compile: ({ checks, offset, isRelative }, draft) => {
    draft.addStep(
      { isMonotone: !isRelative, build: () => new Asn1Step(checks, offset, isRelative) },
      draft.inspectionFor(isRelative),
    );
  },
});

export const asn1Keywords = [asn1];

interface Settings {
  readonly checks: Asn1Checks;
  readonly offset: number;
  readonly isRelative: boolean;
}

function readSettings(value: OptionValue): Settings {
  let oversizeBytes: number | null = null;
  let bitstringOverflow = false;
  let doubleOverflow = false;
  let offset: number | null = null;
  let isRelative = false;
  const words = value.text.split(/[\s,]+/).filter((word) => word !== '');
  const number = (name: string, min: number, max: number): number => {
    const text = words.shift() ?? '';
    const amount = /^[+-]?\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    return amount >= min && amount <= max ? amount : value.fail(`${name} needs a number from ${min} to ${max}`);
  };
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === 'bitstring_overflow') bitstringOverflow = true;
    else if (word === 'double_overflow') doubleOverflow = true;
    else if (word === 'oversize_length') oversizeBytes = number(word, 0, MAX_U32);
    else if (offset === null && word === 'absolute_offset') offset = number(word, 0, MAX_OFFSET);
    else if (offset === null && word === 'relative_offset') {
      offset = number(word, -MAX_OFFSET, MAX_OFFSET);
      isRelative = true;
    } else
      value.fail(`"${word}" is not what asn1 takes: oversize_length, bitstring_overflow, double_overflow, one offset`);
  }
  if (oversizeBytes === null && !bitstringOverflow && !doubleOverflow) value.fail('asn1 needs something to look for');
  return { checks: { oversizeBytes, bitstringOverflow, doubleOverflow }, offset: offset ?? 0, isRelative };
}
