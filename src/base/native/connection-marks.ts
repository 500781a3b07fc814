import { getSystemErrorName } from 'node:util';
import { addon, checkInteger, NativeError } from './addon.ts';

/**
 * Takes a bit away from the marks of all connections that the kernel tracks in this network namespace, and returns how
 * many had it. Does not begin to track any. Waits for the kernel: 100,000 connections take some tenths of a second.
 * Throws NativeError where the kernel has no connection tracking that could be asked.
 */
export function takeConnectionMarks(bit: number): number {
  checkInteger('bit', bit, 1, 2 ** 32 - 1);
  try {
    return addon.takeConnectionMarks(bit);
  } catch (cause) {
    const errno = (cause as { errno?: unknown }).errno;
    const code = typeof errno === 'number' ? getSystemErrorName(-errno) : String(cause);
    throw new NativeError(`the kernel does not list its connections (${code}); try "modprobe nf_conntrack_netlink"`, {
      cause,
    });
  }
}
