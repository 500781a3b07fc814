import { procText } from '../base/proc.ts';
import { type CommandResult, firstLine, isMissing, type RunCommand, runCommand } from './command.ts';
import { checkInterception, type Interception } from './interception.ts';
import {
  type IptablesNeed,
  iptablesInstallText,
  iptablesMarkText,
  iptablesProbeText,
  iptablesRemoveText,
  MARK_TABLES,
  ownLines,
  QUEUE_TABLE,
  queuesNamedIn,
  tableIn,
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
  const nft = probeNft(run);
  if (typeof nft !== 'string') {
    remarks.push(...nft.remarks);
    return { firewall: new NftFirewall(run, nft), remarks };
  }
  remarks.push(nft);

  for (const kind of IPTABLES_KINDS) {
    const version4 = probeIptables(kind, 4, run);
    if (typeof version4 === 'string') {
      remarks.push(`${kind} cannot queue here: ${version4}`);
      continue;
    }
    const version6 = probeIptables(kind, 6, run);
    const hasBoth = typeof version6 !== 'string';
    if (!hasBoth) remarks.push(`IPv6 is not inspected: ${toolOf(kind, 6)} cannot queue here: ${version6}`);
    const found = hasBoth ? [version4, version6] : [version4];
    remarks.push(...found.flatMap(({ remarks }) => remarks));
    const abilities = {
      canReject: found.every(({ canReject }) => canReject),
      canBypass: found.every(({ canBypass }) => canBypass),
      canSeePorts: version4.canSeePorts,
    };
    return { firewall: new IptablesFirewall(kind, hasBoth ? [4, 6] : [4], run, abilities), remarks };
  }
  return { firewall: null, remarks };
}

/** What a tool can do, with what it cannot for people. */
type Probed = Abilities & { readonly remarks: readonly string[] };

const NO_ABILITIES: Abilities = { canReject: false, canBypass: false, canSeePorts: false };
/** A transaction takes the kernel 10 to 20 ms: all is tried at once, and one by one only where that fails. */
const ALL_ABILITIES: Probed = { canReject: true, canBypass: true, canSeePorts: true, remarks: [] };

const cannotReject = (tool: string, obstacle: string): string =>
  `rules that reject only drop: ${tool} cannot reject here: ${obstacle}`;

const cannotBypass = (tool: string, obstacle: string): string =>
  `no connection is bypassed: ${tool} cannot mark connections here: ${obstacle}`;

/** Rules of a vpatch that is gone, or of one that runs, in every firewall there is. */
export function installedFirewalls(run: RunCommand = runCommand): Firewall[] {
  const seen = new Set<string>();
  const found: Firewall[] = [];
  for (const kind of IPTABLES_KINDS) {
    const firewall = new IptablesFirewall(kind, [4, 6], run);
    // The plain name is one of the two others.
    if (seen.has(firewall.name)) continue;
    seen.add(firewall.name);
    // A legacy table of ours would exist.
    if (!firewall.name.includes('nf_tables') && !hasLegacyTable()) continue;
    if (firewall.installedQueues() !== null) found.push(firewall);
  }
  const nft = new NftFirewall(run);
  return nft.installedQueues() === null ? found : [nft, ...found];
}

const hasLegacyTable = (): boolean =>
  ['ip_tables_names', 'ip6_tables_names'].some((list) =>
    procText(`/proc/thread-self/net/${list}`).split('\n').includes(QUEUE_TABLE),
  );

