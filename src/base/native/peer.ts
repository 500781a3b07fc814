import type { Socket } from 'node:net';
import { addon, type PeerCredentials } from './addon.ts';

export type { PeerCredentials };

/** Who is at the other end of a connected Unix socket, as the kernel says. Null: it cannot be told. */
export function peerOf(socket: Socket): PeerCredentials | null {
  // Node has no way to ask, and does not show the descriptor either.
  const fd = (socket as unknown as { readonly _handle?: { readonly fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) return null;
  try {
    return addon.peerCredentials(fd);
  } catch {
    return null;
  }
}
