import { latin1, u8, u16, u32 } from '../../base/bytes.ts';
import { type Direction, TO_SERVER } from '../../base/direction.ts';
import { type DnsMessage, FLAG, RECURSION_FLAG, type ResourceRecord } from './message.ts';
import type { DnsTransaction } from './transaction.ts';

/** EVE's `dns` object of an alert: the list `query`, and `answer` in Suricata's version 2 form. */
export function describeDns(tx: DnsTransaction): Record<string, unknown> {
  const { request, response } = tx;
  return {
    ...(request !== null && { query: queriesOf(request, tx.id) }),
    ...(response !== null && { answer: answerOf(response) }),
  };
}

/** EVE's `dns` objects of its own records: one for each question, and one for the answer. */
export function describeDnsMessages(tx: DnsTransaction, direction: Direction): readonly Record<string, unknown>[] {
  const { request, response } = tx;
  if (direction === TO_SERVER) return request === null ? [] : queriesOf(request, tx.id);
  return response === null ? [] : [answerOf(response)];
}

/** Of more questions, the first are shown: a line is for reading. */
const MAX_SHOWN_QUESTIONS = 16;
/** Of all records of an answer. Ours: twice what 64 of usual length have. */
const MAX_SHOWN_CHARACTERS = 8192;

const queriesOf = (message: DnsMessage, txId: number): Record<string, unknown>[] =>
  message.questions.slice(0, MAX_SHOWN_QUESTIONS).map(({ name, type }) => ({
    type: 'query',
    id: message.id,
    rrname: latin1(name),
    rrtype: typeName(type),
    tx_id: txId,
    opcode: message.opcode,
  }));

function answerOf(message: DnsMessage): Record<string, unknown> {
  const { flags } = message;
  const [question] = message.questions;
  const { answers, authorities } = message.records();
  const shown = shownOf(message, [...answers, ...authorities]);
  const shownAnswers = shown.slice(0, answers.length);
  const shownAuthorities = shown.slice(answers.length);
  return {
    version: 2,
    type: 'answer',
    id: message.id,
    flags: flags.toString(16),
    ...((flags & FLAG.response) !== 0 && { qr: true }),
    ...((flags & FLAG.authoritative) !== 0 && { aa: true }),
    ...((flags & FLAG.truncated) !== 0 && { tc: true }),
    ...((flags & RECURSION_FLAG.desired) !== 0 && { rd: true }),
    ...((flags & RECURSION_FLAG.available) !== 0 && { ra: true }),
    ...((flags & FLAG.z) !== 0 && { z: true }),
    opcode: message.opcode,
    ...(question !== undefined && { rrname: latin1(question.name), rrtype: typeName(question.type) }),
    rcode: RCODES[message.rcode] ?? String(message.rcode),
    ...(shownAnswers.length > 0 && { answers: shownAnswers, grouped: groupedOf(shownAnswers) }),
    ...(shownAuthorities.length > 0 && { authorities: shownAuthorities }),
  };
}

/** The first records, until they have so many characters: all may point to one long name. */
function shownOf(message: DnsMessage, records: readonly ResourceRecord[]): Record<string, unknown>[] {
  const shown: Record<string, unknown>[] = [];
  let left = MAX_SHOWN_CHARACTERS;
  for (const record of records) {
    if (left <= 0) break;
    const fields = recordOf(message, record);
    left -= charactersOf(fields);
    shown.push(fields);
  }
  return shown;
}

/** Of all texts that it is made of. */
function charactersOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce((sum: number, part) => sum + charactersOf(part), 0);
}

/** What the answers say, by their type. */
function groupedOf(records: readonly Record<string, unknown>[]): Record<string, unknown[]> {
  const grouped: Record<string, unknown[]> = {};
  for (const { rrtype, rdata, soa, srv, sshfp } of records) {
    const data = rdata ?? soa ?? srv ?? sshfp;
    if (data === undefined) continue;
    const list = grouped[String(rrtype)];
    if (list === undefined) grouped[String(rrtype)] = [data];
    else list.push(data);
  }
  return grouped;
}

const recordOf = (message: DnsMessage, record: ResourceRecord): Record<string, unknown> => ({
  rrname: latin1(record.name),
  rrtype: typeName(record.type),
  ttl: record.ttlSeconds,
  ...dataOf(message, record),
});

