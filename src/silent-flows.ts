import type { Content } from './content.ts';
import { FLOW_FLAG } from './flow/flags.ts';
import type { FlowTable } from './flow/table.ts';
import { TIMEOUT_CLASS } from './flow/timeouts.ts';
import { IP_PROTOCOL } from './wire/packet.ts';

/**
 * A connection that was silent for so long is packed. Ours: more than people and programs take between two requests of
 * one page, so that only those pay for it that will be silent for longer.
 */
const SILENT_MS = 3_000;
/** The same where half of the memory is used that windows may take: longer than an answer is under way. */
const SHORT_SILENT_MS = 250;
/** Work on one look, in slots and in connections, of which one takes two to four microseconds: two milliseconds. */
const MAX_SLOTS = 8_192;
const MAX_PACKED = 512;

/**
 * Goes through the flows, slot by slot and again from the beginning, and has the connections packed that are silent.
 */
export class SilentFlows {
  readonly #flows: FlowTable;
  readonly #content: Content;
  #next = 0;

  constructor(flows: FlowTable, content: Content) {
    this.#flows = flows;
    this.#content = content;
  }

  /** Between packets only. Looks at some slots. */
  pack(nowMs: number): void {
    const { endSlot, flags, lastSeenMs } = this.#flows;
    const { windowMemory } = this.#content.detector;
    const isShort = windowMemory.usedBytes > windowMemory.limitBytes / 2;
    const silentSinceMs = nowMs - (isShort ? SHORT_SILENT_MS : SILENT_MS);
    let packed = 0;
    for (let n = Math.min(endSlot, MAX_SLOTS); n > 0 && packed < MAX_PACKED; n--) {
      const slot = this.#next < endSlot ? this.#next : 0;
      this.#next = slot + 1;
      if (lastSeenMs[slot]! > silentSinceMs || (flags[slot]! & LEFT_ALONE) !== 0) continue;
      const protocol = this.#flows.protocol(slot);
      if (protocol !== IP_PROTOCOL.tcp && protocol !== IP_PROTOCOL.udp) continue;
      // It will soon be forgotten.
      if (this.#flows.timeoutClass(slot) === TIMEOUT_CLASS.tcpClosed) continue;
      this.#content.pack(slot);
      packed++;
    }
  }
}

/** Of a condemned flow nothing is kept that would be worth it. */
const LEFT_ALONE = FLOW_FLAG.packed | FLOW_FLAG.condemned;
