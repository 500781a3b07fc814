import type { BufferDefinition } from '../app/protocol.ts';
import type { AddressSet } from '../base/address-set.ts';
import type { PortSet } from '../base/port-set.ts';
import type { Packet } from '../wire/packet.ts';
import type { Dataset } from './dataset.ts';
import type { Hold } from './hold.ts';
import type { StateCondition, StateEffect, StateUse } from './rule-state.ts';
import type { Suppression, Threshold } from './threshold.ts';
import type { UintRange } from './values.ts';

export const RULE_ACTIONS = ['pass', 'drop', 'reject', 'rejectsrc', 'rejectdst', 'rejectboth', 'alert'] as const;
export type RuleAction = (typeof RULE_ACTIONS)[number];

/** What a step looks into. Reused: valid during one evaluation. */
export interface Inspected {
  bytes: Uint8Array;
  start: number;
  end: number;
  /** Bytes of the same buffer that came before `start` and are gone: a stream window slides. Else 0. */
  skippedBytes: number;
  /** What the buffer's own message says of its numbers; for those that rules read as `dce`. */
  isLittleEndian?: boolean;
}

/**
 * One condition on a buffer. Steps of a rule are evaluated in order; each hands the cursor (the end of the last
 * match, an offset into `bytes`) to the next. A step that can match in several places is asked again, so that a
 * relative step behind it gets every chance (backtracking). Only `evaluateSteps` asks: steps keep what they learn of
 * the bytes during one evaluation.
 */
export interface Step {
  /**
   * The end of the first match that starts at `from` or later, or -1. The first call has `from` = `input.start`;
   * a repeated call `from` = `matchStart` + 1. Steps that only test a condition return the cursor unchanged,
   * and -1 on a repeated call.
   */
  find(input: Inspected, cursor: number, from: number): number;
  /** Where the match of the last successful `find` starts; for steps that only test, -1. */
  matchStart: number;
  /** Its place depends on the cursor. */
  readonly isRelative: boolean;
  /** Right only when the buffer is complete: negation, endswith, bsize. */
  readonly needsEnd: boolean;
  /** Where the end is not needed any more once so many bytes of the buffer are there. */
  readonly settledBytes?: number;
  /**
   * Where it does not match from one cursor, it does not from any later one, and no step before it can move the
   * cursor back: when it fails, the evaluation is over. This keeps chains of `distance` linear.
   */
  readonly endsSearch?: boolean;
}

/** All steps of a rule on one buffer. */
export interface BufferInspection {
  /** Null: the payload of the packet or the reassembled stream. */
  readonly buffer: BufferDefinition | null;
  readonly steps: readonly Step[];
  /** A content has `depth` or `offset`: it means a place in the packet as much as in the stream. */
  readonly hasFixedPlace: boolean;
}

/** The literal by which the multi-pattern search finds the rule's candidates. Never negated. */
export interface FastPattern {
  readonly buffer: BufferDefinition | null;
  readonly bytes: Uint8Array;
  readonly isCaseless: boolean;
}

export interface FlowRequirement {
  readonly direction: 'toserver' | 'toclient' | null;
  readonly state: 'established' | 'not_established' | 'stateless' | null;
  readonly stream: 'only_stream' | 'no_stream' | null;
}

/** Which packets a rule header names. */
export interface RuleProtocol {
  /** IP protocol numbers; null is any. */
  readonly ipProtocols: readonly number[] | null;
  /** The application protocols that it is about: `alert http` is for HTTP/2 too. Null for tcp, udp, ip, icmp. */
  readonly apps: readonly string[] | null;
  /** tcp-pkt looks at packets only, tcp-stream at the stream only. */
  readonly scope: 'any' | 'packet' | 'stream';
  /** As written. */
  readonly name: string;
}

/** A condition on the addresses of a packet, or of bytes that travel the other way; words as in `Packet.source`. */
export type AddressTest = (version: 4 | 6, source: Uint32Array, destination: Uint32Array) => boolean;

/** `tag`: packets that follow an alert are recorded. */
export interface Tag {
  /** Those of the alert's flow (null), or from and to its source or destination. */
  readonly host: 'src' | 'dst' | null;
  readonly amount: number;
  readonly metric: 'packets' | 'seconds' | 'bytes';
}

