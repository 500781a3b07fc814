import type { BufferDefinition } from '../app/protocol.ts';
import type { GatePlan, HeadGate } from './head-gate.ts';
import type { PatternIndex, PatternPlan } from './pattern-index.ts';
import type { PayloadIndex, PayloadPlan } from './payload-index.ts';
import type { PortPlan, PortTable } from './port-table.ts';

/** Rules of one IP protocol and direction that look at packets, payloads and streams. */
export interface PacketGroupOf<Payload, Patterns, Ports> {
  /** Fast patterns of all rules that have one; null where there are none. */
  readonly payload: Payload | null;
  /** Ports for which `payload` has rules on the reassembled stream. */
  readonly streamPorts: Ports;
  /** Rules without a usable pattern that look into the stream. */
  readonly streamUnpatterned: Ports;
  /** All rules that look into the stream, those on transactions that have a content of no buffer included. */
  readonly streamReaders: Ports;
  /**
   * Of those in `payload`, rules that look into each packet's own payload alone: most of a long stream meets no other.
   */
  readonly packet: Patterns | null;
  readonly packetPorts: Ports;
  /** The same for rules on the stream that are tried on packets as well: as far as they look into the stream. */
  readonly placedPorts: Ports;
  /** Rules without a usable pattern that look at packets. */
  readonly packetUnpatterned: Ports;
  /** Rules for whatever is in the middle of a TCP connection, however far its stream has got. */
  readonly middle: Ports;
  /** Those of them that ask for no content: they mean something where the connection is encrypted. */
  readonly encrypted: Ports;
  /** Rules that name only addresses: judged at a flow's first packet in each direction. */
  readonly addressOnly: Int32Array;
  /** Those of them that are for every IP protocol. */
  readonly anyProtocol: Int32Array;
  /** Rules that name only what a direction shows: judged once in each direction, when it is known. */
  readonly shownOnly: Int32Array;
  /** No rule looks at packets, nor at the stream. */
  readonly isEmpty: boolean;
}

/** One buffer that has to be searched, with its patterns. */
export interface BufferSearchOf<Patterns, Buffer> {
  readonly buffer: Buffer;
  readonly patterns: Patterns;
}

/** Rules of one application protocol and direction that look into transactions, by the buffers that are searched. */
export interface AppGroupOf<Patterns, Search, Gate> {
  /** Those that are there with the head, but for those of the gate. */
  readonly head: readonly Search[];
  /** Goes before other searches of the head; null where there are none. */
  readonly gate: Gate | null;
  /** Those that grow. */
  readonly growing: readonly Search[];
  /** Those that are there when all is complete. */
  readonly complete: readonly Search[];
  /** Fast patterns of rules that have theirs in a content of no buffer; null where there are none. */
  readonly raw: Patterns | null;
  /** Candidates of every transaction, since they have no usable pattern. */
  readonly unpatterned: Int32Array;
}

/** Rules on frames of one name and direction. */
export interface FrameGroupOf<Patterns> {
  /** Their fast patterns; null where there are none. */
  readonly patterns: Patterns | null;
  /** Candidates of every frame, since they have no usable pattern. */
  readonly unpatterned: Int32Array;
}

export type PacketGroup = PacketGroupOf<PayloadIndex, PatternIndex, PortTable>;
export type AppGroup = AppGroupOf<PatternIndex, BufferSearch, HeadGate>;
export type BufferSearch = BufferSearchOf<PatternIndex, BufferDefinition>;
export type FrameGroup = FrameGroupOf<PatternIndex>;

/** The same as nothing but data. */
export type PacketGroupPlan = PacketGroupOf<PayloadPlan, PatternPlan, readonly PortPlan[]>;
/** A buffer is the one in which the rule of this index has its fast pattern. */
export type BufferSearchPlan = BufferSearchOf<PatternPlan, number>;
export type AppGroupPlan = AppGroupOf<PatternPlan, BufferSearchPlan, GatePlan>;
export type FrameGroupPlan = FrameGroupOf<PatternPlan>;

/** By direction. */
export type Pair<T> = readonly [T, T];

/** By crossing of the perimeter; one for all, where there is none. What concerns the same rules is the same object. */
export type ByCrossing<T> = readonly T[];
