import { createHash } from 'node:crypto';
import type { Direction } from '../base/direction.ts';

/** Whose bit it is: the host that sent the packet, the one that it is for, or the pair of them in either order. */
export type HostTrack = 'source' | 'destination' | 'pair';

/** Whose variable it is that `pcre` keeps text in: of the flow, or of the packet in hand. */
export type TextScope = 'flow' | 'pkt';

/**
 * What rules remember beyond a packet, and what is known of its flow, seen from the packet in hand. Detection has it;
 * names are the numbers that `variableId` gives, those of hosts' bits `hostBitId`. Without a flow, what belongs to
 * flows is neither set nor read.
 */
export interface RuleState {
  readonly hasFlow: boolean;
  flowBit(id: number): boolean;
  setFlowBit(id: number, isSet: boolean): void;
  /** Null: never set. */
  flowInt(id: number): number | null;
  setFlowInt(id: number, value: number): void;
  /** Null: never set. Belongs to whoever set it. */
  text(scope: TextScope, id: number): Uint8Array | null;
  setText(scope: TextScope, id: number, text: Uint8Array): void;
  hostBit(id: number, track: HostTrack): boolean;
  /** From the packet's time on. */
  setHostBit(id: number, track: HostTrack, lifetimeMs: number): void;
  unsetHostBit(id: number, track: HostTrack): void;
  /** Of the packet's flow: packets and bytes on the wire so far, this packet included. */
  flowPackets(direction: Direction): number;
  flowBytes(direction: Direction): number;
  flowAgeMs(): number;
  /** Bytes of a TCP stream that its receiver has acknowledged. */
  streamBytes(direction: Direction): number;
}

/** Judged when everything else of the rule fits, in the order of rules: an earlier rule may just have set something. */
export type StateCondition = (state: RuleState) => boolean;

/** What a rule that matches leaves behind. */
export type StateEffect = (state: RuleState) => void;

/** Kinds of state in the order in which they sort rules: those that set come before those that ask. */
export const STATE_KINDS = ['flowbits', 'flowint', 'flowvar', 'pktvar', 'hostbits', 'pairbits'] as const;
export type StateKind = (typeof STATE_KINDS)[number];

/** What a rule does with each kind: nothing 0, asks 1, asks and sets 2, sets 3. */
export type StateUse = readonly number[];

const ids = new Map<string, number>();

/** The number of a bit of hosts, of 48 bits: the same in all threads, which share what they remember of hosts. */
export function hostBitId(kind: StateKind, name: string): number {
  return createHash('sha256').update(`${kind} ${name}`).digest().readUIntBE(0, HOST_BIT_BYTES);
}

const HOST_BIT_BYTES = 6;

/**
 * The number of a name. The same for as long as the thread lives, so that what flows remember outlives the rules
 * that set it; there are as many as rules have named.
 */
export function variableId(kind: StateKind, name: string): number {
  const key = `${kind} ${name}`;
  const id = ids.get(key) ?? ids.size;
  ids.set(key, id);
  return id;
}
