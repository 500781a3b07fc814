import { copyBytes } from '../base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import { SlotRecords } from '../base/slot-records.ts';
import type { FlowSlot } from '../flow/slot.ts';
import type { FlowDetection } from './flow-state.ts';
import type { WindowMemory } from './stream-window.ts';

/** Where a direction's record has its numbers; behind them is what its window keeps. */
const AT = { skippedBytes: 0, settledAt: 8, budgetBytes: 16, keptBytes: 24, generation: 28, window: 32 } as const;
/** For `keptBytes`: nothing was remembered of this direction. */
const NO_STREAM = 0xffff_ffff;
/** For `generation`, of rules that nobody has: all that is kept must be searched. */
const NO_GENERATION = 0xffff_ffff;
/** Slots that are looked at for windows that can be let go, for one that needs room: some microseconds. Ours. */
const MAX_LOOKED_AT = 512;

/**
 * What detection remembers of the streams of flows that are silent, as bytes: the windows in their length, and a few
 * numbers. What can be found again by searching the window is not in it. Counts as memory of windows. Where that is
 * short, they are let go for those of flows that are not silent, and rules on the stream see only what comes then.
 */
export class PackedStreams {
  /** Windows that were let go. */
  sheds = 0;
  readonly #memory: WindowMemory;
  readonly #records: readonly [SlotRecords, SlotRecords] = [new SlotRecords(), new SlotRecords()];
  /** Of all windows. */
  #keptBytes = 0;
  #endSlot = 0;
  /** Where the search for windows goes on. */
  #nextToShed = 0;

  constructor(memory: WindowMemory) {
    this.#memory = memory;
    memory.onShort = (bytes) => this.#shed(bytes);
  }

  /** False, and nothing has changed, where more is remembered of the flow than goes into a record. */
  pack(flow: FlowSlot, state: FlowDetection): boolean {
    if (!state.isPlain) return false;
    for (const direction of [TO_SERVER, TO_CLIENT] as const) this.#write(flow, direction, state);
    this.#endSlot = Math.max(this.#endSlot, flow + 1);
    return true;
  }

  has(flow: FlowSlot): boolean {
    return this.#records[TO_SERVER].has(flow);
  }

  /** `state` is as new, and becomes what was packed. */
  unpack(flow: FlowSlot, state: FlowDetection): void {
    for (const direction of [TO_SERVER, TO_CLIENT] as const) this.#read(flow, direction, state);
  }

  #write(flow: FlowSlot, direction: Direction, { streams, generation }: FlowDetection): void {
    const stream = streams[direction];
    const records = this.#records[direction];
    const keptBytes = stream === null ? 0 : stream.window.end;
    records.add(flow, AT.window + keptBytes);
    const { bytes, view, start } = records;
    if (stream === null) {
      view.setUint32(start + AT.keptBytes, NO_STREAM);
      return;
    }
    const { window } = stream;
    copyBytes(window.bytes, 0, keptBytes, bytes, start + AT.window);
    view.setFloat64(start + AT.skippedBytes, window.skippedBytes);
    view.setFloat64(start + AT.settledAt, stream.settledAt);
    view.setFloat64(start + AT.budgetBytes, stream.budget.bytes);
    view.setUint32(start + AT.keptBytes, keptBytes);
    view.setUint32(start + AT.generation, stream.mustSearchAll ? NO_GENERATION : generation);
    window.release();
    this.#count(keptBytes);
  }

  #read(flow: FlowSlot, direction: Direction, into: FlowDetection): void {
    const records = this.#records[direction];
    records.find(flow);
    const { bytes, view, start } = records;
    const keptBytes = keptBytesOf(records);
    this.#count(-keptBytes);
    if (view.getUint32(start + AT.keptBytes) !== NO_STREAM) {
      const stream = into.stream(direction, this.#memory);
      const from = start + AT.window;
      const skippedBytes = view.getFloat64(start + AT.skippedBytes);
      stream.window.restore(bytes, from, from + keptBytes, skippedBytes);
      // Other rules since then: what is kept must be searched for their patterns.
      stream.waitingSince = view.getUint32(start + AT.generation) === into.generation ? skippedBytes : -1;
      stream.settledAt = view.getFloat64(start + AT.settledAt);
      stream.budget.bytes = view.getFloat64(start + AT.budgetBytes);
    }
    records.remove(flow);
  }

  /** Lets windows go, those of slot after slot, until so many bytes are free or too many were looked at. */
  #shed(neededBytes: number): void {
    let freedBytes = 0;
    const enoughBytes = Math.min(neededBytes, this.#keptBytes);
    for (let n = Math.min(MAX_LOOKED_AT, this.#endSlot); n > 0 && freedBytes < enoughBytes; n--) {
      this.#nextToShed = (this.#nextToShed + 1) % this.#endSlot;
      for (const records of this.#records) freedBytes += this.#empty(records, this.#nextToShed);
    }
  }

  #count(moreBytes: number): void {
    this.#keptBytes += moreBytes;
    this.#memory.usedBytes += moreBytes;
  }

  #empty(records: SlotRecords, slot: number): number {
    if (!records.find(slot)) return 0;
    const keptBytes = keptBytesOf(records);
    if (keptBytes === 0) return 0;
    const header = records.bytes.slice(records.start, records.start + AT.window);
    records.remove(slot);
    records.add(slot, AT.window);
    const { bytes, view, start } = records;
    bytes.set(header, start);
    view.setFloat64(start + AT.skippedBytes, view.getFloat64(start + AT.skippedBytes) + keptBytes);
    view.setUint32(start + AT.keptBytes, 0);
    view.setUint32(start + AT.generation, NO_GENERATION);
    this.#count(-keptBytes);
    this.sheds++;
    return keptBytes;
  }
}

/** Of the record that was found last. */
function keptBytesOf({ view, start }: SlotRecords): number {
  const keptBytes = view.getUint32(start + AT.keptBytes);
  return keptBytes === NO_STREAM ? 0 : keptBytes;
}
