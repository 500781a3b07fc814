import { readFileSync } from 'node:fs';
import { firstLine, isMissing, type RunCommand, runCommand } from './command.ts';
import { checkInterception, type Interception } from './interception.ts';
import {
  IPTABLES_PROBE_TEXT,
  IPTABLES_TABLE,
  iptablesInstallText,
  iptablesRemoveText,
  ownLines,
  queuesNamedIn,
} from './iptables.ts';
import {
  hooksListed,
  NFT_DISPOSE_TEXT,
  NFT_PROBE_TEXT,
  NFT_REMOVE_TEXT,
  NFT_TABLE,
  nftInstallText,
  queuesListed,
} from './nftables.ts';

/** The firewall of this network namespace, of which only our own rules are ever touched. Every call waits. */
export interface Firewall {
  /** For people: `nftables`, `iptables v1.8.9 (nf_tables)`. */
  readonly name: string;
  /** IP versions that it can intercept. */
  readonly families: readonly (4 | 6)[];
  /** Puts the rules in place, whatever is left of earlier ones. Throws FirewallError, RangeError for a bad argument. */
  install(interception: Interception): void;
  /** Afterwards nothing is handed to a queue any more; what waits in one can still be answered. */
  remove(): void;
  /** Removes what `remove` leaves. Only when no queue of this network namespace matters any more. */
  dispose(): void;
  /** Whether what `install` put there is still there. */
  isInPlace(): boolean;
  /** Numbers of the queues that rules of ours name, from this process or an earlier one; null: no such rules. */
  installedQueues(): readonly number[] | null;
}

/** The firewall tool refused. The message names the tool and what it said. */
export class FirewallError extends Error {
  override name = 'FirewallError';
}

/** iptables comes in two kinds that do not see each other's rules; the plain name is whichever the host prefers. */
const IPTABLES_KINDS = ['iptables', 'iptables-nft', 'iptables-legacy'];

export interface FirewallChoice {
  /** Null: none of them can hand packets to a queue. */
  readonly firewall: Firewall | null;
  /** Why the others were not taken, one line each. */
  readonly remarks: readonly string[];
}

/** nftables where the kernel has its `queue`, else iptables. Changes nothing. */
export function chooseFirewall(run: RunCommand = runCommand): FirewallChoice {
  const remarks: string[] = [];
  const nft = run('nft', ['-c', '-f', '-'], NFT_PROBE_TEXT);
  if (nft.status === 0) return { firewall: new NftFirewall(run), remarks };
  remarks.push(isMissing(nft) ? 'nft is not installed' : `nftables cannot queue here: ${firstLine(nft.error)}`);

  for (const kind of IPTABLES_KINDS) {
    const probe = probeIptables(kind, run);
    if (probe !== null) {
      remarks.push(`${kind} cannot queue here: ${probe}`);
      continue;
    }
    const families: (4 | 6)[] = [4];
    const probe6 = probeIptables(kind.replace('ip', 'ip6'), run);
    if (probe6 === null) families.push(6);
    else remarks.push(`IPv6 is not inspected: ${kind.replace('ip', 'ip6')} cannot queue here: ${probe6}`);
    return { firewall: new IptablesFirewall(kind, families, run), remarks };
  }
  return { firewall: null, remarks };
}

/** Rules of a vpatch that is gone, or of one that runs, in every firewall there is. */
export function installedFirewalls(run: RunCommand = runCommand): Firewall[] {
  const found = new Map<string, Firewall>();
  for (const kind of IPTABLES_KINDS) {
    const firewall = new IptablesFirewall(kind, [4, 6], run);
    // To look into a legacy table creates it, and its hooks; a table of ours would exist.
    if (!firewall.name.includes('nf_tables') && !hasLegacyTable()) continue;
    if (firewall.installedQueues() !== null) found.set(firewall.name, firewall);
  }
  const nft = new NftFirewall(run);
  return nft.installedQueues() === null ? [...found.values()] : [nft, ...found.values()];
}

