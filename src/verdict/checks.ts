import { APP_EVENTS } from '../app/all-events.ts';
import { type AddressRange, parseAddressRange } from '../base/address-range.ts';
import { AddressSet } from '../base/address-set.ts';
import { FLOW_EVENTS, REMARKABLE_FLOW_EVENTS } from '../flow/events.ts';
import { DROPPING_STREAM_EVENTS, ORDINARY_STREAM_EVENTS, STREAM_EVENTS } from '../stream/events.ts';
import { ORDINARY_WIRE_EVENTS, REMARKABLE_WIRE_EVENTS, WIRE_EVENTS } from '../wire/events.ts';
import type { Packet } from '../wire/packet.ts';
import { reasonFor } from './reasons.ts';

/** What an always-on check does with a packet: refuse it, tell of it, nothing. */
export type CheckAction = 'drop' | 'report' | 'ignore';

/** Which kind of stage looks: at single packets, at connections, or at what applications say. */
export type CheckType = 'decode' | 'stream' | 'applayer';

/** One thing that can be wrong or remarkable in traffic, whatever the rules say. Applies in both modes. */
export interface Check {
  /** As events, rules and the configuration name it. */
  readonly name: string;
  readonly type: CheckType;
  readonly summary: string;
  readonly byDefault: CheckAction;
  /** Why that is the default. */
  readonly why: string;
}

/** Every check, in the order of the stages. */
export const CHECKS: readonly Check[] = [
  ...checksOf(WIRE_EVENTS, 'decode', wireDefault),
  ...checksOf(FLOW_EVENTS, 'stream', (name) => (REMARKABLE_FLOW_EVENTS.has(name) ? 'report' : 'drop')),
  ...checksOf(STREAM_EVENTS, 'stream', streamDefault),
  ...[...APP_EVENTS].map(([name, { summary, drops }]) => check(name, 'applayer', summary, drops ? 'drop' : 'report')),
];

export interface CheckSettings {
  /** `drop`: each as it is set; `report`: none drops; `off`: none is even reported. */
  readonly policy: 'drop' | 'report' | 'off';
  readonly actions: Readonly<Record<string, CheckAction>>;
  /** Packets from or to these networks are not subject to these checks. */
  readonly exceptions: readonly { readonly networks: readonly string[]; readonly checks: readonly string[] | 'all' }[];
}

/** What each check does, as one configuration sets it. */
export class CheckActions {
  readonly #actions = new Map<string, CheckAction>();
  readonly #exceptions: readonly { readonly networks: AddressSet; readonly checks: ReadonlySet<string> | null }[];

  constructor({ policy, actions, exceptions }: CheckSettings) {
    for (const { name, byDefault } of CHECKS) {
      const action = actions[name] ?? byDefault;
      this.#actions.set(
        name,
        policy === 'off' ? 'ignore' : policy === 'report' && action === 'drop' ? 'report' : action,
      );
    }
    this.#exceptions = exceptions.map(({ networks, checks }) => ({
      networks: AddressSet.of(networks.map(rangeOf)),
      checks: checks === 'all' ? null : new Set(checks),
    }));
  }

  /** What becomes of a packet with this event. */
  action(name: string, packet: Packet): CheckAction {
    const action = this.#actions.get(name) ?? 'ignore';
    if (action === 'ignore' || this.#exceptions.length === 0 || packet.ipVersion === 0) return action;
    for (const { networks, checks } of this.#exceptions) {
      if (checks !== null && !checks.has(name)) continue;
      if (networks.contains(packet.ipVersion, packet.source)) return 'ignore';
      if (networks.contains(packet.ipVersion, packet.destination)) return 'ignore';
    }
    return action;
  }
}

/** The check of this name, null where there is none. */
export const checkNamed = (name: string): Check | null => CHECKS_BY_NAME.get(name) ?? null;

const CHECKS_BY_NAME: ReadonlyMap<string, Check> = indexChecks();

function rangeOf(network: string): AddressRange {
  const range = parseAddressRange(network);
  if (range === null) throw new RangeError(`"${network}" is not a network`);
  return range;
}

function indexChecks(): Map<string, Check> {
  const byName = new Map<string, Check>();
  for (const check of CHECKS) {
    if (byName.has(check.name)) throw new Error(`check "${check.name}" is defined twice`);
    byName.set(check.name, check);
  }
  return byName;
}

function checksOf(
  summaries: Readonly<Record<string, string>>,
  type: CheckType,
  byDefault: (name: string) => CheckAction,
): Check[] {
  return Object.entries(summaries).map(([name, summary]) => check(name, type, summary, byDefault(name)));
}

function check(name: string, type: CheckType, summary: string, byDefault: CheckAction): Check {
  return { name, type, summary, byDefault, why: reasonFor(name, type, byDefault) };
}

function wireDefault(name: string): CheckAction {
  if (REMARKABLE_WIRE_EVENTS.has(name)) return 'report';
  return ORDINARY_WIRE_EVENTS.has(name) ? 'ignore' : 'drop';
}

function streamDefault(name: string): CheckAction {
  if (DROPPING_STREAM_EVENTS.has(name)) return 'drop';
  return ORDINARY_STREAM_EVENTS.has(name) ? 'ignore' : 'report';
}
