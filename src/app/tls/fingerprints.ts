import { createHash } from 'node:crypto';
import { u8, u16 } from '../../base/bytes.ts';
import { EXTENSION, type Hello } from './hello.ts';
import { isGrease, VERSION } from './versions.ts';

/** The string behind JA3 (of a client) or JA3S (of a server): version, ciphers, extensions, groups, point formats. */
export function ja3String(hello: Hello): string {
  const parts = [String(hello.legacyVersion), ciphersOf(hello).join('-'), extensionsOf(hello).join('-')];
  if (hello.isClient) parts.push(listOf(hello, EXTENSION.supportedGroups).join('-'), pointFormatsOf(hello).join('-'));
  return parts.join(',');
}

/** MD5 of that string, as JA3 defines it. */
export const ja3Hash = (text: Uint8Array): string => createHash('md5').update(text).digest('hex');

/** JA4 of a client over TCP: github.com/FoxIO-LLC/ja4, technical_details/JA4.md. */
export function ja4(hello: Hello): string {
  const ciphers = ciphersOf(hello);
  const extensions = extensionsOf(hello);
  const hashed = extensions.filter((type) => type !== EXTENSION.serverName && type !== EXTENSION.alpn);
  const algorithms = listOf(hello, EXTENSION.signatureAlgorithms).map(hex);
  const sorted = hashed.map(hex).sort().join(',');
  const head = [
    't',
    JA4_VERSIONS.get(highestVersion(hello)) ?? '00',
    extensions.includes(EXTENSION.serverName) ? 'd' : 'i',
    twoDigits(ciphers.length),
    twoDigits(extensions.length),
    protocolMark(hello.applicationProtocols[0] ?? null),
  ].join('');
  const tail = algorithms.length === 0 ? sorted : `${sorted}_${algorithms.join(',')}`;
  return `${head}_${shortHash(ciphers.map(hex).sort().join(','))}_${hashed.length === 0 ? NO_HASH : shortHash(tail)}`;
}

function ciphersOf(hello: Hello): number[] {
  return numbersOf(hello, hello.cipherStart, hello.cipherEnd);
}

function extensionsOf(hello: Hello): number[] {
  const types: number[] = [];
  for (let at = hello.extensionsStart; at < hello.extensionsEnd; at += 4 + u16(hello.message, at + 2)) {
    const type = u16(hello.message, at);
    if (!isGrease(type)) types.push(type);
  }
  return types;
}

/** A list of 16-bit numbers behind its length. */
function listOf(hello: Hello, extension: number): number[] {
  const start = hello.findExtension(extension);
  if (start < 0 || hello.extensionEnd - start < 2) return [];
  return numbersOf(hello, start + 2, Math.min(hello.extensionEnd, start + 2 + u16(hello.message, start)));
}

function numbersOf({ message }: Hello, start: number, end: number): number[] {
  const numbers: number[] = [];
  for (let at = start; at + 2 <= end; at += 2) {
    const number = u16(message, at);
    if (!isGrease(number)) numbers.push(number);
  }
  return numbers;
}

function pointFormatsOf(hello: Hello): number[] {
  const start = hello.findExtension(EXTENSION.pointFormats);
  if (start < 0 || hello.extensionEnd === start) return [];
  const end = Math.min(hello.extensionEnd, start + 1 + u8(hello.message, start));
  return [...hello.message.subarray(start + 1, end)];
}

function highestVersion(hello: Hello): number {
  const start = hello.findExtension(EXTENSION.supportedVersions);
  if (start < 0 || hello.extensionEnd === start) return hello.legacyVersion;
  const end = Math.min(hello.extensionEnd, start + 1 + u8(hello.message, start));
  return Math.max(0, ...numbersOf(hello, start + 1, end));
}

/** First and last character of the first protocol; of one that is no text, their first and last digits. */
function protocolMark(protocol: Uint8Array | null): string {
  if (protocol === null || protocol.length === 0) return '00';
  const first = protocol[0]!;
  const last = protocol[protocol.length - 1]!;
  if (isAlphanumeric(first) && isAlphanumeric(last)) return String.fromCharCode(first, last);
  return byteHex(first)[0]! + byteHex(last)[1]!;
}

const isAlphanumeric = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);

const hex = (number: number): string => number.toString(16).padStart(4, '0');
const byteHex = (byte: number): string => byte.toString(16).padStart(2, '0');
const twoDigits = (count: number): string => String(Math.min(count, 99)).padStart(2, '0');

const NO_HASH = '000000000000';

const shortHash = (text: string): string =>
  text === '' ? NO_HASH : createHash('sha256').update(text, 'latin1').digest('hex').slice(0, NO_HASH.length);

const JA4_VERSIONS: ReadonlyMap<number, string> = new Map<number, string>([
  [VERSION.tls13, '13'],
  [VERSION.tls12, '12'],
  [VERSION.tls11, '11'],
  [VERSION.tls10, '10'],
  [VERSION.ssl3, 's3'],
  [VERSION.ssl2, 's2'],
]);
