import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { readQueueStatistics } from '../base/native/queue-statistics.ts';
import { procText } from '../base/proc.ts';
import type { Config } from '../config/config.ts';
import { CAPABILITY, effectiveCapabilities, hasCapability } from './capabilities.ts';
import { type CommandResult, firstLine, isMissing, type RunCommand, runCommand } from './command.ts';
import { chooseFirewall, type FirewallChoice, installedFirewalls } from './firewall.ts';
import { type MachineFinding, missing, ok, unknown, warning } from './machine-finding.ts';
import { marks } from './mark-findings.ts';
import { networkFindings } from './network-findings.ts';
import { disks, memory } from './resource-findings.ts';

const LEAST_NODE = [20, 19] as const;

/** What this machine can and cannot do. Looks, and tries things out only in a network namespace made for it. */
export function inspectMachine(config: Config, run: RunCommand = runCommand): MachineFinding[] {
  const scratch = scratchNamespace(run);
  const choice = scratch === null ? null : chooseFirewall(scratch);
  return [
    nodeVersion(process.versions.node),
    kernel(release()),
    privileges(effectiveCapabilities()),
    nfqueue(),
    firewall(choice),
    conntrack(choice),
    memory(procText('/proc/meminfo')),
    ...disks(config),
    clock(run),
    ...vpatchRules(run),
    marks(config, run),
    ...networkFindings(run),
  ];
}

/** A queue tells of packets that it let pass (NFQA_CFG_F_FAIL_OPEN) since 3.6, of large ones (GSO) since 3.10. */
const LEAST_KERNEL = [3, 10] as const;

/** `version` as uname(2) has it: 6.1.0-18-amd64. */
export function kernel(version: string): MachineFinding {
  const [major = 0, minor = 0] = version.split(/[.-]/).map(Number);
  const isNewEnough = major > LEAST_KERNEL[0] || (major === LEAST_KERNEL[0] && minor >= LEAST_KERNEL[1]);
  if (isNewEnough) return ok('kernel', version);
  return missing(
    'kernel',
    version,
    'its queues can neither fail open nor hand over large packets',
    `upgrade to a distribution with Linux ${LEAST_KERNEL.join('.')} or newer`,
  );
}

export function nodeVersion(version: string): MachineFinding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isNewEnough = major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1]);
  if (isNewEnough) return ok('node', version);
  return missing(
    'node',
    version,
    'vpatch uses what older versions do not have',
    `install Node.js ${LEAST_NODE.join('.')} or newer: https://nodejs.org/en/download`,
  );
}

/** `set`: the effective capabilities. Null: they are not known. */
export function privileges(set: bigint | null): MachineFinding {
  if (set === null) return unknown('privileges', 'the kernel does not tell');
  if (hasCapability(set, CAPABILITY.netAdmin)) return ok('privileges', 'CAP_NET_ADMIN');
  return missing(
    'privileges',
    'no CAP_NET_ADMIN',
    'neither queues nor firewall rules can be made',
    'run as root: sudo vpatch doctor',
  );
}

function nfqueue(): MachineFinding {
  if (existsSync('/proc/thread-self/net/netfilter/nfnetlink_queue')) return ok('nfqueue', 'the kernel has it');
  return missing(
    'nfqueue',
    'not in the running kernel',
    'the kernel hands packets to nobody',
    'modprobe nfnetlink_queue (CONFIG_NETFILTER_NETLINK_QUEUE)',
  );
}

/** `choice` null: it could not be tried out. */
function firewall(choice: FirewallChoice | null): MachineFinding {
  if (choice === null) {
    return unknown('firewall', 'cannot be tried out: no permission to make a network namespace', 'run doctor as root');
  }
  const { firewall: chosen, remarks } = choice;
  if (chosen === null) {
    return missing(
      'firewall',
      remarks.join('; '),
      'no packet gets to a queue',
      'apt install nftables, or iptables; then modprobe nft_queue, or xt_NFQUEUE',
    );
  }
  const detail = [chosen.name, ...remarks].join('; ');
  if (chosen.families.length === 2) return ok('firewall', detail);
  return warning('firewall', detail, 'IPv6 passes uninspected', 'install ip6tables, or nftables with nft_queue');
}

function conntrack(choice: FirewallChoice | null): MachineFinding {
  if (!existsSync('/proc/sys/net/netfilter/nf_conntrack_max')) {
    return warning(
      'conntrack',
      'not in the running kernel',
      'IP fragments arrive in pieces, which vpatch puts together itself, and every packet is inspected',
      'modprobe nf_conntrack',
    );
  }
  const chosen = choice?.firewall ?? null;
  if (chosen === null) return ok('conntrack', 'the kernel has it');
  if (chosen.canBypass) return ok('conntrack', 'the kernel has it, with connection marks');
  return warning(
    'conntrack',
    `the kernel has it; ${chosen.name} cannot mark connections`,
    'connections that need no inspection are inspected nevertheless',
    'modprobe xt_connmark, or nft_ct',
  );
}

function clock(run: RunCommand): MachineFinding {
  const asked = run('timedatectl', ['show', '--property=NTPSynchronized', '--value']);
  const answer = asked.output.trim();
  if (asked.status !== 0 || answer === '') return unknown('clock', 'nobody here tells whether it is synchronised');
  if (answer === 'yes') return ok('clock', 'synchronised');
  return warning(
    'clock',
    'not synchronised',
    'events carry the time of this clock, and scans are due by it',
    'timedatectl set-ntp true, or install chrony',
  );
}

/** Rules of a vpatch that runs, or that ended without cleaning up. */
function vpatchRules(run: RunCommand): MachineFinding[] {
  const bound = new Set(readQueueStatistics().map(({ queue }) => queue));
  return installedFirewalls(run).map((found) => {
    const named = found.installedQueues() ?? [];
    const detail = `rules of vpatch in ${found.name}, queues ${named.join(', ')}`;
    if (named.some((queue) => bound.has(queue))) return ok('rules', `${detail}: in use`);
    return warning(
      'rules',
      `${detail}: nobody listens`,
      'left by a crash: packets pass uninspected, or drop with failure.engine closed',
      'vpatch cleanup, or start vpatch: systemctl start vpatch',
    );
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
