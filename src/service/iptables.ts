import type { PortRange } from '../base/port-set.ts';
import type { Hook } from '../config/config.ts';
import {
  type Exemption,
  exemptionsAt,
  type Interception,
  interfacesAt,
  isByPorts,
  LOOPBACK,
  markText,
} from './interception.ts';

/**
 * The mangle table is passed before the filter table: a packet that the queue accepts leaves the table's chain, and
 * from `filter` it would skip the rules of the user's own firewall.
 */
export const QUEUE_TABLE = 'mangle';

/**
 * Tables of the rules about packets that come back from a queue with one of our marks: `filter` rejects them, since it
 * is the only one that can, and `security`, which comes later and which no firewall tool touches, drops what got past
 * it, and marks connections that are bypassed.
 */
export const MARK_TABLES = ['security', 'filter'] as const;
export type MarkTable = (typeof MARK_TABLES)[number];

/** Every chain of ours starts like this, and nobody else's does. */
const OWN_PREFIX = 'VPATCH-';
const CHAINS: Readonly<Record<Hook, { readonly own: string; readonly builtIn: string }>> = {
  input: { own: 'VPATCH-IN', builtIn: 'INPUT' },
  output: { own: 'VPATCH-OUT', builtIn: 'OUTPUT' },
  forward: { own: 'VPATCH-FWD', builtIn: 'FORWARD' },
};

const REJECT_CHAINS: Readonly<Record<MarkTable, string>> = { filter: 'VPATCH-REJECT', security: 'VPATCH-GUARD' };
/** What becomes of packets of marked connections, before the queue; and which connections are marked, behind it. */
const BYPASS_CHAIN = 'VPATCH-BYPASS';
const SAVE_CHAIN = 'VPATCH-SAVE';
const SAVE_TABLE: MarkTable = 'security';

/**
 * Input for `iptables-restore --noflush`: puts our rules in place in one transaction, whatever is left of earlier ones.
 * `saved` is that table as `iptables-save` tells it now.
 */
export function iptablesInstallText(family: 4 | 6, interception: Interception, saved: string): string {
  const { hooks, bypassMark } = interception;
  const bypass = bypassMark === 0 ? [] : [BYPASS_CHAIN];
  return replacedText(QUEUE_TABLE, saved, {
    chains: [...bypass, ...hooks.map((hook) => CHAINS[hook].own)],
    rules: [
      ...bypass.flatMap((chain) => bypassTargets(bypassMark).map((target) => `-A ${chain} ${target}`)),
      ...hooks.flatMap((hook) => chainRules(family, hook, interception)),
    ],
    // Behind what is there: a packet that comes back from the queue skips the rest of the built-in chain.
    jumps: hooks.map((hook) => `-A ${CHAINS[hook].builtIn} -j ${CHAINS[hook].own}`),
  });
}

/** The same for a table that deals with packets marked by us. Null: no mark is wanted, and nothing of ours is there. */
export function iptablesMarkText(table: MarkTable, interception: Interception, saved: string): string | null {
  const { hooks, rejectMark, bypassMark } = interception;
  const uses = [
    { mark: rejectMark, chain: REJECT_CHAINS[table], targets: rejectTargets(table) },
    { mark: table === SAVE_TABLE ? bypassMark : 0, chain: SAVE_CHAIN, targets: saveTargets(bypassMark) },
  ].filter(({ mark }) => mark !== 0);
  if (uses.length === 0) return iptablesRemoveText(table, saved);
  return replacedText(table, saved, {
    chains: uses.map(({ chain }) => chain),
    rules: uses.flatMap(({ chain, targets }) => targets.map((target) => `-A ${chain} ${target}`)),
    // Before what is there: the user's rules would accept the packet, which our queue has accepted too.
    jumps: uses.flatMap(({ mark, chain }) =>
      hooks.map((hook) => `-I ${CHAINS[hook].builtIn} -m mark --mark ${maskedText(mark)} -j ${chain}`),
    ),
  });
}

/** Removes all that is ours; null when nothing is. */
export function iptablesRemoveText(table: string, saved: string): string | null {
  const lines = [...removedJumps(saved), ...removedChains(ownChains(saved))];
  return lines.length === 0 ? null : restoreText(table, lines);
}

/**
 * What the kernel may lack: its queue, rejecting, bypassing connections, a choice of queues by ports (of IPv4 only).
 */
export type IptablesNeed = 'queue' | 'reject' | 'bypass' | 'ports';

/** A transaction for each table that leaves nothing behind, to see whether the kernel has all of it. */
export function iptablesProbeText(needs: readonly IptablesNeed[]): string {
  const rules = new Map<string, string[]>();
  for (const need of needs) {
    for (const [table, needed] of Object.entries(PROBES[need])) {
      rules.set(table, [...(rules.get(table) ?? []), ...needed]);
    }
  }
  return [...rules].map(([table, needed]) => probeText(table, needed)).join('');
}

