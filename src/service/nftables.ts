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

export const NFT_TABLE = 'vpatch';

/** NF_IP_PRI_MANGLE: after conntrack, before the user's own filter rules, as with iptables. */
const PRIORITY = -150;
/** NF_IP_PRI_FILTER. What comes back from the queue goes on behind the chain that sent it there. */
const REJECT_PRIORITY = 0;

/** NF_IP_PRI_SECURITY: behind the user's own filter rules. */
const SAVE_PRIORITY = 50;

/** Chains that reject what came back from the queue with our mark. */
const REJECT_SUFFIX = '_reject';
/** What becomes of packets of marked connections, before the queue; and chains that mark connections, behind it. */
const BYPASS_CHAIN = 'bypass';
const SAVE_SUFFIX = '_save';

/**
 * Input for `nft -f -`: puts our rules in place in one transaction. Base chains that exist stay: when one goes, the
 * kernel drops all packets that wait in any queue of this network namespace.
 */
export function nftInstallText(interception: Interception, existingChains: readonly string[]): string {
  const { hooks, rejectMark, bypassMark } = interception;
  const rejectHooks = rejectMark === 0 ? [] : hooks;
  const saveHooks = bypassMark === 0 ? [] : hooks;
  const bypass = bypassMark === 0 ? [] : [BYPASS_CHAIN];
  const chains = [
    ...hooks,
    ...bypass,
    ...rejectHooks.map((hook) => hook + REJECT_SUFFIX),
    ...saveHooks.map((hook) => hook + SAVE_SUFFIX),
  ];
  return [
    `add table inet ${NFT_TABLE}`,
    ...hooks.map((hook) => baseChain(hook, hook, PRIORITY)),
    ...rejectHooks.map((hook) => baseChain(hook + REJECT_SUFFIX, hook, REJECT_PRIORITY)),
    ...saveHooks.map((hook) => baseChain(hook + SAVE_SUFFIX, hook, SAVE_PRIORITY)),
    ...bypass.map((chain) => `add chain inet ${NFT_TABLE} ${chain}`),
    ...flushed([...chains, ...existingChains]),
    ...rejectHooks.flatMap((hook) => rejectRules(hook + REJECT_SUFFIX, rejectMark)),
    ...saveHooks.flatMap((hook) => saveRules(hook + SAVE_SUFFIX, bypassMark)),
    ...bypass.flatMap((chain) => bypassRules(chain, bypassMark)),
    ...hooks.flatMap((hook) => chainRules(hook, interception)),
    '',
  ].join('\n');
}

/** Empties the chains that queue: traffic passes, and what waits in the queues can still be answered or rejected. */
export const nftRemoveText = (existingChains: readonly string[]): string =>
  [...flushed(existingChains.filter((chain) => !isBehindQueue(chain))), ''].join('\n');

/** Drops whatever waits in any queue of this network namespace. */
export const NFT_DISPOSE_TEXT = `delete table inet ${NFT_TABLE}\n`;

/** For `nft -c -f -`, to see whether the kernel has the queue expression. */
export const NFT_PROBE_TEXT = [
  'add table inet vpatch_probe',
  'add chain inet vpatch_probe probe',
  'add rule inet vpatch_probe probe queue num 0 bypass',
  '',
].join('\n');

/** The same for `reject`, without which its rules only drop. */
export const NFT_REJECT_PROBE_TEXT = [
  'add table inet vpatch_probe',
  'add chain inet vpatch_probe probe',
  ...rejectRules('probe', 1, 'vpatch_probe'),
  '',
].join('\n');

/** The same for bypassing connections. */
export const NFT_BYPASS_PROBE_TEXT = [
  'add table inet vpatch_probe',
  'add chain inet vpatch_probe probe',
  ...bypassRules('probe', 1, 'vpatch_probe'),
  ...saveRules('probe', 1, 'vpatch_probe'),
  '',
].join('\n');

/** The same for a choice of queues by ports. */
export const NFT_PORTS_PROBE_TEXT = [
  'add table inet vpatch_probe',
  'add chain inet vpatch_probe probe',
  'add rule inet vpatch_probe probe queue to symhash mod 2 offset 0',
  '',
].join('\n');

