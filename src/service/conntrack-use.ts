import { createSocket } from 'node:dgram';
import { procText } from '../base/proc.ts';

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

/** 0 too where the kernel has no connection tracking, or has not loaded it. */
const readTrackedCount = (): number => Number(procText('/proc/sys/net/netfilter/nf_conntrack_count'));

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
