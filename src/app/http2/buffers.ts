import { fromLatin1 } from '../../base/bytes.ts';
import type { Direction } from '../../base/direction.ts';
import { HTTP_BUFFERS } from '../http/buffers.ts';
import type { Head } from '../http/head.ts';
import type { HttpTransaction } from '../http/transaction.ts';
import { type BufferDefinition, STAGE } from '../protocol.ts';
import type { FrameValues, Http2Transaction } from './transaction.ts';

/** Of `http2.settings`: u16 identifier, then u32 value, big-endian, as on the wire. */
const SETTING_BYTES = 6;

/** Those of HTTP/1, which read any version, and what only HTTP/2 has. */
export const HTTP2_BUFFERS: readonly BufferDefinition<Http2Transaction>[] = [
  ...(HTTP_BUFFERS as readonly BufferDefinition<HttpTransaction>[]),
  field('http2.header_name', 'name of one field', (head, nth) => head.view(head.nameStart(nth), head.nameEnd(nth))),
  field('http2.header', 'one field, as `name: value`', (head, nth) => {
    const name = head.view(head.nameStart(nth), head.nameEnd(nth));
    return new Uint8Array(Buffer.concat([name, COLON_SPACE, head.value(nth)]));
  }),
  numbers('http2.frametype', 'types of the frames', 1, ({ types }) => bitsOf(types)),
  numbers('http2.errorcode', 'codes of RST_STREAM and GOAWAY', 4, ({ errorCodes }) => errorCodes),
  numbers('http2.priority', 'weights of HEADERS and PRIORITY', 1, ({ priorities }) => priorities),
  numbers('http2.window', 'increments of WINDOW_UPDATE', 4, ({ windows }) => windows),
  numbers('http2.size_update', 'sizes that were set for the table of fields', 4, ({ sizeUpdates }) => sizeUpdates),
  {
    ...internal('http2.settings', 'identifiers and values of SETTINGS'),
    read: (tx, direction, nth) => {
      const { settings } = tx.values(direction);
      if (2 * nth >= settings.length) return null;
      const bytes = Buffer.alloc(SETTING_BYTES);
      bytes.writeUInt16BE(settings[2 * nth]!);
      bytes.writeUInt32BE(settings[2 * nth + 1]!, 2);
      return bytes;
    },
  },
];

function field(
  name: string,
  summary: string,
  read: (head: Head, nth: number) => Uint8Array,
): BufferDefinition<Http2Transaction> {
  return {
    name,
    summary,
    direction: null,
    stage: STAGE.head,
    isRepeated: true,
    read: (tx, direction, nth) => {
      const { head, hasFields } = tx.message(direction);
      return head === null || !hasFields || nth >= head.fieldCount ? null : read(head, nth);
    },
  };
}

/** Numbers of so many bytes, big-endian, one instance each. */
function numbers(
  name: string,
  summary: string,
  size: number,
  read: (values: FrameValues) => readonly number[],
): BufferDefinition<Http2Transaction> {
  return {
    ...internal(name, summary),
    read: (tx: Http2Transaction, direction: Direction, nth: number) => {
      const value = read(tx.values(direction))[nth];
      if (value === undefined) return null;
      const bytes = Buffer.alloc(size);
      bytes.writeUIntBE(value, 0, size);
      return bytes;
    },
  };
}

function internal(name: string, summary: string) {
  return { name, summary, direction: null, stage: STAGE.body, isWhole: true, isInternal: true };
}

/** The numbers of the bits that are set, the lowest first. */
function bitsOf(set: number): number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < 32; bit++) if (((set >>> bit) & 1) === 1) bits.push(bit);
  return bits;
}

const COLON_SPACE = fromLatin1(': ');
