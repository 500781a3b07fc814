import { parseAddress } from './address.ts';

/** From `first` to `last`, both included. */
export interface AddressRange {
  readonly version: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

/** Every address of one version. */
export const ALL_IPV4: AddressRange = { version: 4, first: 0n, last: 2n ** 32n - 1n };
export const ALL_IPV6: AddressRange = { version: 6, first: 0n, last: 2n ** 128n - 1n };

/**
 * `a.b.c.d`, `a.b.c.d/24`, `a.b.c.d/255.255.255.0`, `a.b.c.d-e.f.g.h` and the like for IPv6; null for anything else.
 * Bits behind the prefix are ignored.
 */
export function parseAddressRange(text: string): AddressRange | null {
  const [base = '', rest, ...more] = text.split(/[-/]/);
  const address = parseValue(base.trim());
  if (address === null || more.length > 0) return null;
  const { version, value } = address;
  if (rest === undefined) return { version, first: value, last: value };

  if (text.includes('-')) {
    const last = parseValue(rest.trim());
    return last !== null && last.version === version && last.value >= value
      ? { version, first: value, last: last.value }
      : null;
  }
  const hostBits = parseHostBits(version, rest.trim());
  if (hostBits === null) return null;
  const first = (value >> hostBits) << hostBits;
  return { version, first, last: first + (1n << hostBits) - 1n };
}

function parseValue(text: string): { version: 4 | 6; value: bigint } | null {
  const words = new Uint32Array(4);
  const version = parseAddress(text, words);
  if (version === 0) return null;
  return { version, value: words.reduce((value, word) => (value << 32n) | BigInt(word), 0n) };
}

/** How many bits a prefix length, or an IPv4 mask, leaves to the host. */
function parseHostBits(version: 4 | 6, text: string): bigint | null {
  const allBits = version === 4 ? 32 : 128;
  if (/^\d{1,3}$/.test(text)) return Number(text) <= allBits ? BigInt(allBits - Number(text)) : null;
  const mask = version === 4 ? parseValue(text) : null;
  if (mask === null || mask.version !== 4) return null;
  const hosts = ALL_IPV4.last - mask.value;
  // Only a mask whose ones come before its zeros is one.
  return (hosts & (hosts + 1n)) === 0n ? BigInt(hosts === 0n ? 0 : hosts.toString(2).length) : null;
}
