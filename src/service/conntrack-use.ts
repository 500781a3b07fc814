import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';

/** RFC 863: who listens there throws away what comes. */
const DISCARD_PORT = 9;

/**
 * Whether the kernel tracks the connections of this network namespace already, for a firewall or address translation.
 * Where it has nothing to show, a datagram to ourselves tells.
 */
export async function tracksConnections(trackedCount = readTrackedCount): Promise<boolean> {
  if (trackedCount() > 0) return true;
  await sendToOurselves();
  return trackedCount() > 0;
}

function readTrackedCount(): number {
  try {
    return Number(readFileSync('/proc/sys/net/netfilter/nf_conntrack_count', 'latin1'));
  } catch {
    // The kernel has no connection tracking, or it is not loaded.
    return 0;
  }
}

function sendToOurselves(): Promise<void> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const done = (): void => {
      socket.close();
      resolve();
    };
    socket.once('error', done);
    socket.send('', DISCARD_PORT, '127.0.0.1', () => {
      socket.off('error', done);
      done();
    });
  });
}
