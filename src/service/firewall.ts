import { procText } from '../base/proc.ts';
import { firstLine, isMissing, type RunCommand, runCommand } from './command.ts';
import { checkInterception, type Interception } from './interception.ts';
import {
  IPTABLES_BYPASS_PROBE_TEXT,
  IPTABLES_PORTS_PROBE_TEXT,
  IPTABLES_PROBE_TEXT,
  IPTABLES_REJECT_PROBE_TEXT,
  iptablesInstallText,
  iptablesMarkText,
  iptablesRemoveText,
  MARK_TABLES,
  ownLines,
  QUEUE_TABLE,
  queuesNamedIn,
} from './iptables.ts';
import {
  chainsListed,
  NFT_BYPASS_PROBE_TEXT,
  NFT_DISPOSE_TEXT,
  NFT_PORTS_PROBE_TEXT,
  NFT_PROBE_TEXT,
  NFT_REJECT_PROBE_TEXT,
  NFT_TABLE,
  nftInstallText,
  nftRemoveText,
  queuesListed,
} from './nftables.ts';

/** What a firewall can do beside handing packets to a queue, in all its families. */
export interface Abilities {
  /** Reject packets that come back from a queue with a mark. */
  readonly canReject: boolean;
  /** Keep packets of connections from a queue that come back from it with a mark. */
  readonly canBypass: boolean;
  /** Choose one of several queues by ports, of IPv4 at least. */
  readonly canSeePorts: boolean;
}

/** The firewall of this network namespace, of which only our own rules are ever touched. Every call waits. */
export interface Firewall extends Abilities {
  /** For people: `nftables`, `iptables v1.8.9 (nf_tables)`. */
  readonly name: string;
  /** IP versions that it can intercept. */
  readonly families: readonly (4 | 6)[];
  /**
   * Puts the rules in place, those that reject first, whatever is left of earlier ones. Throws FirewallError,
   * RangeError for a bad argument.
   */
  install(interception: Interception): void;
  /** Afterwards nothing is handed to a queue any more; what waits in one can still be answered, or rejected. */
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
  if (nft.status === 0) {
    const reject = run('nft', ['-c', '-f', '-'], NFT_REJECT_PROBE_TEXT);
    if (reject.status !== 0) remarks.push(cannotReject('nftables', firstLine(reject.error)));
    const bypass = run('nft', ['-c', '-f', '-'], NFT_BYPASS_PROBE_TEXT);
    if (bypass.status !== 0) remarks.push(cannotBypass('nftables', firstLine(bypass.error)));
    const abilities = {
      canReject: reject.status === 0,
      canBypass: bypass.status === 0,
      canSeePorts: run('nft', ['-c', '-f', '-'], NFT_PORTS_PROBE_TEXT).status === 0,
    };
    return { firewall: new NftFirewall(run, abilities), remarks };
  }
  remarks.push(isMissing(nft) ? 'nft is not installed' : `nftables cannot queue here: ${firstLine(nft.error)}`);

  for (const kind of IPTABLES_KINDS) {
    const probe = probeIptables(kind, run);
    if (probe !== null) {
      remarks.push(`${kind} cannot queue here: ${probe}`);
      continue;
    }
    const families: (4 | 6)[] = [4];
    const probe6 = probeIptables(toolOf(kind, 6), run);
    if (probe6 === null) families.push(6);
    else remarks.push(`IPv6 is not inspected: ${toolOf(kind, 6)} cannot queue here: ${probe6}`);
    const obstacles = (probe: string, tell: (tool: string, obstacle: string) => string): string[] =>
      families.flatMap((family) => {
        const tool = toolOf(kind, family);
        const obstacle = probeIptables(tool, run, probe);
        return obstacle === null ? [] : [tell(tool, obstacle)];
      });
    const toReject = obstacles(IPTABLES_REJECT_PROBE_TEXT, cannotReject);
    const toBypass = obstacles(IPTABLES_BYPASS_PROBE_TEXT, cannotBypass);
    remarks.push(...toReject, ...toBypass);
    const abilities = {
      canReject: toReject.length === 0,
      canBypass: toBypass.length === 0,
      canSeePorts: probeIptables(kind, run, IPTABLES_PORTS_PROBE_TEXT) === null,
    };
    return { firewall: new IptablesFirewall(kind, families, run, abilities), remarks };
  }
  return { firewall: null, remarks };
}

const NO_ABILITIES: Abilities = { canReject: false, canBypass: false, canSeePorts: false };

const cannotReject = (tool: string, obstacle: string): string =>
  `rules that reject only drop: ${tool} cannot reject here: ${obstacle}`;

const cannotBypass = (tool: string, obstacle: string): string =>
  `no connection is bypassed: ${tool} cannot mark connections here: ${obstacle}`;

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

