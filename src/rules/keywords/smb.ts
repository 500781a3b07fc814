import { INTERFACE } from '../../app/dcerpc/buffers.ts';
import { latin1, u8, u16 } from '../../base/bytes.ts';
import { addBufferTest } from '../buffer-test.ts';
import { defineKeyword } from '../keyword.ts';
import { commaSeparated, isInRange, type OptionValue, parseUintRange, type UintRange, word } from '../values.ts';

const MAX_VERSION = 65_535;
const MAX_OPNUM = 65_535;

const version = defineKeyword({
  name: 'smb.version',
  summary: 'The message is of SMB1, or (2) of SMB2 or SMB3; of Suricata 8',
  example: 'smb.version:1;',
  parse: (value) => {
    const text = word(value);
    return text === '1' || text === '2' ? Number(text) : value.fail(`"${text}" is neither 1 nor 2`);
  },
  compile: (wanted, draft) => addBufferTest(draft, 'smb.version', ({ bytes, start }) => u8(bytes, start) === wanted),
});

const iface = defineKeyword({
  name: 'dcerpc.iface',
  aliases: ['dce_iface'],
  summary: 'The call is for this interface (UUID), then perhaps a comparison with its version, then any_frag',
  example: 'dcerpc.iface:367abb81-9844-35f1-ad32-98f038001003,>1,any_frag;',
  parse: (value) => {
    const [uuid = '', ...rest] = commaSeparated(word(value));
    const digits = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uuid)
      ? uuid.replaceAll('-', '')
      : value.fail(`"${uuid}" is no UUID such as 367abb81-9844-35f1-ad32-98f038001003`);
    const isOfAnyFragment = rest.at(-1) === 'any_frag';
    const [versions, ...more] = isOfAnyFragment ? rest.slice(0, -1) : rest;
    if (more.length > 0) value.fail('behind the UUID there can be one comparison with its version, then any_frag');
    const range =
      versions === undefined ? null : parseUintRange(versions, MAX_VERSION, (message) => value.fail(message));
    return { uuid: latin1(Buffer.from(digits, 'hex')), range, isOfAnyFragment };
  },
  compile: ({ uuid, range, isOfAnyFragment }, draft) =>
    addBufferTest(draft, 'dcerpc.iface', ({ bytes, start }) => {
      if (!isOfAnyFragment && u8(bytes, start + INTERFACE.isInFirstFragment) === 0) return false;
      if (latin1(bytes, start, start + INTERFACE.version) !== uuid) return false;
      return range === null || isInRange(range, u16(bytes, start + INTERFACE.version));
    }),
});

const opnum = defineKeyword({
  name: 'dcerpc.opnum',
  aliases: ['dce_opnum'],
  summary: 'Number of the operation: one of these, each a number or two with - between them',
  example: 'dcerpc.opnum:12,15-20;',
  parse: (value) => commaSeparated(word(value)).map((item) => readOpnums(value, item)),
  compile: (ranges, draft) =>
    addBufferTest(draft, 'dcerpc.opnum', ({ bytes, start }) => {
      const actual = u16(bytes, start);
      return ranges.some((range) => isInRange(range, actual));
    }),
});

export const smbKeywords = [version, iface, opnum];

function readOpnums(value: OptionValue, item: string): UintRange {
  const [, first, last = first] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(item) ?? [];
  const [min, max] = [Number(first), Number(last)];
  if (first === undefined || min > max || max > MAX_OPNUM) {
    return value.fail(`"${item}" is no number from 0 to ${MAX_OPNUM}, nor two with - between them`);
  }
  return { min, max, isNegated: false };
}