/** Text: why nftables cannot queue. */
function probeNft(run: RunCommand): Probed | string {
  const probe = (...texts: string[]): CommandResult => run('nft', ['-c', '-f', '-'], texts.join(''));
  const all = probe(NFT_PROBE_TEXT, NFT_REJECT_PROBE_TEXT, NFT_BYPASS_PROBE_TEXT, NFT_PORTS_PROBE_TEXT);
  if (all.status === 0) return ALL_ABILITIES;
  const queue = isMissing(all) ? all : probe(NFT_PROBE_TEXT);
  if (isMissing(queue)) return 'nft is not installed';
  if (queue.status !== 0) return `nftables cannot queue here: ${firstLine(queue.error)}`;
  const reject = probe(NFT_REJECT_PROBE_TEXT);
  const bypass = probe(NFT_BYPASS_PROBE_TEXT);
  return {
    canReject: reject.status === 0,
    canBypass: bypass.status === 0,
    canSeePorts: probe(NFT_PORTS_PROBE_TEXT).status === 0,
    remarks: [
      ...(reject.status === 0 ? [] : [cannotReject('nftables', firstLine(reject.error))]),
      ...(bypass.status === 0 ? [] : [cannotBypass('nftables', firstLine(bypass.error))]),
    ],
  };
}

/** Text: why this tool cannot queue. */
function probeIptables(kind: string, family: 4 | 6, run: RunCommand): Probed | string {
  const tool = toolOf(kind, family);
  /** Null when the tool works and the kernel has all that these need, else the reason. */
  const obstacleTo = (...needs: IptablesNeed[]): string | null => {
    const result = run(`${tool}-restore`, ['-w', '5', '--noflush'], iptablesProbeText(needs));
    if (result.status === 0) return null;
    return isMissing(result) ? 'not installed' : firstLine(result.error);
  };
  // Rules that look at ports are for IPv4 alone.
  const all = obstacleTo('queue', 'reject', 'bypass', ...(family === 4 ? (['ports'] as const) : []));
  if (all === null) return ALL_ABILITIES;
  const queue = all === 'not installed' ? all : obstacleTo('queue');
  if (queue !== null) return queue;
  const reject = obstacleTo('reject');
  const bypass = obstacleTo('bypass');
  return {
    canReject: reject === null,
    canBypass: bypass === null,
    canSeePorts: family === 4 && obstacleTo('ports') === null,
    remarks: [
      ...(reject === null ? [] : [cannotReject(tool, reject)]),
      ...(bypass === null ? [] : [cannotBypass(tool, bypass)]),
    ],
  };
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
      const saved = this.#save(family);
      const texts = MARK_TABLES.map((table) => iptablesMarkText(table, wanted, tableIn(saved, table)));
      this.#restore(family, [...texts, iptablesInstallText(family, wanted, tableIn(saved, QUEUE_TABLE))]);
    }
    this.#installed = this.#ownLines();
  }

  remove(): void {
    this.#installed = null;
    this.#empty([QUEUE_TABLE]);
  }

  dispose(): void {
    this.#empty(MARK_TABLES);
  }

  isInPlace(): boolean {
    return this.#installed !== null && this.#ownLines() === this.#installed;
  }

  installedQueues(): readonly number[] | null {
    const saved = this.families.map((family) => this.#save(family));
    const hasOwn = saved.some((text) =>
      TABLES.some((table) => iptablesRemoveText(table, tableIn(text, table)) !== null),
    );
    return hasOwn ? queuesNamedIn(saved.flatMap((text) => ownLines(text))) : null;
  }

  #ownLines(): string {
    return this.families
      .flatMap((family) => {
        const saved = this.#save(family);
        return TABLES.flatMap((table) => ownLines(tableIn(saved, table)));
      })
      .join('\n');
  }

  /** Of every table that exists: to name a legacy one would create it. Empty where the tool is missing. */
  #save(family: 4 | 6): string {
    return this.#run(`${toolOf(this.#kind, family)}-save`, []).output;
  }

  #empty(tables: readonly string[]): void {
    for (const family of this.families) {
      const saved = this.#save(family);
      this.#restore(
        family,
        tables.map((table) => iptablesRemoveText(table, tableIn(saved, table))),
      );
    }
  }

  /** In this order, each text a transaction; null: nothing to do. */
  #restore(family: 4 | 6, texts: readonly (string | null)[]): void {
    const text = texts.join('');
    if (text === '') return;
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