const hasLegacyTable = (table = QUEUE_TABLE): boolean =>
  ['ip_tables_names', 'ip6_tables_names'].some((list) =>
    procText(`/proc/thread-self/net/${list}`).split('\n').includes(table),
  );

/** Null when the tool works and the kernel has the target, else the reason. */
function probeIptables(tool: string, run: RunCommand, probe = IPTABLES_PROBE_TEXT): string | null {
  const result = run(`${tool}-restore`, ['-w', '5', '--noflush'], probe);
  if (result.status === 0) return null;
  return isMissing(result) ? 'not installed' : firstLine(result.error);
}

class NftFirewall implements Firewall {
  readonly name = 'nftables';
  readonly families = [4, 6] as const;
  readonly canReject: boolean;
  readonly canBypass: boolean;
  readonly canSeePorts: boolean;
  readonly #run: RunCommand;
  #installed: string | null = null;

  constructor(run: RunCommand, { canReject, canBypass, canSeePorts } = NO_ABILITIES) {
    this.#run = run;
    this.canReject = canReject;
    this.canBypass = canBypass;
    this.canSeePorts = canSeePorts;
  }

  install(interception: Interception): void {
    const wanted = withinMeans(interception, this);
    checkInterception(wanted);
    this.#apply(nftInstallText(wanted, chainsListed(this.#list() ?? '')));
    this.#installed = this.#list();
  }

  remove(): void {
    this.#installed = null;
    const listed = this.#list();
    if (listed !== null) this.#apply(nftRemoveText(chainsListed(listed)));
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
  readonly canReject: boolean;
  readonly canBypass: boolean;
  readonly canSeePorts: boolean;
  readonly #kind: string;
  readonly #run: RunCommand;
  #installed: string | null = null;

  constructor(kind: string, families: readonly (4 | 6)[], run: RunCommand, abilities = NO_ABILITIES) {
    this.#kind = kind;
    this.canReject = abilities.canReject;
    this.canBypass = abilities.canBypass;
    this.canSeePorts = abilities.canSeePorts;
    this.families = families;
    this.#run = run;
    const version = firstLine(run(kind, ['--version']).output);
    this.name = version === '' ? kind : version;
  }

  install(interception: Interception): void {
    const wanted = withinMeans(interception, this);
    checkInterception(wanted);
    for (const family of this.families) {
      for (const table of MARK_TABLES) {
        this.#restore(family, iptablesMarkText(table, wanted, this.#save(family, table)));
      }
      this.#restore(family, iptablesInstallText(family, wanted, this.#save(family, QUEUE_TABLE)));
    }
    this.#installed = this.#ownLines();
  }

  remove(): void {
    this.#installed = null;
    for (const family of this.families) this.#empty(family, QUEUE_TABLE);
  }

  dispose(): void {
    for (const family of this.families) for (const table of MARK_TABLES) this.#empty(family, table);
  }

  isInPlace(): boolean {
    return this.#installed !== null && this.#ownLines() === this.#installed;
  }

  installedQueues(): readonly number[] | null {
    const hasOwn = this.families.some((family) =>
      TABLES.some((table) => iptablesRemoveText(table, this.#save(family, table)) !== null),
    );
    return hasOwn ? queuesNamedIn(this.#ownLines().split('\n')) : null;
  }

  #ownLines(): string {
    return this.families.flatMap((family) => TABLES.flatMap((table) => ownLines(this.#save(family, table)))).join('\n');
  }

  /** Empty where the tool is missing or the kernel has no such table: then nothing of ours is in it. */
  #save(family: 4 | 6, table: string): string {
    // To look into a legacy table would create it.
    if (this.name.includes('(legacy)') && table !== QUEUE_TABLE && !hasLegacyTable(table)) return '';
    return this.#run(`${toolOf(this.#kind, family)}-save`, ['-t', table]).output;
  }

  #empty(family: 4 | 6, table: string): void {
    this.#restore(family, iptablesRemoveText(table, this.#save(family, table)));
  }

  #restore(family: 4 | 6, text: string | null): void {
    if (text === null) return;
    const tool = toolOf(this.#kind, family);
    const result = this.#run(`${tool}-restore`, ['-w', '5', '--noflush'], text);
    if (result.status !== 0) throw new FirewallError(`${tool} refuses vpatch's rules: ${firstLine(result.error)}`);
  }
}

const TABLES = [QUEUE_TABLE, ...MARK_TABLES];

const toolOf = (kind: string, family: 4 | 6): string => (family === 4 ? kind : kind.replace('ip', 'ip6'));

/** What a firewall cannot do it gets no rules for. */
export function withinMeans(
  interception: Interception,
  { canReject, canBypass, canSeePorts }: Abilities,
): Interception {
  const bypassMark = canBypass ? interception.bypassMark : 0;
  return {
    ...interception,
    rejectMark: canReject ? interception.rejectMark : 0,
    bypassMark,
    balance: canSeePorts && bypassMark !== 0 ? interception.balance : 'addresses',
  };
}
