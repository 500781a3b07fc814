import { availableParallelism } from 'node:os';
import type { Config } from '../config/config.ts';
import type { Logger } from '../output/log.ts';
import { openRecall, type Recall } from './bypassed-connections.ts';
import { tracksConnections } from './conntrack-use.ts';
import { chooseFirewall, type Firewall, withinMeans } from './firewall.ts';
import { type Interception, isByPorts } from './interception.ts';
import { findLeftovers } from './leftovers.ts';
import { MachineError } from './machine-error.ts';

/** How this machine is to hand us its traffic. */
export interface InterceptionPlan {
  readonly firewall: Firewall;
  /** What was wanted, as far as the firewall can do it. */
  readonly interception: Interception;
  /** Null: no connection is to be bypassed, or can be. */
  readonly recall: Recall | null;
  /** Rules of a vpatch that died. */
  readonly leftBehind: readonly Firewall[];
}

/** Changes nothing. Throws MachineError where no firewall can do it, or a vpatch that runs does it already. */
export async function planInterception(config: Config, log: Logger): Promise<InterceptionPlan> {
  const wanted = interceptionOf(config);
  const firewall = usableFirewall(log);
  const leftBehind = leftovers(log);
  const recall = await recallFor(config, wanted, firewall, log);
  const interception = withinMeans(recall === null ? { ...wanted, bypassMark: 0 } : wanted, firewall);
  if (isByPorts(wanted) && !isByPorts(interception))
    log.warn(`queues are balanced by addresses: ${whyNotByPorts(firewall)}`);
  return { firewall, interception, recall, leftBehind };
}

/** What the configuration wants, whatever this machine can do. */
export function interceptionOf({ queue, bypass, failure }: Config): Interception {
  return {
    firstQueue: queue.start,
    queueCount: queue.count ?? Math.max(1, availableParallelism() - 1),
    balance: queue.balance,
    hooks: queue.hooks,
    interfaces: queue.interfaces,
    managementPorts: queue.managementPorts,
    failure: failure.engine,
    rejectMark: queue.rejectMark ?? 0,
    bypassMark: bypass.isEnabled === false ? 0 : bypass.mark,
  };
}

/** Takes away what a vpatch that died left behind, as far as the rules of this one do not replace it. */
export function removeLeftover(old: Firewall, current: Firewall): void {
  old.remove();
  // Base chains that are needed again stay: removing one drops what waits in the queues of others.
  if (old.name !== current.name) old.dispose();
}

function usableFirewall(log: Logger): Firewall {
  const { firewall, remarks } = chooseFirewall();
  if (firewall === null) {
    throw new MachineError(
      `no firewall here can hand packets to NFQUEUE (${remarks.join('; ')}): install nftables or iptables, and load the kernel module nfnetlink_queue`,
    );
  }
  const isComplete = firewall.families.length === 2 && firewall.canReject && firewall.canBypass;
  for (const remark of remarks) log[isComplete ? 'debug' : 'warn'](remark);
  return firewall;
}

/** Rules of a vpatch that runs are not ours to touch. */
function leftovers(log: Logger): readonly Firewall[] {
  const found = findLeftovers();
  if (found.status === 'in use') {
    throw new MachineError(`vpatch is already running: ${found.owner} holds queue ${found.queue}; stop it first`);
  }
  for (const old of found.firewalls) log.info(`a vpatch that ended without cleaning up left its rules in ${old.name}`);
  return found.firewalls;
}

async function recallFor(
  { bypass }: Config,
  wanted: Interception,
  { canBypass }: Firewall,
  log: Logger,
): Promise<Recall | null> {
  if (wanted.bypassMark === 0 || !canBypass) return null;
  const isWanted = bypass.isEnabled === true || isByPorts(wanted) || (await tracksConnections());
  if (isWanted) return openRecall(wanted.bypassMark, log);
  log.info(
    'no connection is bypassed, since this host does not track connections; "bypass.enabled: true" has it do so',
  );
  return null;
}

const whyNotByPorts = ({ name, canSeePorts }: Firewall): string =>
  canSeePorts ? 'by ports needs "bypass", for fragments have none' : `${name} cannot look at ports here`;
