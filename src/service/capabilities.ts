import { readFileSync } from 'node:fs';

/** Bit numbers of linux/capability.h. */
export const CAPABILITY = { netAdmin: 12, netRaw: 13, sysAdmin: 21 } as const;

/** What this process may do, from `CapEff` of /proc/self/status. Null: the kernel does not tell. */
export function effectiveCapabilities(): bigint | null {
  try {
    return parseCapabilities(readFileSync('/proc/self/status', 'latin1'));
  } catch {
    return null;
  }
}

/** The effective set of /proc/PID/status (proc(5)); null where it has none. */
export function parseCapabilities(status: string): bigint | null {
  const match = /^CapEff:\s*([0-9a-f]+)$/m.exec(status);
  return match === null ? null : BigInt(`0x${match[1]}`);
}

export const hasCapability = (set: bigint, capability: number): boolean => ((set >> BigInt(capability)) & 1n) === 1n;

/** Where the kernel does not tell, the attempt will. */
export function hasNetAdmin(): boolean {
  const set = effectiveCapabilities();
  return set === null || hasCapability(set, CAPABILITY.netAdmin);
}