/** A rule as written, and where. */
export interface RulePlace {
  readonly file: string;
  readonly line: number;
  /** On one line. */
  readonly text: string;
}

/** One compiled rule. Nobody changes it; all workers' rule sets are built from the same text. */
export interface Rule extends RulePlace {
  readonly action: RuleAction;
  readonly gid: number;
  readonly sid: number;
  readonly rev: number;
  readonly message: string;
  readonly classtype: string | null;
  /** The classtype's description; empty without one. */
  readonly category: string;
  /** 1 is the most severe. From `priority`, else the classtype, else 3. */
  readonly priority: number;
  readonly references: readonly { readonly type: string; readonly id: string }[];
  /** In EVE's form: every key with the list of its values. */
  readonly metadata: Readonly<Record<string, readonly string[]>>;
  /** Why it never blocks, whatever its action. Null: it is not held. */
  readonly hold: Hold | null;
  /** Matches without an alert. So does a `pass`, unless it says `alert`. */
  readonly isSilent: boolean;
  /** Behind a match, no rule looks at the rest of the flow. */
  readonly bypassesFlow: boolean;
  /** Which end of the packet is the target of the attack; absent where the rule does not say. */
  readonly target?: 'src_ip' | 'dest_ip';
  readonly protocol: RuleProtocol;
  readonly source: AddressSet;
  readonly destination: AddressSet;
  readonly sourcePorts: PortSet;
  readonly destinationPorts: PortSet;
  readonly isBidirectional: boolean;
  /** What the addresses must be beside being in these sets. */
  readonly addressTests: readonly AddressTest[];
  /**
   * Even if it asks for nothing but addresses and ports, it meets each packet: it negates an address, or what it leaves
   * behind is another thing with each match.
   */
  readonly isForEachPacket: boolean;
  readonly flow: FlowRequirement;
  /** `app-layer-protocol`: what the direction's own bytes must show, or (negated) must not. */
  readonly shownProtocols: readonly { readonly names: readonly string[]; readonly isNegated: boolean }[];
  /** Conditions on the packet's headers and sizes, cheapest first. */
  readonly packetTests: readonly ((packet: Packet) => boolean)[];
  /** `ip_proto`: the number of the IP protocol must be in all of them. `packetTests` ask for it too. */
  readonly ipProtocolRanges: readonly UintRange[];
  /** What it asks of TCP flags may hold in the middle of a connection: with ACK, no SYN, FIN or RST. */
  readonly fitsTcpMiddle: boolean;
  /** What decoding and TCP tracking must have found in the packet; `packetTests` ask for it too. */
  readonly packetEvents: readonly string[];
  /** What must have been reported of the transaction, or of the flow where it concerns no transaction. */
  readonly appEvents: readonly string[];
  /** What earlier packets and rules must have left behind, judged last; and what this rule leaves. */
  readonly conditions: readonly StateCondition[];
  readonly effects: readonly StateEffect[];
  readonly stateUse: StateUse;
  readonly thresholds: readonly Threshold[];
  readonly tags: readonly Tag[];
  readonly suppressions: readonly Suppression[];
  /** All inspections look into stretches of this name in its protocol's streams and datagrams; null: no `frame`. */
  readonly frame: string | null;
  readonly inspections: readonly BufferInspection[];
  readonly fastPattern: FastPattern | null;
  /** The same rule for other protocols that have its buffers, such as `file.data`, where it does not say which. */
  readonly alternatives: readonly Rule[];
}

/** A rule that could not be loaded, or a remark on one that could. Lines and columns start at 1. */
export interface RuleDiagnostic {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly severity: 'error' | 'warning';
  /** What a warning is called, for whoever wants to look for it, or not to be told; null for errors. */
  readonly name: string | null;
  /** The keyword concerned, null where the rule's form is wrong. */
  readonly keyword: string | null;
  readonly sid: number | null;
  readonly message: string;
}

export interface CompiledRules {
  readonly rules: readonly Rule[];
  /** Sets of values that rules look into and change, by name. */
  readonly datasets: ReadonlyMap<string, Dataset>;
  /** Of these, and of those that were refused, the ones that look into sets of values or into files that they name. */
  readonly dataUsers: readonly RulePlace[];
  readonly diagnostics: readonly RuleDiagnostic[];
}
