import {
  ByteExtractStep,
  ByteJumpStep,
  ByteMathStep,
  ByteTestStep,
  type Comparison,
  type FieldPlace,
  type Operator,
  type Unsigned64,
} from '../byte-steps.ts';
import { ByteVariable } from '../byte-variable.ts';
import type { RuleDraft } from '../draft.ts';
import { defineKeyword } from '../keyword.ts';
import { commaSeparated, type OptionValue } from '../values.ts';

const MAX_BINARY_BYTES = 8;
const MAX_TEXT_BYTES = 23;
const MAX_OFFSET_BYTES = 65_535;
const MAX_MULTIPLIER = 65_535;
const MAX_OPERAND = 0xffff_ffff;

const byteTest = defineKeyword({
  name: 'byte_test',
  summary: 'Compares a number of the traffic: bytes, operator, value, offset, then relative, string, dec, little, ...',
  example: 'content:"|00 01|"; byte_test:2,>,512,0,relative;',
  parse: (value) => {
    const [bytes, operatorText, test, offset, ...flags] = commaSeparated(value.text);
    if (bytes === undefined || operatorText === undefined || test === undefined || offset === undefined) {
      return value.fail('byte_test needs a number of bytes, an operator, a value and an offset');
    }
    const match = /^(!)?\s*(<=|>=|=<|=>|<|>|=|&|\^)?$/.exec(operatorText);
    if (match === null || operatorText === '')
      return value.fail(`"${operatorText}" is no operator: [!] with < > = <= >= & ^`);
    const comparison = COMPARISONS[match[2] ?? '='] ?? value.fail(`"${operatorText}" is no operator`);
    return { bytes, comparison, isNegated: match[1] !== undefined, test, offset, flags: readFlags(value, flags, []) };
  },
  compile: ({ bytes, comparison, isNegated, test, offset, flags }, draft) => {
    const place = fieldPlace(draft, bytes, offset, flags);
    const expected = /^\d/.test(test) ? unsigned64(draft, test) : draft.variable(test);
    const step = { isMonotone: true, build: () => new ByteTestStep(place, comparison, isNegated, expected) };
    draft.addStep(step, draft.inspectionFor(flags.isRelative));
  },
});

const byteJump = defineKeyword({
  name: 'byte_jump',
  summary: 'Moves on by a number of the traffic: bytes, offset, then relative, multiplier N, from_beginning, ...',
  example: 'content:"len="; byte_jump:2,0,relative; content:"end"; within:3;',
  parse: (value) => {
    const [bytes, offset, ...flags] = commaSeparated(value.text);
    if (bytes === undefined || offset === undefined)
      return value.fail('byte_jump needs a number of bytes and an offset');
    return {
      bytes,
      offset,
      flags: readFlags(value, flags, ['multiplier', 'post_offset', 'align', 'from_beginning', 'from_end']),
    };
  },
  compile: ({ bytes, offset, flags }, draft) => {
    const place = fieldPlace(draft, bytes, offset, flags);
    if (flags.isFromBeginning && flags.isFromEnd) draft.fail('byte_jump cannot be from_beginning and from_end');
    const jump = {
      multiplier: flags.multiplier,
      isAligned: flags.align !== null,
      from: flags.isFromBeginning ? ('beginning' as const) : flags.isFromEnd ? ('end' as const) : ('field' as const),
      postOffset: draft.numberOrVariable(flags.postOffset, -MAX_OFFSET_BYTES, MAX_OFFSET_BYTES),
    };
    const step = { isMonotone: false, build: () => new ByteJumpStep(place, jump) };
    draft.addStep(step, draft.inspectionFor(flags.isRelative));
  },
});

