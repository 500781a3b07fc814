import { basename } from 'node:path';
import { procEntries, processFolders, procLink, procText, socketInode } from '../proc.ts';

/** One line of /proc/net/netfilter/nfnetlink_queue. The counters wrap at 2^32. */
export interface QueueStatistics {
  queue: number;
  portId: number;
  /** Packets that wait for a verdict now. */
  waiting: number;
  /** 0 none, 1 metadata, 2 packet. */
  copyMode: number;
  copyBytes: number;
  /** Packets lost because the queue was full. */
  queueDropped: number;
  /** Packets lost because the socket's buffer was full. */
  userDropped: number;
  /** Id of the last packet, which is the number of packets so far. */
  idSequence: number;
}

/** The process that holds a queue. */
export interface QueueOwner {
  portId: number;
  /** Null when no process that we may look into has the socket; it may live in another container. */
  pid: number | null;
  command: string | null;
}

/** What the kernel says of the queues in this network namespace; empty where it has no NFQUEUE or hides the file. */
export function readQueueStatistics(): QueueStatistics[] {
  return parseQueueStatistics(procText('/proc/thread-self/net/netfilter/nfnetlink_queue'));
}

/** Lines that are no such lines are skipped. */
export function parseQueueStatistics(text: string): QueueStatistics[] {
  const queues: QueueStatistics[] = [];
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/\s+/).map(Number);
    if (fields.length < 8 || fields.some(Number.isNaN)) continue;
    const [queue, portId, waiting, copyMode, copyBytes, queueDropped, userDropped, idSequence] = fields as ProcLine;
    queues.push({ queue, portId, waiting, copyMode, copyBytes, queueDropped, userDropped, idSequence });
  }
  return queues;
}

type ProcLine = [number, number, number, number, number, number, number, number];

/** The kernel gives the first netlink socket of a process its pid as port id, but any other socket a random one. */
export function findQueueOwner(portId: number): QueueOwner {
  const pid = findSocketHolder(netlinkInode(portId)) ?? portId;
  const command = procText(`/proc/${pid}/comm`).trim();
  return command === '' ? { portId, pid: null, command: null } : { portId, pid, command };
}

/** Columns of /proc/net/netlink: sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode. */
function netlinkInode(portId: number): string | null {
  const NETLINK_NETFILTER = '12';
  for (const line of procText('/proc/thread-self/net/netlink').split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (fields[1] === NETLINK_NETFILTER && fields[2] === String(portId)) return fields[9] ?? null;
  }
  return null;
}

function findSocketHolder(inode: string | null): number | null {
  if (inode === null) return null;
  for (const folder of processFolders()) {
    for (const fd of procEntries(`${folder}/fd`)) {
      if (socketInode(procLink(`${folder}/fd/${fd}`)) === inode) return Number(basename(folder));
    }
  }
  return null;
}
