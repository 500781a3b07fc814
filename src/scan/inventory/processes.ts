import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { procEntries, processFolders, procLink, procText, socketInode } from '../../base/proc.ts';

/** A socket that waits for traffic. */
export interface Listener {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** Only this host itself can reach it. */
  readonly isLocal: boolean;
}

/** A running process that listens, with the files that it uses. */
export interface ListeningProcess {
  readonly pid: number;
  /** The name of its program. */
  readonly name: string;
  readonly listeners: readonly Listener[];
  /** Its program, the libraries and files that it has open, the paths it was called with, its folder. */
  readonly files: ReadonlySet<string>;
}

export interface ProcessList {
  readonly processes: readonly ListeningProcess[];
  /** Processes of containers, whose files are elsewhere. */
  readonly inContainers: number;
  /** We may not look into some. */
  readonly isComplete: boolean;
}

/** Of one process; a server with 100,000 connections has as many descriptors. */
const MAX_DESCRIPTORS = 200_000;
const MAX_FILES = 20_000;

/** What listens on the running system, and with which files. */
export function readProcesses(proc = '/proc'): ProcessList {
  const listening = readListeners(proc);
  const ownNamespace = procLink(`${proc}/self/ns/mnt`);
  const processes: ListeningProcess[] = [];
  let inContainers = 0;
  let isComplete = true;
  for (const path of processFolders(proc)) {
    let executable: string;
    try {
      executable = readlinkSync(`${path}/exe`);
    } catch (error) {
      // A thread of the kernel and a process that has just ended have no program; others are closed to us.
      isComplete &&= !isDenied(error);
      continue;
    }
    const targets = procEntries(`${path}/fd`)
      .slice(0, MAX_DESCRIPTORS)
      .map((name) => procLink(`${path}/fd/${name}`));
    const listeners = targets.flatMap((target) => {
      const inode = socketInode(target);
      return (inode !== null && listening.get(inode)) || [];
    });
    if (listeners.length === 0) continue;
    if (ownNamespace !== '' && procLink(`${path}/ns/mnt`) !== ownNamespace) {
      inContainers++;
      continue;
    }
    processes.push({
      pid: Number(basename(path)),
      name: basename(executable).replace(/ \(deleted\)$/, ''),
      listeners: distinct(listeners),
      files: filesOf(path, executable, targets),
    });
  }
  return { processes, inContainers, isComplete };
}

function filesOf(path: string, executable: string, targets: readonly string[]): Set<string> {
  const files = new Set<string>();
  const add = (name: string): void => {
    // Programs that are updated while they run are "(deleted)".
    if (name.startsWith('/') && files.size < MAX_FILES) files.add(name.replace(/ \(deleted\)$/, ''));
  };
  add(executable);
  add(procLink(`${path}/cwd`));
  for (const target of targets) add(target);
  for (const line of procText(`${path}/maps`).split('\n')) add(/\s(\/.*)$/.exec(line)?.[1] ?? '');
  for (const word of procText(`${path}/cmdline`).split('\0')) {
    for (const part of word.split(/[:=,]/)) add(part);
  }
  return files;
}

/** By inode of the socket. */
function readListeners(proc: string): Map<string, Listener> {
  const listeners = new Map<string, Listener>();
  for (const table of ['tcp', 'tcp6', 'udp', 'udp6'] as const) {
    const protocol = table.startsWith('tcp') ? 'tcp' : 'udp';
    for (const line of procText(`${proc}/net/${table}`).split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      const isListening = protocol === 'tcp' ? state === TCP_LISTEN : state === UDP_UNCONNECTED;
      const [address = '', port = ''] = local.split(':');
      if (!isListening || port === '') continue;
      listeners.set(inode, { protocol, port: Number.parseInt(port, 16), isLocal: isLoopback(address) });
    }
  }
  return listeners;
}

/** include/net/tcp_states.h. */
const TCP_LISTEN = '0A';
const UDP_UNCONNECTED = '07';

/** As /proc/net has them: 32-bit words in the order of the machine, which is little-endian. */
const isLoopback = (address: string): boolean =>
  address.length === 8
    ? address.endsWith('7F')
    : address === '00000000000000000000000001000000' || /^0{16}FFFF0000.{6}7F$/.test(address);

function distinct(listeners: readonly Listener[]): Listener[] {
  const byPort = new Map<string, Listener>();
  for (const listener of listeners) {
    const key = `${listener.protocol} ${listener.port}`;
    if (byPort.get(key)?.isLocal !== false) byPort.set(key, listener);
  }
  return [...byPort.values()].sort((a, b) => a.port - b.port);
}

const isDenied = (error: unknown): boolean => {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'EACCES' || code === 'EPERM';
};
