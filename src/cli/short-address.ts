import { formatAddress, parseAddress } from '../base/address.ts';

/** Events write IPv6 addresses in full. */
export function shortAddress(address: string): string {
  const words = new Uint32Array(4);
  const version = parseAddress(address, words);
  return version === 0 ? address : formatAddress(version, words);
}
