import { formatAddress } from '../base/address.ts';

/**
 * An address as EVE writes it; `words` as in `Packet.source`. IPv6 is written in full, as Suricata does, so that
 * tools which compare addresses as text find the same address in both.
 */
export function addressText(version: 4 | 6, words: Uint32Array): string {
  if (version === 4) return formatAddress(version, words);
  return Array.from(words, (word) => `${group(word >>> 16)}:${group(word & 0xffff)}`).join(':');
}

const group = (value: number): string => value.toString(16).padStart(4, '0');