const byteExtract = defineKeyword({
  name: 'byte_extract',
  summary:
    'Remembers a number of the traffic for later keywords: bytes, offset, name, then relative, multiplier N, ...',
  example: 'byte_extract:1,0,size; content:"end"; offset:size;',
  parse: (value) => {
    const [bytes, offset, name, ...flags] = commaSeparated(value.text);
    if (bytes === undefined || offset === undefined || name === undefined) {
      return value.fail('byte_extract needs a number of bytes, an offset and a name');
    }
    checkName(value, name);
    return { bytes, offset, name, flags: readFlags(value, flags, ['multiplier', 'align']) };
  },
  compile: ({ bytes, offset, name, flags }, draft) => {
    const place = fieldPlace(draft, bytes, offset, flags);
    const variable = newVariable(draft, name);
    const alignment = flags.align ?? 0;
    const step = { isMonotone: false, build: () => new ByteExtractStep(place, flags.multiplier, alignment, variable) };
    draft.addStep(step, draft.inspectionFor(flags.isRelative));
  },
});

const byteMath = defineKeyword({
  name: 'byte_math',
  summary: 'Calculates with a number of the traffic and remembers the result: bytes, offset, oper, rvalue, result',
  example: 'byte_math:bytes 1,offset 0,oper +,rvalue 2,result end; content:"x"; offset:end;',
  parse: (value) => {
    const given: Record<string, string> = {};
    const flags: string[] = [];
    for (const item of commaSeparated(value.text)) {
      const [, key, rest] = /^(bytes|offset|oper|rvalue|result|bitmask)\s+(\S+)$/.exec(item) ?? [];
      if (key === undefined || rest === undefined) flags.push(item);
      else if (given[key] !== undefined) value.fail(`byte_math says ${key} twice`);
      else given[key] = rest;
    }
    const { bytes, offset, oper, rvalue, result, bitmask } = given;
    if (
      bytes === undefined ||
      offset === undefined ||
      oper === undefined ||
      rvalue === undefined ||
      result === undefined
    ) {
      return value.fail('byte_math needs bytes, offset, oper, rvalue and result');
    }
    const operator =
      OPERATORS.find((known) => known === oper) ?? value.fail(`"${oper}" is no operator: ${OPERATORS.join(' ')}`);
    checkName(value, result);
    return { bytes, offset, operator, rvalue, result, bitmask, flags: readFlags(value, flags, []) };
  },
  compile: ({ bytes, offset, operator, rvalue, result, bitmask, flags }, draft) => {
    const place = fieldPlace(draft, bytes, offset, flags);
    const operand = draft.numberOrVariable(rvalue, 0, MAX_OPERAND);
    if (operator === '/' && operand === 0) draft.fail('byte_math divides by 0');
    if ((operator === '<<' || operator === '>>') && typeof operand === 'number' && operand > 31) {
      draft.fail('byte_math shifts by 31 bits at most');
    }
    const mask = bitmask === undefined ? null : unsigned64(draft, bitmask);
    const variable = newVariable(draft, result);
    const step = { isMonotone: false, build: () => new ByteMathStep(place, operator, operand, mask, variable) };
    draft.addStep(step, draft.inspectionFor(flags.isRelative));
  },
});

export const byteKeywords = [byteTest, byteJump, byteExtract, byteMath];

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  '<': '<',
  '>': '>',
  '=': '=',
  '<=': '<=',
  '=<': '<=',
  '>=': '>=',
  '=>': '>=',
  '&': '&',
  '^': '^',
};
const OPERATORS: readonly Operator[] = ['+', '-', '*', '/', '<<', '>>'];

interface Flags {
  isRelative: boolean;
  isText: boolean;
  base: 0 | 8 | 10 | 16;
  isLittleEndian: boolean;
  hasOrderOfBuffer: boolean;
  mask: string | null;
  multiplier: number;
  align: number | null;
  postOffset: string;
  isFromBeginning: boolean;
  isFromEnd: boolean;
}

const BASES: Readonly<Record<string, 8 | 10 | 16>> = { hex: 16, dec: 10, oct: 8 };

