import type { Hook } from '../config/config.ts';
import { type Exemption, exemptionsAt, type Interception, LOOPBACK, type PortRange } from './interception.ts';

export const NFT_TABLE = 'vpatch';

/** NF_IP_PRI_MANGLE: after conntrack, before the user's own filter rules, as with iptables. */
const PRIORITY = -150;

/**
 * Input for `nft -f -`: puts our rules in place in one transaction. Base chains that exist stay: when one goes, the
 * kernel drops all packets that wait in any queue of this network namespace.
 */
export function nftInstallText(interception: Interception, existingHooks: readonly Hook[]): string {
  const { hooks } = interception;
  return [
    `add table inet ${NFT_TABLE}`,
    ...hooks.map(
      (hook) => `add chain inet ${NFT_TABLE} ${hook} { type filter hook ${hook} priority ${PRIORITY}; policy accept; }`,
    ),
    ...new Set([...hooks, ...existingHooks].map((hook) => `flush chain inet ${NFT_TABLE} ${hook}`)),
    ...hooks.flatMap((hook) => chainRules(hook, interception)),
    '',
  ].join('\n');
}

/** Empties the chains: traffic passes, and what waits in the queues can still be answered. */
export const NFT_REMOVE_TEXT = `flush table inet ${NFT_TABLE}\n`;

/** Drops whatever waits in any queue of this network namespace. */
export const NFT_DISPOSE_TEXT = `delete table inet ${NFT_TABLE}\n`;

/** For `nft -c -f -`, to see whether the kernel has the queue expression. */
export const NFT_PROBE_TEXT = [
  'add table inet vpatch_probe',
  'add chain inet vpatch_probe probe',
  'add rule inet vpatch_probe probe queue num 0 bypass',
  '',
].join('\n');

/** Hooks that have a base chain in the text of `nft list table`. */
export const hooksListed = (listed: string): Hook[] =>
  [...listed.matchAll(/\bhook (input|output|forward)\b/g)].map((match) => match[1] as Hook);

/** Queue numbers that the rules name: `queue num 4`, `queue flags bypass to 4-5`. */
export function queuesListed(listed: string): number[] {
  const queues = new Set<number>();
  for (const match of listed.matchAll(/\bqueue\b[^\n]*?\b(?:num|to) (\d+)(?:-(\d+))?/g)) {
    for (let queue = Number(match[1]); queue <= Number(match[2] ?? match[1]); queue++) queues.add(queue);
  }
  return [...queues];
}

function chainRules(hook: Hook, interception: Interception): string[] {
  const { interfaces } = interception;
  const rule = (text: string): string => `add rule inet ${NFT_TABLE} ${hook} ${text}`;
  const exempted = exemptionsAt(hook, interception).map((exemption) => rule(`${matchText(exemption)} return`));
  const queue = queueText(interception);
  if (interfaces.length === 0) {
    // Nothing is forwarded to or from loopback.
    const loopback = hook === 'forward' ? [] : [rule(`${interfaceKeys(hook)[0]} "${LOOPBACK}" return`)];
    return [...loopback, ...exempted, rule(queue)];
  }
  const queued = interfaces.flatMap((name) => interfaceKeys(hook).map((key) => rule(`${key} "${name}" ${queue}`)));
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

function queueText({ firstQueue, queueCount, failure }: Interception): string {
  const queues = queueCount === 1 ? `${firstQueue}` : `${firstQueue}-${firstQueue + queueCount - 1}`;
  return failure === 'open' ? `queue num ${queues} bypass` : `queue num ${queues}`;
}