const PROBES: Readonly<Record<IptablesNeed, Readonly<Record<string, readonly string[]>>>> = {
  queue: { [QUEUE_TABLE]: ['-j NFQUEUE --queue-num 0 --queue-bypass'] },
  reject: Object.fromEntries(
    MARK_TABLES.map((table) => [table, ['-m mark --mark 0x1/0x1', ...rejectTargets(table)]] as const),
  ),
  bypass: {
    [QUEUE_TABLE]: ['-m connmark --mark 0x1/0x1', ...bypassTargets(1)],
    [SAVE_TABLE]: ['-m mark --mark 0x1/0x1', ...saveTargets(1)],
  },
  ports: {
    [QUEUE_TABLE]: ['-m u32 --u32 "0x6&0xff=0x6,0x11&&0x0>>0x16&0x3c@0x0&0x20002=0x0" -j NFQUEUE --queue-num 0'],
  },
};

/** One table of what `iptables-save` says of all. */
export function tableIn(saved: string, table: string): string {
  const start = `\n${saved}`.indexOf(`\n*${table}\n`);
  if (start < 0) return '';
  const end = saved.indexOf('\nCOMMIT', start);
  return saved.slice(start, end < 0 ? saved.length : end + 1);
}

/** Our part of a saved table, in its order: what two of them must have in common to be the same. */
export const ownLines = (saved: string): string[] =>
  saved.split('\n').filter((line) => line.startsWith(`-A ${OWN_PREFIX}`) || jumpsToOwn(line));

/** Queue numbers that rules of ours name. */
export function queuesNamedIn(lines: readonly string[]): number[] {
  const queues = new Set<number>();
  for (const line of lines) {
    const match = /--queue-(?:num|balance) (\d+)(?::(\d+))?/.exec(line);
    if (match === null) continue;
    for (let queue = Number(match[1]); queue <= Number(match[2] ?? match[1]); queue++) queues.add(queue);
  }
  return [...queues];
}

function replacedText(
  table: string,
  saved: string,
  own: { readonly chains: readonly string[]; readonly rules: readonly string[]; readonly jumps: readonly string[] },
): string {
  return restoreText(table, [
    // Without --flush, declaring a chain that exists empties it.
    ...own.chains.map((chain) => `:${chain} - [0:0]`),
    ...removedJumps(saved),
    ...removedChains(ownChains(saved).filter((chain) => !own.chains.includes(chain))),
    ...own.rules,
    ...own.jumps,
  ]);
}

/** A plain REJECT answers that the port is unreachable, in each family's own ICMP. A function: the probes use it. */
function rejectTargets(table: MarkTable): string[] {
  return table === 'filter' ? ['-p tcp -j REJECT --reject-with tcp-reset', '-j REJECT'] : ['-j DROP'];
}

/**
 * For packets of connections that are marked. What stays out is accepted, as a packet that comes back from the queue
 * is. A SYN may be that of another connection between the same ports. What else is queued has the mark, which tells
 * that connection tracking has found it to be a packet of this connection.
 */
function bypassTargets(mark: number): string[] {
  return [
    '-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK ACK -j ACCEPT',
    `-p tcp -m tcp --tcp-flags SYN SYN -j CONNMARK --set-xmark 0x0/${markText(mark)}`,
    `-p tcp -m tcp ! --tcp-flags SYN SYN -j MARK --set-xmark ${maskedText(mark)}`,
    '-p udp -j ACCEPT',
  ];
}

/** The packet's mark has served its purpose. */
function saveTargets(mark: number): string[] {
  return [`-j CONNMARK --set-xmark ${maskedText(mark)}`, `-j MARK --set-xmark 0x0/${markText(mark)}`];
}

/** A function: the probes use it. */
function maskedText(bit: number): string {
  return `${markText(bit)}/${markText(bit)}`;
}

function probeText(table: string, rules: readonly string[]): string {
  const chain = 'VPATCH-PROBE';
  return restoreText(table, [
    `:${chain} - [0:0]`,
    ...rules.map((rule) => `-A ${chain} ${rule}`),
    `-F ${chain}`,
    `-X ${chain}`,
  ]);
}