/** The words behind the fixed arguments. `extra` names those that not every keyword takes. */
function readFlags(value: OptionValue, words: readonly string[], extra: readonly string[]): Flags {
  const flags: Flags = {
    isRelative: false,
    isText: false,
    base: 0,
    isLittleEndian: false,
    hasOrderOfBuffer: false,
    mask: null,
    multiplier: 1,
    align: null,
    postOffset: '0',
    isFromBeginning: false,
    isFromEnd: false,
  };
  for (const item of words) {
    const [name = '', argument = null] = item.split(/\s+/, 2);
    const isPlain = argument === null;
    if (name === 'dce' && isPlain) flags.hasOrderOfBuffer = true;
    else if (name === 'relative' && isPlain) flags.isRelative = true;
    else if (name === 'string' && isPlain) flags.isText = true;
    else if (BASES[name] !== undefined && isPlain) flags.base = BASES[name];
    else if ((name === 'little' || name === 'big') && isPlain) flags.isLittleEndian = name === 'little';
    else if (name === 'endian' && (argument === 'little' || argument === 'big'))
      flags.isLittleEndian = argument === 'little';
    else if (name === 'bitmask' && !isPlain) flags.mask = argument;
    else if (name === 'multiplier' && !isPlain && extra.includes(name)) flags.multiplier = multiplier(value, argument);
    else if (name === 'post_offset' && !isPlain && extra.includes(name)) flags.postOffset = argument;
    else if (name === 'from_beginning' && isPlain && extra.includes(name)) flags.isFromBeginning = true;
    else if (name === 'from_end' && isPlain && extra.includes(name)) flags.isFromEnd = true;
    else if (name === 'align' && extra.includes(name)) flags.align = alignment(value, argument);
    else if (name === 'string' && argument !== null && BASES[argument] !== undefined) {
      flags.isText = true;
      flags.base = BASES[argument];
    } else value.fail(`"${item}" is no flag of ${value.keyword}`);
  }
  if (flags.base !== 0 && !flags.isText) value.fail('hex, dec and oct need string');
  if (flags.isText && flags.hasOrderOfBuffer) value.fail('dce cannot be used with string');
  if (flags.isText && flags.isLittleEndian) value.fail('little cannot be used with string');
  return flags;
}

function multiplier(value: OptionValue, text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= MAX_MULTIPLIER
    ? number
    : value.fail(`multiplier must be a number from 1 to ${MAX_MULTIPLIER}`);
}

function alignment(value: OptionValue, text: string | null): number {
  if (text === null || text === '4') return 4;
  return text === '2' ? 2 : value.fail('align takes 2 or 4');
}

function fieldPlace(draft: RuleDraft, bytes: string, offset: string, flags: Flags): FieldPlace {
  // As in Suricata, such a rule is about DCERPC, whatever it looks into.
  if (flags.hasOrderOfBuffer) draft.chooseBuffer('dcerpc.stub_data');
  const most = flags.isText ? MAX_TEXT_BYTES : MAX_BINARY_BYTES;
  return {
    bytes: draft.numberOrVariable(bytes, 0, most),
    offset: draft.numberOrVariable(offset, -MAX_OFFSET_BYTES, MAX_OFFSET_BYTES),
    isRelative: flags.isRelative,
    format: { isText: flags.isText, base: flags.base, isLittleEndian: flags.isLittleEndian },
    hasOrderOfBuffer: flags.hasOrderOfBuffer,
    mask: flags.mask === null ? null : unsigned64(draft, flags.mask),
  };
}

function unsigned64(draft: RuleDraft, text: string): Unsigned64 {
  if (!/^(0x[0-9a-fA-F]{1,16}|\d{1,20})$/.test(text))
    return draft.fail(`"${text}" is no number of at most 64 bits`, draft.valueAt);
  const number = BigInt(text);
  if (number >= 1n << 64n) return draft.fail(`${text} has more than 64 bits`, draft.valueAt);
  return { high: Number(number >> 32n), low: Number(number & 0xffff_ffffn) };
}

function checkName(value: OptionValue, name: string): void {
  if (!/^[A-Za-z][A-Za-z0-9_.-]*$/.test(name)) value.fail(`"${name}" is no name for a variable`);
}

function newVariable(draft: RuleDraft, name: string): ByteVariable {
  if (draft.byteVariables.has(name)) return draft.fail(`the variable "${name}" is there twice`);
  const variable = new ByteVariable(name);
  draft.byteVariables.set(name, variable);
  return variable;
}