const hasLegacyTable = (): boolean =>
  ['ip_tables_names', 'ip6_tables_names'].some((list) => {
    try {
      return readFileSync(`/proc/thread-self/net/${list}`, 'utf8').split('\n').includes(IPTABLES_TABLE);
    } catch {
      return false;
    }
  });

/** Null when the tool works and the kernel has the target, else the reason. */
function probeIptables(tool: string, run: RunCommand): string | null {
  const result = run(`${tool}-restore`, ['-w', '5', '--noflush'], IPTABLES_PROBE_TEXT);
  if (result.status === 0) return null;
  return isMissing(result) ? 'not installed' : firstLine(result.error);
}

class NftFirewall implements Firewall {
  readonly name = 'nftables';
  readonly families = [4, 6] as const;
  readonly #run: RunCommand;
  #installed: string | null = null;

  constructor(run: RunCommand) {
    this.#run = run;
  }

  install(interception: Interception): void {
    checkInterception(interception);
    this.#apply(nftInstallText(interception, hooksListed(this.#list() ?? '')));
    this.#installed = this.#list();
  }

  remove(): void {
    this.#installed = null;
    if (this.#list() !== null) this.#apply(NFT_REMOVE_TEXT);
  }

  dispose(): void {
    if (this.#list() !== null) this.#apply(NFT_DISPOSE_TEXT);
  }

  isInPlace(): boolean {
    return this.#installed !== null && this.#list() === this.#installed;
  }

  installedQueues(): readonly number[] | null {
    const listed = this.#list();
    return listed === null ? null : queuesListed(listed);
  }

  /** Null: there is no such table. */
  #list(): string | null {
    const listed = this.#run('nft', ['list', 'table', 'inet', NFT_TABLE]);
    return listed.status === 0 ? listed.output : null;
  }

  #apply(text: string): void {
    const result = this.#run('nft', ['-f', '-'], text);
    if (result.status !== 0) throw new FirewallError(`nft refuses vpatch's rules: ${firstLine(result.error)}`);
  }
}

class IptablesFirewall implements Firewall {
  readonly name: string;
  readonly families: readonly (4 | 6)[];
  readonly #kind: string;
  readonly #run: RunCommand;
  #installed: string | null = null;

  constructor(kind: string, families: readonly (4 | 6)[], run: RunCommand) {
    this.#kind = kind;
    this.families = families;
    this.#run = run;
    const version = firstLine(run(kind, ['--version']).output);
    this.name = version === '' ? kind : version;
  }

  install(interception: Interception): void {
    checkInterception(interception);
    for (const family of this.families) {
      this.#restore(family, iptablesInstallText(family, interception, this.#save(family)));
    }
    this.#installed = this.#ownLines();
  }

  remove(): void {
    this.#installed = null;
    for (const family of this.families) {
      const text = iptablesRemoveText(this.#save(family));
      if (text !== null) this.#restore(family, text);
    }
  }

  /** Chains of our own are not base chains: `remove` could delete them. */
  dispose(): void {}

  isInPlace(): boolean {
    return this.#installed !== null && this.#ownLines() === this.#installed;
  }

  installedQueues(): readonly number[] | null {
    const hasOwn = this.families.some((family) => iptablesRemoveText(this.#save(family)) !== null);
    return hasOwn ? queuesNamedIn(this.#ownLines().split('\n')) : null;
  }

  #ownLines(): string {
    return this.families.flatMap((family) => ownLines(this.#save(family))).join('\n');
  }

  /** Empty where the tool is missing or the kernel has no such table: then nothing of ours is in it. */
  #save(family: 4 | 6): string {
    return this.#run(`${this.#tool(family)}-save`, ['-t', IPTABLES_TABLE]).output;
  }

  #restore(family: 4 | 6, text: string): void {
    const tool = this.#tool(family);
    const result = this.#run(`${tool}-restore`, ['-w', '5', '--noflush'], text);
    if (result.status !== 0) throw new FirewallError(`${tool} refuses vpatch's rules: ${firstLine(result.error)}`);
  }

  #tool(family: 4 | 6): string {
    return family === 4 ? this.#kind : this.#kind.replace('ip', 'ip6');
  }
}
