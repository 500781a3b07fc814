import type { Direction } from '../base/direction.ts';
import type { FlowSlot } from '../flow/slot.ts';
import type { HostTrack, RuleState, TextScope } from '../rules/rule-state.ts';
import { NO_FLOW, type Packet } from '../wire/packet.ts';
import type { FlowFigures } from './flow-figures.ts';
import { TRACK_KEY_WORDS, type TrackTable } from './track-table.ts';

/**
 * What rules have set on a flow. As many as rules have names for. Numbers and texts are rare: null until there is one.
 */
class FlowVariables {
  readonly bits = new Set<number>();
  numbers: Map<number, number> | null = null;
  texts: Map<number, Uint8Array> | null = null;
}

/** What rules remember, seen from the packet in hand. Survives a change of rules. */
export class PacketState implements RuleState {
  hasFlow = false;
  readonly #figures: FlowFigures;
  readonly #hosts: TrackTable;
  readonly #flows: (FlowVariables | null)[] = [];
  readonly #key = new Uint32Array(TRACK_KEY_WORDS);
  /** Of the packet in hand. */
  readonly #texts = new Map<number, Uint8Array>();
  #packet!: Packet;

  constructor(figures: FlowFigures, hosts: TrackTable) {
    this.#figures = figures;
    this.#hosts = hosts;
  }

  /** Marks of hosts that had to go before their time, since too many were there. */
  get evicted(): number {
    return this.#hosts.evicted;
  }

  enter(packet: Packet): void {
    this.#packet = packet;
    this.hasFlow = packet.flow !== NO_FLOW;
    if (this.#texts.size > 0) this.#texts.clear();
  }

  release(flow: FlowSlot): void {
    if (flow < this.#flows.length) this.#flows[flow] = null;
  }

  flowBit(id: number): boolean {
    return this.#known()?.bits.has(id) ?? false;
  }

  setFlowBit(id: number, isSet: boolean): void {
    if (isSet) this.#made()?.bits.add(id);
    else this.#known()?.bits.delete(id);
  }

  flowInt(id: number): number | null {
    return this.#known()?.numbers?.get(id) ?? null;
  }

  setFlowInt(id: number, value: number): void {
    const variables = this.#made();
    if (variables === null) return;
    variables.numbers ??= new Map();
    variables.numbers.set(id, value);
  }

  text(scope: TextScope, id: number): Uint8Array | null {
    const texts = scope === 'pkt' ? this.#texts : this.#known()?.texts;
    return texts?.get(id) ?? null;
  }

  setText(scope: TextScope, id: number, text: Uint8Array): void {
    if (scope === 'pkt') {
      this.#texts.set(id, text);
      return;
    }
    const variables = this.#made();
    if (variables === null) return;
    variables.texts ??= new Map();
    variables.texts.set(id, text);
  }

  hostBit(id: number, track: HostTrack): boolean {
    const hosts = this.#hosts;
    hosts.enter();
    try {
      return hosts.find(this.#keyOf(id, track), this.#packet.timeMs) >= 0;
    } finally {
      hosts.leave();
    }
  }

  setHostBit(id: number, track: HostTrack, lifetimeMs: number): void {
    const { timeMs } = this.#packet;
    const hosts = this.#hosts;
    const key = this.#keyOf(id, track);
    hosts.enter();
    try {
      let entry = hosts.find(key, timeMs);
      if (entry < 0) entry = hosts.claim(key, timeMs);
      // As in Suricata, in whole seconds, the last of which belongs to it.
      hosts.endMs[entry] = (Math.floor(timeMs / 1000) + 1) * 1000 + lifetimeMs;
    } finally {
      hosts.leave();
    }
  }

  unsetHostBit(id: number, track: HostTrack): void {
    const hosts = this.#hosts;
    hosts.enter();
    try {
      const entry = hosts.find(this.#keyOf(id, track), this.#packet.timeMs);
      if (entry >= 0) hosts.endMs[entry] = 0;
    } finally {
      hosts.leave();
    }
  }

  flowPackets(direction: Direction): number {
    return this.#figures.packets(this.#packet.flow, direction);
  }

  flowBytes(direction: Direction): number {
    return this.#figures.bytes(this.#packet.flow, direction);
  }

  flowAgeMs(): number {
    return this.#packet.timeMs - this.#figures.firstSeenMs(this.#packet.flow);
  }

  streamBytes(direction: Direction): number {
    return this.#figures.streamBytes(this.#packet.flow, direction);
  }

  #keyOf(id: number, track: HostTrack): Uint32Array {
    trackKey(this.#packet, id % WORD, Math.floor(id / WORD), track, this.#key);
    return this.#key;
  }

  #known(): FlowVariables | null {
    const { flow } = this.#packet;
    return this.hasFlow && flow < this.#flows.length ? this.#flows[flow]! : null;
  }

  #made(): FlowVariables | null {
    if (!this.hasFlow) return null;
    const { flow } = this.#packet;
    // Without holes, so that the engine keeps it an array.
    while (this.#flows.length <= flow) this.#flows.push(null);
    const variables = this.#flows[flow] ?? new FlowVariables();
    this.#flows[flow] = variables;
    return variables;
  }
}

/** Numbers of one word of a key. */
const WORD = 2 ** 32;

/** What is remembered (two numbers), and of whom; `rule`: of nobody in particular. A pair is the same either way. */
export function trackKey(
  packet: Packet,
  what: number,
  whose: number,
  track: HostTrack | 'rule',
  key: Uint32Array,
): void {
  const { source, destination } = packet;
  key[0] = what;
  key[1] = whose;
  const isSwapped = track === 'pair' && isGreater(source, destination);
  const first = track === 'destination' || isSwapped ? destination : source;
  const second = isSwapped ? source : destination;
  for (let i = 0; i < 4; i++) {
    key[2 + i] = track === 'rule' ? 0 : first[i]!;
    key[6 + i] = track === 'pair' ? second[i]! : 0;
  }
}

function isGreater(a: Uint32Array, b: Uint32Array): boolean {
  for (let i = 0; i < 4; i++) if (a[i] !== b[i]) return a[i]! > b[i]!;
  return false;
}
