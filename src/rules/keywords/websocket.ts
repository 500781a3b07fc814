import { FLAG, OPCODE_NAMES } from '../../app/websocket/transaction.ts';
import { u8, u32 } from '../../base/bytes.ts';
import { addBufferTest } from '../buffer-test.ts';
import { defineKeyword } from '../keyword.ts';
import { commaSeparated, isInRange, type OptionValue, parseUintRange, type UintRange, word } from '../values.ts';

const MAX_U8 = 0xff;
const MAX_U32 = 0xffff_ffff;

/** Which numbers: those in a range, or those of which some bits are set like this. */
type NumberTest = UintRange | { readonly bits: number; readonly value: number };

const opcode = defineKeyword({
  name: 'websocket.opcode',
  summary: `Opcode of the frame: ${[...OPCODE_NAMES.values()].join(' ')}, or a number (Suricata 8)`,
  example: 'websocket.opcode:ping;',
  parse: (value) => {
    const named = [...OPCODE_NAMES].find(([, name]) => name === word(value).toLowerCase());
    return named === undefined ? numberTest(value, MAX_U8) : equal(named[0]);
  },
  compile: (test, draft) =>
    addBufferTest(draft, 'websocket.opcode', ({ bytes, start }) => isMet(test, u8(bytes, start))),
});

const flags = defineKeyword({
  name: 'websocket.flags',
  summary: 'Upper four bits of the first byte: fin, comp, each with or without !, or a number (Suricata 8)',
  example: 'websocket.flags:fin,!comp;',
  parse: (value) => {
    let bits = 0;
    let set = 0;
    for (const item of commaSeparated(word(value))) {
      const [, negation, name] = /^(!?)\s*(fin|comp)$/i.exec(item) ?? [];
      const bit = name?.toLowerCase() === 'fin' ? FLAG.fin : name === undefined ? 0 : FLAG.compressed;
      if (bit === 0) return numberTest(value, MAX_U8);
      if ((bits & bit) !== 0) value.fail(`${name} is there twice`);
      bits |= bit;
      if (negation === '') set |= bit;
    }
    return { bits, value: set };
  },
  compile: (test, draft) =>
    addBufferTest(draft, 'websocket.flags', ({ bytes, start }) => isMet(test, u8(bytes, start))),
});

const mask = defineKeyword({
  name: 'websocket.mask',
  summary: 'Mask of the frame as a number, where it has one (Suricata 8)',
  example: 'websocket.mask:>0;',
  parse: (value) => numberTest(value, MAX_U32),
  compile: (test, draft) =>
    addBufferTest(draft, 'websocket.mask', ({ bytes, start }) => isMet(test, u32(bytes, start))),
});

export const websocketKeywords = [opcode, flags, mask];

/** A range as everywhere, or `&0x40=0x40`. */
function numberTest(value: OptionValue, max: number): NumberTest {
  const text = word(value);
  const [, bits, wanted] = /^&\s*(0x[0-9a-f]{1,8}|\d{1,10})\s*=\s*(0x[0-9a-f]{1,8}|\d{1,10})$/i.exec(text) ?? [];
  if (bits !== undefined) return { bits: Number(bits), value: Number(wanted) };
  if (/^0x[0-9a-f]{1,8}$/i.test(text) && Number(text) <= max) return equal(Number(text));
  return parseUintRange(text, max, (message) => value.fail(message));
}

const equal = (number: number): UintRange => ({ min: number, max: number, isNegated: false });

const isMet = (test: NumberTest, number: number): boolean =>
  'bits' in test ? (number & test.bits) >>> 0 === test.value : isInRange(test, number);