function chainRules(family: 4 | 6, hook: Hook, interception: Interception): string[] {
  const { interfaces, bypassMark } = interception;
  const chain = CHAINS[hook].own;
  const bypass =
    bypassMark === 0 ? [] : [`-A ${chain} -m connmark --mark ${maskedText(bypassMark)} -j ${BYPASS_CHAIN}`];
  const exempted = exemptionsAt(hook, interception)
    .filter((exemption) => exemption.family === 'any' || exemption.family === family)
    .map((exemption) => `-A ${chain} ${matchText(exemption)} -j RETURN`);
  const rules = [...bypass, ...exempted];
  const targets = queueTargets(family, interception);
  const queue = (match: string): string[] => targets.map((target) => `-A ${chain} ${match}${target}`);
  if (interfaces.length === 0) {
    // Nothing is forwarded to or from loopback.
    const loopback = hook === 'forward' ? [] : [`-A ${chain} ${interfaceOptions(hook)[0]} ${LOOPBACK} -j RETURN`];
    return [...loopback, ...rules, ...queue('')];
  }
  const queued = interfacesAt(hook, interception).flatMap((name) =>
    interfaceOptions(hook).flatMap((option) => queue(`${option} ${name} `)),
  );
  return [...rules, ...queued];
}

/** A forwarded packet has two interfaces; naming one of them means both directions of its traffic. */
function interfaceOptions(hook: Hook): string[] {
  if (hook === 'forward') return ['-i', '-o'];
  return [hook === 'input' ? '-i' : '-o'];
}

function matchText({ match }: Exemption): string {
  if ('type' in match) {
    const option = match.protocol === 'icmp' ? '--icmp-type' : '--icmpv6-type';
    return `-p ${match.protocol} ${option} ${match.type}${match.code === null ? '' : `/${match.code}`}`;
  }
  const source = match.sourcePorts === undefined ? '' : ` --sport ${portText(match.sourcePorts)}`;
  const destination = match.destinationPorts === undefined ? '' : ` --dport ${portText(match.destinationPorts)}`;
  return `-p ${match.protocol}${source}${destination}`;
}

const portText = ([first, last]: PortRange): string => (first === last ? `${first}` : `${first}:${last}`);

/** What is said of a packet's queue: the last one is for all that the others leave. */
function queueTargets(family: 4 | 6, interception: Interception): string[] {
  const { firstQueue, queueCount, failure } = interception;
  const target = (first: number, count: number): string => {
    const queues = count === 1 ? `--queue-num ${first}` : `--queue-balance ${first}:${first + count - 1}`;
    return `-j NFQUEUE ${failure === 'open' ? `${queues} --queue-bypass` : queues}`;
  };
  // An extension header of IPv6 would move the ports, and with them its packets into another queue.
  const portTargets = family === 4 && isByPorts(interception) ? portClasses(queueCount) : [];
  return [
    ...portTargets.map(({ match, first, count }) => `${match} ${target(firstQueue + first, count)}`),
    target(firstQueue, queueCount),
  ];
}

/**
 * IPv4 packets of TCP and UDP by their ports, the same both ways: three bits of one port, exclusive or those of the
 * other. Not the lowest one, which is always 0 in ports that Linux takes for connections.
 */
function portClasses(queueCount: number): { readonly match: string; readonly first: number; readonly count: number }[] {
  // As few as share the queues evenly; `u32` takes ten values.
  const classes = queueCount === 2 || queueCount === 4 ? queueCount : MAX_PORT_CLASSES;
  const hex = (value: number): string => `0x${value.toString(16)}`;
  const bits = (classes - 1) << 1;
  return Array.from({ length: classes }, (_, wanted) => {
    const values = Array.from({ length: classes }, (_, port) => hex((port << 17) | ((port ^ wanted) << 1)));
    // Protocol; not a fragment; ports behind a header of whatever length.
    const ports = `${hex(6)}&0xff=0x6,0x11&&0x4&0x3fff=0x0&&0x0>>0x16&0x3c@0x0&${hex((bits << 16) | bits)}`;
    const match = `-m u32 --u32 "${ports}=${values.join(',')}"`;
    if (queueCount <= classes) return { match, first: wanted % queueCount, count: 1 };
    const first = Math.floor((wanted * queueCount) / classes);
    return { match, first, count: Math.floor(((wanted + 1) * queueCount) / classes) - first };
  });
}

const MAX_PORT_CLASSES = 8;

const ownChains = (saved: string): string[] =>
  [...saved.matchAll(/^:(\S+) /gm)].map((match) => match[1]!).filter((chain) => chain.startsWith(OWN_PREFIX));

/** From a built-in chain or from one of the user's. */
const jumpsToOwn = (line: string): boolean =>
  line.startsWith('-A ') && !line.startsWith(`-A ${OWN_PREFIX}`) && line.includes(` -j ${OWN_PREFIX}`);

const removedJumps = (saved: string): string[] =>
  saved
    .split('\n')
    .filter(jumpsToOwn)
    .map((line) => line.replace(/^-A /, '-D '));

const removedChains = (chains: readonly string[]): string[] => [
  ...chains.map((chain) => `-F ${chain}`),
  ...chains.map((chain) => `-X ${chain}`),
];

function restoreText(table: string, lines: readonly string[]): string {
  return `*${table}\n${lines.join('\n')}\nCOMMIT\n`;
}
