import { ERROR_CODES, FRAME_TYPES, SETTING_NAMES } from '../../app/http2/names.ts';
import { u8, u16, u32 } from '../../base/bytes.ts';
import { addBufferTest } from '../buffer-test.ts';
import { defineKeyword } from '../keyword.ts';
import type { Inspected } from '../rule.ts';
import { isInRange, type OptionValue, parseUintRange, uintRange, word } from '../values.ts';

const MAX_U8 = 0xff;
const MAX_U32 = 0xffff_ffff;

const frameType = defineKeyword({
  name: 'http2.frametype',
  summary: `Frames of this type were sent: ${FRAME_TYPES.join(' ')}, or a number`,
  example: 'http2.frametype:GOAWAY;',
  parse: (value) => numberOrName(value, MAX_U8, new Map(FRAME_TYPES.map((name, type) => [type, name]))),
  compile: (type, draft) => addBufferTest(draft, 'http2.frametype', ({ bytes, start }) => u8(bytes, start) === type),
});

const errorCode = defineKeyword({
  name: 'http2.errorcode',
  summary: 'RST_STREAM or GOAWAY has this code: its name in RFC 9113, or a number',
  example: 'http2.errorcode:INADEQUATE_SECURITY;',
  parse: (value) => numberOrName(value, MAX_U32, ERROR_CODES),
  compile: (code, draft) => addBufferTest(draft, 'http2.errorcode', ({ bytes, start }) => u32(bytes, start) === code),
});

const priority = numberKeyword('http2.priority', 'Weight in HEADERS or PRIORITY, as on the wire', '>100', MAX_U8, u8);
const window = numberKeyword('http2.window', 'Increment of WINDOW_UPDATE', '<100000', MAX_U32, u32);
const sizeUpdate = numberKeyword(
  'http2.size_update',
  'Size that the sender sets for the table of compressed fields',
  '>4096',
  // Suricata holds it in 64 bits. No larger one can be sent here.
  Number.MAX_SAFE_INTEGER,
  u32,
);

const settings = defineKeyword({
  name: 'http2.settings',
  summary: 'A setting was sent, with this value or in this range',
  example: 'http2.settings:SETTINGS_HEADER_TABLE_SIZE>4096;',
  parse: (value) => {
    const match = /^\s*([A-Za-z_]+)\s*(.*)$/s.exec(word(value));
    const id = [...SETTING_NAMES].find(([, name]) => name === match?.[1]?.toUpperCase())?.[0];
    if (match === null || id === undefined) {
      return value.fail(`"${value.text}" names no setting: ${[...SETTING_NAMES.values()].join(' ')}`);
    }
    const range = match[2] === '' ? null : parseUintRange(match[2]!, MAX_U32, (message) => value.fail(message));
    return { id, range };
  },
  compile: ({ id, range }, draft) =>
    addBufferTest(draft, 'http2.settings', ({ bytes, start }) => {
      if (u16(bytes, start) !== id) return false;
      return range === null || isInRange(range, u32(bytes, start + 2));
    }),
});

export const http2Keywords = [frameType, errorCode, priority, window, sizeUpdate, settings];

function numberKeyword(
  name: string,
  summary: string,
  example: string,
  max: number,
  read: (bytes: Uint8Array, at: number) => number,
) {
  return defineKeyword({
    name,
    summary,
    example: `${name}:${example};`,
    parse: uintRange({ max }),
    compile: (range, draft) =>
      addBufferTest(draft, name, ({ bytes, start }: Inspected) => isInRange(range, read(bytes, start))),
  });
}

function numberOrName(value: OptionValue, max: number, names: ReadonlyMap<number, string>): number {
  const text = word(value);
  if (/^\d+$/.test(text) && Number(text) <= max) return Number(text);
  const named = [...names].find(([, name]) => name === text.toUpperCase());
  return (
    named?.[0] ?? value.fail(`"${text}" is neither a number up to ${max} nor one of ${[...names.values()].join(' ')}`)
  );
}
