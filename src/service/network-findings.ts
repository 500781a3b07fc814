import { findQueueOwner, readQueueStatistics } from '../base/native/queue-statistics.ts';
import { procEntries, processFolders, procText } from '../base/proc.ts';
import { isMissing, type RunCommand } from './command.ts';
import { carriesTls, listeningPorts } from './listening-ports.ts';
import { type MachineFinding, ok, unknown, warning } from './machine-finding.ts';

/** What is on the way of packets beside vpatch: queues of others, other engines, IPv6, TLS, offloads. */
export function networkFindings(run: RunCommand): MachineFinding[] {
  return [
    ipv6(procText('/proc/thread-self/net/if_inet6')),
    tls(),
    otherEngines(processNames()),
    ...queues(),
    ...offloads(run),
  ];
}

/** `addresses`: the text of /proc/net/if_inet6: address, interface, prefix, scope, flags, name. */
export function ipv6(addresses: string): MachineFinding {
  const rows = addresses.split('\n').flatMap((line) => (line === '' ? [] : [line.trim().split(/\s+/)]));
  const names = rows.flatMap(([, , , scope, , name]) => (scope === GLOBAL_SCOPE && name !== undefined ? [name] : []));
  if (names.length > 0) return ok('ipv6', `in use on ${[...new Set(names)].join(', ')}, and inspected`);
  return ok('ipv6', rows.length === 0 ? 'not in use' : 'in use only on the link, and inspected');
}

/** net/ipv6.h: neither of this host alone nor of the link. */
const GLOBAL_SCOPE = '00';

function tls(): MachineFinding {
  const ports = listeningPorts().filter(({ port }) => carriesTls(port));
  if (ports.length === 0) return ok('tls', 'no port that looks like TLS');
  const listed = ports.map(({ port, processes }) =>
    processes.length === 0 ? `${port}` : `${port} (${processes.join(', ')})`,
  );
  return warning(
    'tls',
    listed.join(', '),
    'what is encrypted cannot be inspected: patches do not protect what is reached through these ports',
    'end TLS in a reverse proxy on this host, run "ip link set dev lo mtu 65000" and name loopback with --interface lo',
  );
}

/** Engines that take packets, or would block what vpatch lets pass. Names as in /proc/PID/comm. */
const ENGINES: readonly (readonly [form: RegExp, name: string])[] = [
  [/^[Ss]uricata/, 'Suricata'],
  [/^snort/, 'Snort'],
  [/^crowdsec-fire/, "CrowdSec's firewall bouncer"],
  [/^ossec-execd|^wazuh-execd/, "OSSEC's active response"],
];

/** `names` of all processes. */
export function otherEngines(names: readonly string[]): MachineFinding {
  const found = ENGINES.filter(([form]) => names.some((name) => form.test(name))).map(([, name]) => name);
  if (found.length === 0) return ok('engines', 'no other IPS runs');
  return warning(
    'engines',
    found.join(', '),
    'two engines inspect, and either may drop; one that uses NFQUEUE too needs other queues, and its rules may come first',
    'let one of them inspect: "systemctl stop suricata", or give vpatch other queues with --queue-start',
  );
}

function queues(): MachineFinding[] {
  return readQueueStatistics().map(({ queue, portId, waiting, queueDropped, userDropped }) => {
    const { pid, command } = findQueueOwner(portId);
    const owner = pid === null ? `netlink port ${portId}` : `process ${pid} (${command})`;
    const detail = `${queue}: ${owner}, ${waiting} waiting, ${queueDropped + userDropped} lost`;
    // What runs vpatch is Node.
    if (command === null || /^node|^vpatch/.test(command)) return ok('queue', detail);
    return warning(
      'queue',
      detail,
      `somebody else decides about packets too, and queue ${queue} is not free`,
      `give vpatch others: --queue-start ${queue + 1}`,
    );
  });
}

/** Offloads behind whose back packets go by, or come in another form than they had on the wire. */
const OFFLOADS = [
  {
    feature: 'large-receive-offload',
    meaning: 'packets are joined by the card with their headers lost: forwarded ones break, and checks misjudge others',
    off: 'lro off',
  },
  {
    feature: 'hw-tc-offload',
    meaning: 'the card may forward packets by itself, which no queue ever sees',
    off: 'hw-tc-offload off',
  },
] as const;

function offloads(run: RunCommand): MachineFinding[] {
  const flowtables = run('nft', ['list', 'flowtables']);
  const bypassing = /^\s*flowtable (\S+)/m.exec(flowtables.output)?.[1];
  const findings: MachineFinding[] = [];
  if (bypassing !== undefined) {
    findings.push(
      warning(
        'offloads',
        `the flow table ${bypassing} of nftables`,
        'connections in it are forwarded past every hook: after their first packets nothing of them is inspected',
        `take its "flow add @${bypassing}" rule away where connections are to be inspected`,
      ),
    );
  }
  for (const name of interfaces()) {
    const shown = run('ethtool', ['-k', name]);
    if (isMissing(shown)) {
      return [
        ...findings,
        unknown('offloads', 'ethtool is not installed', 'apt install ethtool, to see what cards do by themselves'),
      ];
    }
    findings.push(...offloadsOf(name, shown.output));
  }
  return findings.length === 0 ? [ok('offloads', 'none that hides packets')] : findings;
}

/** `features`: what "ethtool -k" prints. */
export const offloadsOf = (name: string, features: string): MachineFinding[] =>
  OFFLOADS.filter(({ feature }) => new RegExp(`^\\s*${feature}: on`, 'm').test(features)).map(
    ({ feature, meaning, off }) => warning('offloads', `${feature} of ${name}`, meaning, `ethtool -K ${name} ${off}`),
  );

const interfaces = (): string[] => procEntries('/sys/class/net').filter((name) => name !== 'lo');

const processNames = (): string[] => processFolders().map((folder) => procText(`${folder}/comm`).trim());
