import { procEntries, processFolders, procLink, procText, socketInode } from '../base/proc.ts';

/** A TCP port that somebody listens on. */
export interface ListeningPort {
  readonly port: number;
  /** Empty where the process is not ours to see. */
  readonly processes: readonly string[];
}

/** TCP_LISTEN of net/tcp_states.h, as /proc/net/tcp writes it. */
const LISTEN = '0A';

/** Ports that by their registration carry TLS from the first byte (IANA), and the usual ones of web consoles. */
const TLS_PORTS: ReadonlySet<number> = new Set([
  443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 2376, 3269, 5061, 5671, 6443, 6514, 8443, 8883, 9443, 10250,
]);

export const carriesTls = (port: number): boolean => TLS_PORTS.has(port);

/** In this network namespace, ascending. */
export function listeningPorts(): ListeningPort[] {
  const inodesOf = new Map<number, string[]>();
  for (const file of ['tcp', 'tcp6']) {
    for (const { port, inode } of parseListening(procText(`/proc/thread-self/net/${file}`))) {
      inodesOf.set(port, [...(inodesOf.get(port) ?? []), inode]);
    }
  }
  const owners = socketOwners(new Set([...inodesOf.values()].flat()));
  return [...inodesOf]
    .map(([port, inodes]) => ({ port, processes: [...new Set(inodes.flatMap((inode) => owners.get(inode) ?? []))] }))
    .sort((a, b) => a.port - b.port);
}

/** Lines of /proc/net/tcp: `sl local_address rem_address st ... inode`, numbers hexadecimal. */
export function parseListening(text: string): { port: number; inode: string }[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const port = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16);
    const inode = fields[9];
    return fields[3] === LISTEN && port > 0 && inode !== undefined ? [{ port, inode }] : [];
  });
}

/** Names of the processes that have these sockets open. */
function socketOwners(inodes: ReadonlySet<string>): Map<string, string[]> {
  const owners = new Map<string, string[]>();
  for (const folder of processFolders()) {
    for (const fd of procEntries(`${folder}/fd`)) {
      const inode = socketInode(procLink(`${folder}/fd/${fd}`));
      if (inode === null || !inodes.has(inode)) continue;
      owners.set(inode, [...(owners.get(inode) ?? []), procText(`${folder}/comm`).trim()]);
    }
  }
  return owners;
}
