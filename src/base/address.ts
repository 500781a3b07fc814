/**
 * Addresses as text and as the words of `Packet.source`: four of them, an IPv4 address is the last, the others are 0.
 */

/** The IP version of the address, whose words are written to `words`; 0 (and nothing written) if it is none. */
export function parseAddress(text: string, words: Uint32Array): 0 | 4 | 6 {
  if (text.includes(':')) return parseIpv6(text, words) ? 6 : 0;
  const address = parseIpv4(text);
  if (address < 0) return 0;
  words.fill(0, 0, 3);
  words[3] = address;
  return 4;
}

/** Dotted decimal, or IPv6 as RFC 5952 recommends it: lower case, the longest run of zeros shortened. */
export function formatAddress(version: 4 | 6, words: Uint32Array): string {
  return version === 4 ? formatIpv4(words[3]!) : formatIpv6(words);
}

function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

function formatIpv6(words: Uint32Array): string {
  // RFC 5952 §5: IPv4-mapped addresses, the only ones whose prefix says by itself that an IPv4 address follows.
  if (words[0] === 0 && words[1] === 0 && words[2] === 0xffff) return `::ffff:${formatIpv4(words[3]!)}`;
  const groups = Array.from({ length: GROUPS }, (_, i) => (words[i >> 1]! >>> (i % 2 === 0 ? 16 : 0)) & 0xffff);
  let runStart = -1;
  // RFC 5952 §4.2.2: a single zero is not shortened.
  let runLength = 1;
  for (let start = 0; start < GROUPS; start++) {
    let end = start;
    while (end < GROUPS && groups[end] === 0) end++;
    if (end - start > runLength) {
      runStart = start;
      runLength = end - start;
    }
    if (end > start) start = end;
  }
  const text = groups.map((group) => group.toString(16));
  if (runStart < 0) return text.join(':');
  return `${text.slice(0, runStart).join(':')}::${text.slice(runStart + runLength).join(':')}`;
}

/** -1: not an address. Leading zeros are refused, since some read such a number as octal. */
function parseIpv4(text: string): number {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return -1;
  let address = 0;
  for (let i = 1; i <= 4; i++) {
    const digits = match[i]!;
    const byte = Number(digits);
    if (byte > 255 || (digits.length > 1 && digits.startsWith('0'))) return -1;
    address = address * 256 + byte;
  }
  return address;
}

/** RFC 4291 §2.2, all three forms. No zone: it means something on one host only. */
function parseIpv6(text: string, words: Uint32Array): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (head === null || tail === null) return false;
  const zeros = GROUPS - head.length - tail.length;
  if (halves.length === 2 ? zeros < 1 : zeros !== 0) return false;
  const groups = [...head, ...new Array<number>(zeros).fill(0), ...tail];
  for (let i = 0; i < 4; i++) words[i] = groups[i * 2]! * 0x1_0000 + groups[i * 2 + 1]!;
  return true;
}

/** `isLast`: the end of the address, where an IPv4 address may stand for two groups. */
function parseGroups(text: string, isLast: boolean): number[] | null {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const address = isLast && index === parts.length - 1 ? parseIpv4(part) : -1;
    if (address < 0) return null;
    groups.push(address >>> 16, address & 0xffff);
  }
  return groups;
}

const GROUPS = 8;
