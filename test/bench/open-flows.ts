import { mergeConfig } from '../../src/config/overrides.ts';
import type { Ruleset } from '../../src/detect/ruleset.ts';
import { usedMemory } from '../support/heap.ts';
import { play } from './stage-costs.ts';
import { type Cut, WHOLE } from './stages.ts';
import { Conversation, type Frame, REQUEST, RESPONSE } from './traffic.ts';

/** Pages in a pass, each on another connection. */
const PAGES = 5_000;
const WARM_UP_PASSES = 2;
const MIN_PASSES = 3;
/** Opened with one reading of the clock. */
const OPENED_AT_A_TIME = 1_000;

/** Connections through a pipeline, all open at the same time. */
export class OpenFlows {
  /** Processor time for the three packets that open one. */
  readonly openNs: number;
  readonly bytesEach: number;
  readonly #cut: Cut;
  /** Those on which something is asked for, evenly among all. */
  readonly #asked: readonly Conversation[];
  /** What they have said and was not played yet. */
  readonly #frames: Frame[] = [];

  constructor(ruleset: Ruleset, count: number) {
    const { flow, ...others } = mergeConfig();
    const before = usedMemory();
    this.#cut = WHOLE.begin({ ...others, flow: { ...flow, maxTcpFlows: 2 * count } }, ruleset);
    const asked: Conversation[] = [];
    const every = Math.max(1, Math.floor(count / PAGES));
    let openSeconds = 0;
    for (let n = 0; n < count; ) {
      for (const end = Math.min(count, n + OPENED_AT_A_TIME); n < end; n++) {
        const conversation = new Conversation(this.#frames, n, 80).open();
        if (n % every === 0) asked.push(conversation);
      }
      openSeconds += this.#play();
    }
    this.openNs = (openSeconds / count) * 1e9;
    const after = usedMemory();
    this.bytesEach = (after.heapBytes + after.bufferBytes - before.heapBytes - before.bufferBytes) / count;
    this.#asked = asked;
  }

  /** Processor time of a packet of pages on connections far from each other; the best of several passes. */
  packetNs(seconds: number): number {
    let best = Number.POSITIVE_INFINITY;
    let spent = 0;
    for (let pass = 0; pass < WARM_UP_PASSES + MIN_PASSES || spent < seconds; pass++) {
      for (const one of this.#asked) one.request(REQUEST).respond(RESPONSE).acknowledge();
      const packets = this.#frames.length;
      const used = this.#play();
      if (pass < WARM_UP_PASSES) continue;
      best = Math.min(best, used / packets);
      spent += used;
    }
    return best * 1e9;
  }

  /** Returns seconds of processor time. */
  #play(): number {
    const before = process.cpuUsage();
    play(this.#frames, this.#cut);
    const { user, system } = process.cpuUsage(before);
    this.#frames.length = 0;
    return (user + system) / 1e6;
  }
}
