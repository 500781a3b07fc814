import type { PortRange } from '../base/port-set.ts';
import type { Balance, FailureMode, Hook } from '../config/config.ts';

/** Which packets the firewall hands to the engine, for whatever firewall there is. */
export interface Interception {
  readonly firstQueue: number;
  readonly queueCount: number;
  /** `ports` needs `bypassMark`: rules that ask for it have the kernel put fragments together, which have no ports. */
  readonly balance: Balance;
  readonly hooks: readonly Hook[];
  /** Only traffic of these; empty: of all but loopback. */
  readonly interfaces: readonly string[];
  /** TCP ports of this host that stay out. */
  readonly managementPorts: readonly number[];
  /** What happens while nobody listens to a queue. */
  readonly failure: FailureMode;
  /** One bit: packets that come back from a queue with it are rejected by the firewall. 0: it rejects none. */
  readonly rejectMark: number;
  /**
   * One bit: packets that come back from a queue with it mark their connection, whose later packets stay out, save
   * those that begin or end it. 0: all packets are queued.
   */
  readonly bypassMark: number;
}

/** Packets that never reach a queue, so that nothing the engine does can cut the host off. */
export interface Exemption {
  readonly family: 4 | 6 | 'any';
  readonly match:
    | {
        readonly protocol: 'tcp' | 'udp';
        readonly sourcePorts?: PortRange;
        readonly destinationPorts?: PortRange;
      }
    /** Null: every code. */
    | { readonly protocol: 'icmp' | 'icmpv6'; readonly type: number; readonly code: number | null };
}

export const LOOPBACK = 'lo';

/** A name becomes part of a command: only characters that have no meaning there. A last `+` or `*` would match many. */
const INTERFACE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,14}$/;
const MAX_U16 = 0xffff;
const MAX_MARK = 2 ** 31;

/** RFC 2131 §4.1: server 67, client 68. */
const DHCP_PORTS: PortRange = [67, 68];
/** RFC 8415 §7.2: client 546, server 547; answers may come from any port. */
const DHCPV6_PORTS: PortRange = [546, 547];
/** RFC 792: destination unreachable, fragmentation needed. Without it path MTU discovery stalls (RFC 1191). */
const FRAGMENTATION_NEEDED = { protocol: 'icmp', type: 3, code: 4 } as const;
/** RFC 4443 §3.2, RFC 8201. */
const PACKET_TOO_BIG = 2;
/** RFC 4861 §4: router solicitation, router advertisement, neighbour solicitation, neighbour advertisement. */
const NEIGHBOUR_DISCOVERY = [133, 134, 135, 136];

/**
 * The named interfaces whose packets are queued at a hook. A packet of loopback passes both `output` and `input`: it is
 * judged once, where it arrives.
 */
export const interfacesAt = (hook: Hook, { interfaces, hooks }: Interception): readonly string[] =>
  hook === 'output' && hooks.includes('input') ? interfaces.filter((name) => name !== LOOPBACK) : interfaces;

/** Throws RangeError: what is wrong here would become part of a firewall command. */
export function checkInterception(interception: Interception): void {
  const { firstQueue, queueCount, hooks, interfaces, managementPorts, rejectMark, bypassMark } = interception;
  if (hooks.length === 0) throw new RangeError('no hook to intercept at');
  if (!isWithin(queueCount, 1) || !isWithin(firstQueue, 0) || !isWithin(firstQueue + queueCount - 1, 0)) {
    throw new RangeError(`queues ${firstQueue} to ${firstQueue + queueCount - 1} are not within 0 to ${MAX_U16}`);
  }
  for (const name of interfaces) {
    if (!INTERFACE_NAME.test(name)) throw new RangeError(`${JSON.stringify(name)} is not the name of an interface`);
  }
  for (const port of managementPorts) {
    if (!isWithin(port, 1)) throw new RangeError(`${port} is not a port`);
  }
  for (const mark of [rejectMark, bypassMark]) {
    if (mark !== 0 && !(isWithin(Math.log2(mark), 0) && mark <= MAX_MARK)) {
      throw new RangeError(`${mark} is not one bit of a packet mark`);
    }
  }
  if (rejectMark !== 0 && rejectMark === bypassMark) {
    throw new RangeError('queue.reject-mark and bypass.mark are the same bit');
  }
}

/** Why these settings make no firewall rules; null where they do. */
export function interceptionProblem(interception: Interception): string | null {
  try {
    checkInterception(interception);
    return null;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return error.message;
  }
}

/** Value and mask, as every firewall tool writes a mark. */
export const markText = (bit: number): string => `0x${bit.toString(16)}`;

const isWithin = (value: number, min: number): boolean => Number.isInteger(value) && value >= min && value <= MAX_U16;

/** Their numbers. */
export const queuesOf = ({ firstQueue, queueCount }: Interception): number[] =>
  Array.from({ length: queueCount }, (_, i) => firstQueue + i);

/** With one queue there is nothing to choose. */
export const isByPorts = ({ balance, queueCount }: Interception): boolean => balance === 'ports' && queueCount > 1;

/** In the order in which they are to be tried. */
export function exemptionsAt(hook: Hook, { managementPorts }: Interception): Exemption[] {
  const exemptions: Exemption[] = [];
  // A port of this host: forwarded traffic has none, and there a chosen source port would be a way around us.
  if (hook !== 'forward') {
    for (const port of managementPorts) {
      const ports: PortRange = [port, port];
      const side = hook === 'input' ? { destinationPorts: ports } : { sourcePorts: ports };
      exemptions.push({ family: 'any', match: { protocol: 'tcp', ...side } });
    }
  }
  exemptions.push(
    { family: 4, match: { protocol: 'udp', sourcePorts: DHCP_PORTS, destinationPorts: DHCP_PORTS } },
    { family: 6, match: { protocol: 'udp', destinationPorts: DHCPV6_PORTS } },
    { family: 4, match: FRAGMENTATION_NEEDED },
    { family: 6, match: { protocol: 'icmpv6', type: PACKET_TOO_BIG, code: null } },
  );
  for (const type of NEIGHBOUR_DISCOVERY) {
    exemptions.push({ family: 6, match: { protocol: 'icmpv6', type, code: null } });
  }
  return exemptions;
}
