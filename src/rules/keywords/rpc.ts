import { u32 } from '../../base/bytes.ts';
import { IP_PROTOCOL, type Packet } from '../../wire/packet.ts';
import { defineKeyword } from '../keyword.ts';
import { commaSeparated } from '../values.ts';

// RFC 5531 §9, offsets in bytes from the start of a call; over TCP a record mark precedes it (§11).
const TYPE = 4;
const RPC_VERSION = 8;
const PROGRAM = 12;
const CALL_BYTES = 24;
const RECORD_MARK_BYTES = 4;
const CALL = 0;
const VERSION_2 = 2;

const rpc = defineKeyword({
  name: 'rpc',
  summary: 'The payload begins with a call of ONC RPC: program, then version and procedure; * is any',
  example: 'rpc:100000,*,3;',
  parse: (value) => {
    const numbers = commaSeparated(value.text).map((text, i) => {
      if (text === '*' && i > 0) return null;
      const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
      return number <= 0xffff_ffff
        ? number
        : value.fail(`"${text}" is no number of 32 bits${i > 0 ? ' and no *' : ''}`);
    });
    return numbers.length <= 3 ? numbers : value.fail('rpc takes a program, a version and a procedure');
  },
  compile: (numbers, draft) =>
    draft.testPacket((packet) => {
      const at = callAt(packet);
      if (at < 0) return false;
      for (let i = 0; i < numbers.length; i++) {
        const number = numbers[i]!;
        if (number !== null && u32(packet.bytes, at + PROGRAM + 4 * i) !== number) return false;
      }
      return true;
    }),
});

export const rpcKeywords = [rpc];

/** Where the call begins, or -1. */
function callAt({ protocol, bytes, payloadStart, payloadEnd }: Packet): number {
  if (protocol !== IP_PROTOCOL.tcp && protocol !== IP_PROTOCOL.udp) return -1;
  const at = payloadStart + (protocol === IP_PROTOCOL.tcp ? RECORD_MARK_BYTES : 0);
  if (payloadEnd - at < CALL_BYTES) return -1;
  return u32(bytes, at + TYPE) === CALL && u32(bytes, at + RPC_VERSION) === VERSION_2 ? at : -1;
}
