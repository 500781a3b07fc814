import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { findQueueOwner, readQueueStatistics } from '../base/native/queue-statistics.ts';
import { CAPABILITY, effectiveCapabilities, hasCapability } from './capabilities.ts';
import { type CommandResult, firstLine, isMissing, type RunCommand, runCommand } from './command.ts';
import { chooseFirewall, type FirewallChoice, installedFirewalls } from './firewall.ts';
import { carriesTls, listeningPorts } from './listening-ports.ts';

/** `missing`: `vpatch run` cannot work. `warning`: it can, with what `detail` says. `unknown`: it cannot be seen. */
export type FindingStatus = 'ok' | 'warning' | 'missing' | 'unknown';

export interface Finding {
  /** Stable, for scripts. */
  readonly check: string;
  readonly status: FindingStatus;
  readonly detail: string;
  /** What to do; null where nothing has to be done. */
  readonly advice: string | null;
}

const LEAST_NODE = [20, 19] as const;
/** Two workers with a large rule set, and room for flows. */
const COMFORTABLE_MEMORY_MIB = 400;
const LEAST_MEMORY_MIB = 150;

/** What this machine can and cannot do. Looks, and tries things out only in a network namespace made for it. */
export function inspectMachine(run: RunCommand = runCommand): Finding[] {
  const scratch = scratchNamespace(run);
  const choice = scratch === null ? null : chooseFirewall(scratch);
  return [
    nodeVersion(process.versions.node),
    ok('kernel', release()),
    privileges(effectiveCapabilities()),
    nfqueue(),
    firewall(choice),
    conntrack(choice),
    memory(orEmpty('/proc/meminfo')),
    clock(run),
    tls(),
    ...vpatchRules(run),
    ...queues(),
  ];
}

export function nodeVersion(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isNewEnough = major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1]);
  if (isNewEnough) return ok('node', version);
  return missing('node', version, `install Node.js ${LEAST_NODE.join('.')} or newer`);
}

export function privileges(set: bigint | null): Finding {
  if (set === null) return unknown('privileges', 'the kernel does not tell');
  if (hasCapability(set, CAPABILITY.netAdmin)) return ok('privileges', 'CAP_NET_ADMIN');
  return missing('privileges', 'no CAP_NET_ADMIN', 'run as root, for instance with sudo');
}

export function memory(meminfo: string): Finding {
  const kib = Number(/^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1] ?? Number.NaN);
  if (Number.isNaN(kib)) return unknown('memory', 'the kernel does not tell');
  const mib = Math.floor(kib / 1024);
  const detail = `${mib} MiB available`;
  if (mib < LEAST_MEMORY_MIB) return missing('memory', detail, `free at least ${LEAST_MEMORY_MIB} MiB`);
  if (mib >= COMFORTABLE_MEMORY_MIB) return ok('memory', detail);
  return warning('memory', detail, 'use few queues and small rule sets, or add memory');
}

function nfqueue(): Finding {
  if (existsSync('/proc/thread-self/net/netfilter/nfnetlink_queue')) return ok('nfqueue', 'the kernel has it');
  return missing(
    'nfqueue',
    'not in the running kernel',
    'try "modprobe nfnetlink_queue" (CONFIG_NETFILTER_NETLINK_QUEUE)',
  );
}

/** `choice` null: it could not be tried out. */
function firewall(choice: FirewallChoice | null): Finding {
  if (choice === null) {
    return unknown('firewall', 'cannot be tried out: no permission to make a network namespace', 'run doctor as root');
  }
  const { firewall: chosen, remarks } = choice;
  if (chosen === null) {
    return missing('firewall', remarks.join('; '), 'install nftables or iptables, and load xt_NFQUEUE or nft_queue');
  }
  const detail = [chosen.name, ...remarks].join('; ');
  if (chosen.families.length === 2) return ok('firewall', detail);
  return warning('firewall', detail, 'install ip6tables, or IPv6 passes uninspected');
}