/** Chains in the text of `nft list table`. */
export const chainsListed = (listed: string): string[] =>
  [...listed.matchAll(/^\s*chain (\w+) \{/gm)].map((match) => match[1]!);

/** Queue numbers that the rules name: `queue num 4`, `queue flags bypass to 4-5`, `queue to symhash mod 2 offset 4`. */
export function queuesListed(listed: string): number[] {
  const queues = new Set<number>();
  for (const match of listed.matchAll(/\bqueue\b[^\n]*?\b(?:num|to) (\d+)(?:-(\d+))?/g)) {
    for (let queue = Number(match[1]); queue <= Number(match[2] ?? match[1]); queue++) queues.add(queue);
  }
  for (const [, count, first] of listed.matchAll(/\bqueue\b[^\n]*?\bsymhash mod (\d+)(?: offset (\d+))?/g)) {
    for (let n = 0; n < Number(count); n++) queues.add(Number(first ?? 0) + n);
  }
  return [...queues];
}

const baseChain = (chain: string, hook: Hook, priority: number): string =>
  `add chain inet ${NFT_TABLE} ${chain} { type filter hook ${hook} priority ${priority}; policy accept; }`;

const flushed = (chains: readonly string[]): string[] =>
  [...new Set(chains)].map((chain) => `flush chain inet ${NFT_TABLE} ${chain}`);

/** Each of the two ends the packet: none with the mark gets past them. */
function rejectRules(chain: string, mark: number, table = NFT_TABLE): string[] {
  const bit = markText(mark);
  const marked = `add rule inet ${table} ${chain} meta mark & ${bit} == ${bit}`;
  return [`${marked} meta l4proto tcp reject with tcp reset`, `${marked} reject with icmpx type port-unreachable`];
}

/** See `bypassTargets` in iptables.ts. */
function bypassRules(chain: string, mark: number, table = NFT_TABLE): string[] {
  return [
    'tcp flags & (fin | syn | rst | ack) == ack accept',
    `tcp flags & syn == syn ct mark set ct mark & ${markText(~mark >>> 0)}`,
    `tcp flags & syn != syn meta mark set meta mark | ${markText(mark)}`,
    'meta l4proto udp accept',
  ].map((rule) => `add rule inet ${table} ${chain} ${rule}`);
}

/** The packet's mark has served its purpose. */
function saveRules(chain: string, mark: number, table = NFT_TABLE): string[] {
  const bit = markText(mark);
  const marked = `add rule inet ${table} ${chain} meta mark & ${bit} == ${bit}`;
  return [`${marked} ct mark set ct mark | ${bit} meta mark set meta mark & ${markText(~mark >>> 0)}`];
}

const isBehindQueue = (chain: string): boolean => chain.endsWith(REJECT_SUFFIX) || chain.endsWith(SAVE_SUFFIX);

function chainRules(hook: Hook, interception: Interception): string[] {
  const { interfaces, bypassMark } = interception;
  const rule = (text: string): string => `add rule inet ${NFT_TABLE} ${hook} ${text}`;
  const bit = markText(bypassMark);
  const exempted = [
    ...(bypassMark === 0 ? [] : [rule(`ct mark & ${bit} == ${bit} jump ${BYPASS_CHAIN}`)]),
    ...exemptionsAt(hook, interception).map((exemption) => rule(`${matchText(exemption)} return`)),
  ];
  const queue = queueText(interception);
  if (interfaces.length === 0) {
    // Nothing is forwarded to or from loopback.
    const loopback = hook === 'forward' ? [] : [rule(`${interfaceKeys(hook)[0]} "${LOOPBACK}" return`)];
    return [...loopback, ...exempted, rule(queue)];
  }
  const queued = interfacesAt(hook, interception).flatMap((name) =>
    interfaceKeys(hook).map((key) => rule(`${key} "${name}" ${queue}`)),
  );
  return [...exempted, ...queued];
}

/** A forwarded packet has two interfaces; naming one of them means both directions of its traffic. */
function interfaceKeys(hook: Hook): string[] {
  if (hook === 'forward') return ['iifname', 'oifname'];
  return [hook === 'input' ? 'iifname' : 'oifname'];
}

function matchText({ family, match }: Exemption): string {
  if ('type' in match) {
    const type = `${match.protocol} type ${match.type}`;
    return match.code === null ? type : `${type} ${match.protocol} code ${match.code}`;
  }
  const parts = family === 'any' ? [] : [`meta nfproto ipv${family}`];
  if (match.sourcePorts !== undefined) parts.push(`${match.protocol} sport ${portText(match.sourcePorts)}`);
  if (match.destinationPorts !== undefined) parts.push(`${match.protocol} dport ${portText(match.destinationPorts)}`);
  return parts.join(' ');
}

const portText = ([first, last]: PortRange): string => (first === last ? `${first}` : `${first}-${last}`);

function queueText(interception: Interception): string {
  const { firstQueue, queueCount, failure } = interception;
  if (isByPorts(interception)) {
    const bypass = failure === 'open' ? 'flags bypass ' : '';
    return `queue ${bypass}to symhash mod ${queueCount} offset ${firstQueue}`;
  }
  const queues = queueCount === 1 ? `${firstQueue}` : `${firstQueue}-${firstQueue + queueCount - 1}`;
  return failure === 'open' ? `queue num ${queues} bypass` : `queue num ${queues}`;
}
