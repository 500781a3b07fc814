import { networkInterfaces } from 'node:os';
import type { Overrides } from '../config/config.ts';

/**
 * The rule variables of a host that protects itself: what is at home is the host, and everybody else may attack it,
 * its neighbours on a private network too. Suricata's defaults are made for a sensor that watches a private network;
 * with them no rule would protect a host with a public address.
 */
export function hostVariables(): Overrides {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const own = new Set(addresses.map(({ address }) => address.split('%', 1)[0]!));
  // A namespace whose interfaces are all down has none.
  if (own.size === 0) return {};
  return { variables: { addresses: { HOME_NET: `[${[...own].sort().join(',')}]`, EXTERNAL_NET: 'any' } } };
}