function conntrack(choice: FirewallChoice | null): Finding {
  if (!existsSync('/proc/sys/net/netfilter/nf_conntrack_max')) {
    return warning(
      'conntrack',
      'not in the running kernel',
      'try "modprobe nf_conntrack": without it, IP fragments arrive in pieces, and every packet is inspected',
    );
  }
  const chosen = choice?.firewall ?? null;
  if (chosen === null) return ok('conntrack', 'the kernel has it');
  if (chosen.canBypass) return ok('conntrack', 'the kernel has it, with connection marks');
  return warning(
    'conntrack',
    `the kernel has it; ${chosen.name} cannot mark connections`,
    'load xt_connmark or nft_ct, or connections that need no inspection are inspected nevertheless',
  );
}

function clock(run: RunCommand): Finding {
  const asked = run('timedatectl', ['show', '--property=NTPSynchronized', '--value']);
  const answer = asked.output.trim();
  if (asked.status !== 0 || answer === '') return unknown('clock', 'nobody here tells whether it is synchronised');
  if (answer === 'yes') return ok('clock', 'synchronised');
  return warning('clock', 'not synchronised', 'events carry the time of this clock: set up NTP');
}

function tls(): Finding {
  const ports = listeningPorts().filter(({ port }) => carriesTls(port));
  if (ports.length === 0) return ok('tls', 'no port that looks like TLS');
  const listed = ports.map(({ port, processes }) =>
    processes.length === 0 ? `${port}` : `${port} (${processes.join(', ')})`,
  );
  return warning(
    'tls',
    `cannot be inspected, since it is encrypted: ${listed.join(', ')}`,
    'end TLS in a reverse proxy on this host, and name loopback with --interface lo to inspect what follows',
  );
}

/** Rules of a vpatch that runs, or that ended without cleaning up. */
function vpatchRules(run: RunCommand): Finding[] {
  const bound = new Set(readQueueStatistics().map(({ queue }) => queue));
  return installedFirewalls(run).map((found) => {
    const named = found.installedQueues() ?? [];
    const detail = `rules of vpatch in ${found.name}, queues ${named.join(', ')}`;
    if (named.some((queue) => bound.has(queue))) return ok('rules', `${detail}: in use`);
    return warning('rules', `${detail}: nobody listens`, 'left by a crash; the next "vpatch run" replaces them');
  });
}

function queues(): Finding[] {
  return readQueueStatistics().map(({ queue, portId, waiting, queueDropped, userDropped }) => {
    const { pid, command } = findQueueOwner(portId);
    const owner = pid === null ? `netlink port ${portId}` : `process ${pid} (${command})`;
    return ok('queue', `${queue}: ${owner}, ${waiting} waiting, ${queueDropped + userDropped} lost`);
  });
}

/** Each command in a network namespace of its own, which ends with it. Null: we may not make one. */
function scratchNamespace(run: RunCommand): RunCommand | null {
  const flags = ['--net', '--map-root-user --net'].map((text) => text.split(' '));
  const usable = flags.find((candidate) => run('unshare', [...candidate, 'true']).status === 0);
  if (usable === undefined) return null;
  return (program, args, input) => missingInside(run('unshare', [...usable, program, ...args], input));
}

/** unshare says in its own words that the program does not exist. */
function missingInside(result: CommandResult): CommandResult {
  if (result.status === 0 || isMissing(result)) return result;
  const isAbsent = /^unshare: failed to execute .*: No such file/.test(firstLine(result.error));
  return isAbsent ? { status: null, output: '', error: 'ENOENT' } : result;
}

const ok = (check: string, detail: string): Finding => ({ check, status: 'ok', detail, advice: null });
const unknown = (check: string, detail: string, advice: string | null = null): Finding => ({
  check,
  status: 'unknown',
  detail,
  advice,
});
const warning = (check: string, detail: string, advice: string): Finding => ({
  check,
  status: 'warning',
  detail,
  advice,
});
const missing = (check: string, detail: string, advice: string): Finding => ({
  check,
  status: 'missing',
  detail,
  advice,
});

function orEmpty(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
