import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

/** Of rule files, absolute, patterns allowed. */
export interface RuleSet {
  readonly name: string;
  readonly files: readonly string[];
}

/** How traffic is inspected: not at all, taken from the queue and accepted unseen, by `vpatch run`, or by Suricata. */
export type Inspection =
  | { readonly by: 'nobody' }
  | { readonly by: 'accept-all' }
  | { readonly by: 'vpatch'; readonly rules: RuleSet; readonly settings: string; readonly args: readonly string[] }
  | { readonly by: 'suricata'; readonly rules: RuleSet };

export interface Engine {
  readonly name: string;
  readonly inspection: Inspection;
}

export const BASELINE = 'no IPS';

export interface EngineChoice {
  readonly ruleSets: readonly RuleSet[];
  /** Beside vpatch as it is where the host tracks no connections: with what bypass it can have. */
  readonly withBypass: boolean;
  /** Beside it with one: as many, each with a worker, shared by connections. 1: none. */
  readonly queues: number;
  /** Beside it as it is configured: with workers of these nice values. */
  readonly priorities: readonly number[];
  readonly withSuricata: boolean;
}

export function enginesFor(choice: EngineChoice): Engine[] {
  const { ruleSets, withBypass, queues, priorities, withSuricata } = choice;
  const vpatch = (rules: RuleSet, about: string, settings: string, args: readonly string[] = []): Engine => ({
    name: `vpatch, ${rules.name}${about}`,
    inspection: { by: 'vpatch', rules, settings, args: ['--mode', 'prevent', ...args] },
  });
  const bypass = 'bypass: { enabled: true }\n';
  const noBypass = 'bypass: { enabled: false }\n';
  const most = ruleSets.at(-1);
  return [
    { name: BASELINE, inspection: { by: 'nobody' } },
    { name: 'accept all', inspection: { by: 'accept-all' } },
    ...ruleSets.map((rules) => vpatch(rules, '', noBypass)),
    ...(most === undefined
      ? []
      : priorities.map((value) => vpatch(most, `, nice ${value}`, `${noBypass}queue: { priority: ${value} }\n`))),
    ...(withBypass && most !== undefined ? [vpatch(most, ', bypass', bypass)] : []),
    // What shares by connections needs the kernel to track them, and that is the price of bypass too.
    ...(queues > 1 && most !== undefined
      ? [
          vpatch(most, `, bypass, ${queues} queues`, `${bypass}queue: { balance: ports }\n`, [
            '--queues',
            String(queues),
          ]),
        ]
      : []),
    ...(withSuricata
      ? ruleSets.map((rules): Engine => ({ name: `Suricata, ${rules.name}`, inspection: { by: 'suricata', rules } }))
      : []),
  ];
}

export const NO_RULES: RuleSet = { name: 'no rules', files: [] };
export const SHIPPED_RULES: RuleSet = { name: 'shipped', files: [resolve('signatures/*/*.rules')] };

/** A file, a folder of them, or a pattern. Throws where nothing is there. */
export function ownRules(place: string): RuleSet {
  if (place.includes('*')) return { name: basename(place), files: [resolve(place)] };
  const isFolder = statSync(place).isDirectory();
  return { name: 'own rules', files: [isFolder ? join(resolve(place), '*.rules') : resolve(place)] };
}
