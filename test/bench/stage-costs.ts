import type { Config } from '../../src/config/config.ts';
import type { Ruleset } from '../../src/detect/ruleset.ts';
import { CHECKSUM, Packet } from '../../src/wire/packet.ts';
import { usedMemory } from '../support/heap.ts';
import { type Cut, STAGES, type StageCut, WHOLE } from './stages.ts';
import { readInto, type Traffic } from './traffic.ts';

export interface StageCost {
  readonly stage: string;
  /** Processor time of all stages up to this one, for a packet. */
  readonly soFarNs: number;
  /** What this one adds. */
  readonly ownNs: number;
}

/** Passes that are not counted: what the compiler learns in them, it would know of a service that runs for weeks. */
const WARM_UP_PASSES = 2;
const MIN_PASSES = 3;

/**
 * Processor time by stage, of this process, so that a busy machine does not matter much; the best of several passes, in
 * turn over all stages. `seconds` for each of them.
 */
export function stageCosts({ frames }: Traffic, config: Config, ruleset: Ruleset, seconds: number): StageCost[] {
  const best = STAGES.map(() => Number.POSITIVE_INFINITY);
  const spent = STAGES.map(() => 0);
  for (let pass = 0; pass < WARM_UP_PASSES + MIN_PASSES || spent.some((each) => each < seconds); pass++) {
    for (const [at, stage] of STAGES.entries()) {
      const used = passSeconds(frames, stage, config, ruleset);
      if (pass < WARM_UP_PASSES) continue;
      best[at] = Math.min(best[at]!, used);
      spent[at]! += used;
    }
  }
  return costsOf(
    STAGES.map(({ name }) => name),
    best.map((each) => (each / frames.length) * 1e9),
  );
}

/** Whoever goes further does all that stages before it do: where that seems to take less, so do they. */
export function costsOf(stages: readonly string[], measuredNs: readonly number[]): StageCost[] {
  const soFarNs = measuredNs.map((_, at) => Math.min(...measuredNs.slice(at)));
  return stages.map((stage, at) => ({ stage, soFarNs: soFarNs[at]!, ownNs: soFarNs[at]! - (soFarNs[at - 1] ?? 0) }));
}

/** Processor time of a packet up to this stage: the best of several passes. */
export function packetNs(
  { frames }: Traffic,
  stage: StageCut,
  config: Config,
  ruleset: Ruleset,
  seconds: number,
): number {
  let best = Number.POSITIVE_INFINITY;
  let spent = 0;
  for (let pass = 0; pass < WARM_UP_PASSES + MIN_PASSES || spent < seconds; pass++) {
    const used = passSeconds(frames, stage, config, ruleset);
    if (pass < WARM_UP_PASSES) continue;
    best = Math.min(best, used);
    spent += used;
  }
  return (best / frames.length) * 1e9;
}

/** One pass of the traffic through the stages up to this one. */
function passSeconds(frames: Traffic['frames'], stage: StageCut, config: Config, ruleset: Ruleset): number {
  const cut = stage.begin(config, ruleset);
  const before = process.cpuUsage();
  play(frames, cut);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/**
 * What the second half of the traffic leaves on the heap, for a packet. The first half opens the connections and has
 * the engine optimise. What opens further connections leaves those.
 */
export function heapBytesPerPacket({ frames }: Traffic, config: Config, ruleset: Ruleset): number {
  const middle = frames.length >> 1;
  const cut = WHOLE.begin(config, ruleset);
  play(frames.slice(0, middle), cut);
  const before = usedMemory();
  play(frames.slice(middle), cut);
  const after = usedMemory();
  const bytes = after.heapBytes + after.bufferBytes - before.heapBytes - before.bufferBytes;
  return bytes / (frames.length - middle);
}

export function play(frames: Traffic['frames'], cut: Cut): void {
  const packet = new Packet();
  packet.checksum = CHECKSUM.trusted;
  for (let i = 0; i < frames.length; i++) {
    readInto(packet, frames[i]!, i + 1);
    cut(packet);
  }
}
