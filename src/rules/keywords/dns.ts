import { u8 } from '../../base/bytes.ts';
import { addBufferTest } from '../buffer-test.ts';
import { defineKeyword } from '../keyword.ts';

const MAX_OPCODE = 255;

const opcode = defineKeyword({
  name: 'dns.opcode',
  summary: 'The opcode of the message is, or (!) is not, this',
  example: 'dns.opcode:4;',
  parse: (value) => {
    const match = /^\s*(!?)\s*(\d{1,3})\s*$/.exec(value.text);
    const number = Number(match?.[2] ?? Number.NaN);
    if (match === null || number > MAX_OPCODE) {
      return value.fail(`dns.opcode takes a number up to ${MAX_OPCODE}, with or without !`);
    }
    return { number, isNegated: match[1] === '!' };
  },
  compile: ({ number, isNegated }, draft) =>
    addBufferTest(draft, 'dns.opcode', ({ bytes, start }) => (u8(bytes, start) === number) !== isNegated),
});

export const dnsKeywords = [opcode];
