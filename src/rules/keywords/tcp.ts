import { IP_PROTOCOL, type Packet } from '../../wire/packet.ts';
import { defineKeyword } from '../keyword.ts';
import { isInRange, type OptionValue, uintRange, word } from '../values.ts';

/** RFC 9293 §3.1; C and E (1 and 2 in old rules) are RFC 3168 §6.1. */
const FLAG_BITS: Readonly<Record<string, number>> = {
  F: 0x01,
  S: 0x02,
  R: 0x04,
  P: 0x08,
  A: 0x10,
  U: 0x20,
  E: 0x40,
  2: 0x40,
  C: 0x80,
  1: 0x80,
  0: 0,
};

const flags = defineKeyword({
  name: 'flags',
  aliases: ['tcp.flags'],
  summary: 'TCP flags FSRPAUEC, 0 for none; + all and others, * any, ! not all; then flags that do not count',
  example: 'flags:S,CE;',
  parse: (value) => {
    const match = /^([+*!])?\s*([SAPRFU120CE]+)\s*([+*!])?(?:\s*,\s*([SAPRFU12CE]+))?$/i.exec(word(value));
    if (match === null || (match[1] !== undefined && match[3] !== undefined)) {
      return value.fail('flags takes FSRPAUEC or 0, with + * or ! before them, and flags to ignore behind a comma');
    }
    return { bits: bitsOf(match[2]!), modifier: match[1] ?? match[3] ?? '', ignored: bitsOf(match[4] ?? '') };
  },
  compile: ({ bits, modifier, ignored }, draft) => {
    const fits = (flags: number): boolean => {
      const present = flags & ~ignored & 0xff;
      if (modifier === '+') return (present & bits) === bits;
      if (modifier === '*') return (present & bits) !== 0;
      if (modifier === '!') return (present & bits) !== bits;
      return present === bits;
    };
    draft.tcpFlagTests.push(fits);
    draft.testPacket((packet) => packet.protocol === IP_PROTOCOL.tcp && !packet.isFragment && fits(packet.tcpFlags));
  },
});

const seq = numberKeyword(
  'seq',
  ['tcp.seq'],
  'TCP sequence number',
  'seq:0;',
  0xffff_ffff,
  (packet) => packet.sequence,
);
const ack = numberKeyword(
  'ack',
  ['tcp.ack'],
  'TCP acknowledgement number',
  'ack:0;',
  0xffff_ffff,
  (packet) => packet.acknowledgement,
);
const window = numberKeyword(
  'window',
  [],
  'TCP window as on the wire',
  'window:55808;',
  65_535,
  (packet) => packet.window,
);

export const tcpKeywords = [flags, seq, ack, window];

function numberKeyword(
  name: string,
  aliases: readonly string[],
  summary: string,
  example: string,
  max: number,
  read: (packet: Packet) => number,
) {
  const range = uintRange({ max });
  return defineKeyword({
    name,
    aliases,
    summary,
    example,
    parse: (value: OptionValue) => range(value),
    compile: (wanted, draft) =>
      draft.testPacket(
        (packet) => packet.protocol === IP_PROTOCOL.tcp && !packet.isFragment && isInRange(wanted, read(packet)),
      ),
  });
}

function bitsOf(letters: string): number {
  return [...letters.toUpperCase()].reduce((bits, letter) => bits | FLAG_BITS[letter]!, 0);
}