/** Empty where the data is not of its type's form, or of a type that Suricata shows no data of. */
function dataOf(message: DnsMessage, { type, dataStart, dataEnd }: ResourceRecord): Record<string, unknown> {
  const { bytes } = message;
  const length = dataEnd - dataStart;
  const nameAt = (at: number): string | null => {
    const name = at < dataEnd ? message.readName(at) : null;
    return name === null ? null : latin1(name);
  };
  switch (TYPES[type]) {
    case 'A':
      return length === 4 ? { rdata: bytes.subarray(dataStart, dataEnd).join('.') } : {};
    case 'AAAA':
      return length === 16 ? { rdata: groupsOf(bytes, dataStart) } : {};
    case 'CNAME':
    case 'PTR':
    case 'NS':
      return textData(nameAt(dataStart));
    case 'MX':
      return textData(nameAt(dataStart + 2));
    case 'TXT':
      // Suricata shows the first of its strings.
      return length === 0
        ? {}
        : { rdata: latin1(bytes, dataStart + 1, Math.min(dataEnd, dataStart + 1 + u8(bytes, dataStart))) };
    case 'NULL':
      return { rdata: latin1(bytes, dataStart, dataEnd) };
    case 'SOA':
      return soaOf(message, dataStart, dataEnd);
    case 'SRV': {
      const target = nameAt(dataStart + 6);
      if (target === null) return {};
      const [priority, weight, port] = [u16(bytes, dataStart), u16(bytes, dataStart + 2), u16(bytes, dataStart + 4)];
      return { srv: { priority, weight, port, name: target } };
    }
    case 'SSHFP':
      return length < 3
        ? {}
        : {
            sshfp: {
              fingerprint: Array.from(bytes.subarray(dataStart + 2, dataEnd), hexByte).join(':'),
              algo: u8(bytes, dataStart),
              type: u8(bytes, dataStart + 1),
            },
          };
    default:
      return {};
  }
}

function soaOf(message: DnsMessage, start: number, end: number): Record<string, unknown> {
  const { bytes } = message;
  const numbersAt = end - SOA_NUMBERS_BYTES;
  const rnameAt = message.nameEnd(start);
  if (numbersAt < start || rnameAt < 0 || rnameAt >= numbersAt) return {};
  const [mname, rname] = [message.readName(start), message.readName(rnameAt)];
  if (mname === null || rname === null) return {};
  const [serial, refresh, retry, expire, minimum] = [0, 4, 8, 12, 16].map((at) => u32(bytes, numbersAt + at));
  return { soa: { mname: latin1(mname), rname: latin1(rname), serial, refresh, retry, expire, minimum } };
}

const textData = (text: string | null): Record<string, unknown> => (text === null ? {} : { rdata: text });
const hexByte = (byte: number): string => byte.toString(16).padStart(2, '0');
/** In full, as EVE's addresses are. */
const groupsOf = (bytes: Uint8Array, start: number): string =>
  Array.from({ length: 8 }, (_, group) =>
    u16(bytes, start + 2 * group)
      .toString(16)
      .padStart(4, '0'),
  ).join(':');

/** RFC 1035 §3.3.13: serial, refresh, retry, expire, minimum. */
const SOA_NUMBERS_BYTES = 20;

const typeName = (type: number): string => TYPES[type] ?? String(type);

/** As Suricata spells them (IANA: DNS parameters). */
const TYPES: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  3: 'MD',
  4: 'MF',
  5: 'CNAME',
  6: 'SOA',
  7: 'MB',
  8: 'MG',
  9: 'MR',
  10: 'NULL',
  11: 'WKS',
  12: 'PTR',
  13: 'HINFO',
  14: 'MINFO',
  15: 'MX',
  16: 'TXT',
  17: 'RP',
  18: 'AFSDB',
  19: 'X25',
  20: 'ISDN',
  21: 'RT',
  22: 'NSAP',
  23: 'NSAPPTR',
  24: 'SIG',
  25: 'KEY',
  26: 'PX',
  27: 'GPOS',
  28: 'AAAA',
  29: 'LOC',
  30: 'NXT',
  33: 'SRV',
  34: 'ATMA',
  35: 'NAPTR',
  36: 'KX',
  37: 'CERT',
  38: 'A6',
  39: 'DNAME',
  41: 'OPT',
  42: 'APL',
  43: 'DS',
  44: 'SSHFP',
  45: 'IPSECKEY',
  46: 'RRSIG',
  47: 'NSEC',
  48: 'DNSKEY',
  49: 'DHCID',
  50: 'NSEC3',
  51: 'NSEC3PARAM',
  52: 'TLSA',
  55: 'HIP',
  59: 'CDS',
  60: 'CDNSKEY',
  64: 'SVCB',
  65: 'HTTPS',
  99: 'SPF',
  249: 'TKEY',
  250: 'TSIG',
  254: 'MAILA',
  255: 'ANY',
  256: 'URI',
};

const RCODES: readonly string[] = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
];
