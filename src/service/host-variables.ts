import { networkInterfaces } from 'node:os';
import type { Overrides } from '../config/overrides.ts';
import { type RunCommand, runCommand } from './command.ts';

/** A host has them whatever else is configured, so that the list is never empty. */
const LOOPBACK = ['127.0.0.1', '::1'];
/** Temporary IPv6 addresses come and go. Beyond so many, those that are gone are forgotten. Our choice. */
const MAX_GONE_ADDRESSES = 1_024;

/**
 * The rule variables of a host that protects itself: what is at home is the host, and everybody else may attack it,
 * its neighbours on a private network too. Suricata's defaults are made for a sensor that watches a private network;
 * with them no rule would protect a host with a public address.
 */
export class HostAddresses {
  readonly #run: RunCommand;
  #known: ReadonlySet<string>;

  constructor(run: RunCommand = runCommand) {
    this.#run = run;
    this.#known = new Set([...LOOPBACK, ...addressesOf(run)]);
  }

  /** In the notation of rules. */
  get homeNet(): string {
    return `[${[...this.#known].sort().join(',')}]`;
  }

  get variables(): Overrides {
    return { variables: { addresses: { HOME_NET: this.homeNet, EXTERNAL_NET: 'any' } } };
  }

  /**
   * Asks the system again, and returns what is new. An address that is gone stays: it may come back, and nobody else
   * gets traffic for it here. Waits for a program.
   */
  refresh(): readonly string[] {
    const current = addressesOf(this.#run);
    const added = current.filter((address) => !this.#known.has(address));
    if (added.length === 0) return added;
    const all = new Set([...this.#known, ...current]);
    const gone = all.size - current.length;
    this.#known = gone > MAX_GONE_ADDRESSES ? new Set([...LOOPBACK, ...current]) : all;
    return added;
  }
}

/** Of every interface in whatever state, each once. Without iproute2, only of those that are running. */
function addressesOf(run: RunCommand): string[] {
  const { status, output } = run('ip', ['-j', 'address']);
  const listed = status === 0 ? parseAddresses(output) : null;
  const addresses =
    listed ??
    Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .map(({ address }) => address);
  return [...new Set(addresses.map((address) => address.split('%', 1)[0]!))];
}

/** `ip -j address`: a list of interfaces, each with its `addr_info`. Null for anything else. */
function parseAddresses(text: string): string[] | null {
  try {
    const interfaces = JSON.parse(text) as readonly { readonly addr_info?: readonly { readonly local?: unknown }[] }[];
    return interfaces
      .flatMap(({ addr_info: addresses = [] }) => addresses.map(({ local }) => local))
      .filter((local) => typeof local === 'string');
  } catch {
    return null;
  }
}
