import { randomBytes } from 'node:crypto';
import { counterTree } from '../base/counters.ts';
import type { CapturedPacket } from '../capture/capture-format.ts';
import type { Config } from '../config/config.ts';
import type { Evaluator } from '../detect/evaluator.ts';
import { EveWriter } from '../output/eve.ts';
import type { LineOutput } from '../output/line-output.ts';
import { Pipeline } from '../pipeline.ts';
import { type ChecksumState, Packet } from '../wire/packet.ts';
import type { InspectedRules } from './loaded-rules.ts';
import type { Summary } from './summary.ts';
import { Tally } from './tally.ts';

export interface InspectionOptions {
  readonly config: Config;
  readonly rules: InspectedRules;
  /** Null: events are counted only. */
  readonly output: LineOutput | null;
  readonly hasPacketNumbers: boolean;
  /** Floods of one kind are counted as `events` in the configuration says. A replay tells all. */
  readonly mayFold: boolean;
  readonly checksum: ChecksumState;
  /** Connections that were there before are followed from where they are, until this time. */
  readonly midstreamUntilMs: number;
  /** Left out: what rules cost is not measured. */
  readonly evaluator?: Evaluator;
}

/** The pipeline of a command that inspects captured packets in its own thread, and counts what it finds. */
export class Inspection {
  /** Null without an output. */
  readonly eve: EveWriter | null;
  readonly #options: InspectionOptions;
  readonly #tally: Tally;
  readonly #pipeline: Pipeline;
  readonly #packet = new Packet();

  constructor(options: InspectionOptions) {
    const { config, rules, output, hasPacketNumbers, mayFold, midstreamUntilMs, evaluator } = options;
    const seed = randomBytes(8);
    this.#options = options;
    const folding = mayFold && config.events.isFolded ? { folding: config.events } : {};
    this.eve = output === null ? null : new EveWriter(output, { mode: config.mode, hasPacketNumbers, ...folding });
    this.#tally = new Tally(this.eve);
    this.#pipeline = new Pipeline({
      config,
      mode: config.mode,
      ruleset: rules.ruleset,
      sink: this.#tally,
      seed: [seed.readUInt32LE(0), seed.readUInt32LE(4)],
      midstreamUntilMs,
      ...(evaluator !== undefined && { evaluator }),
    });
  }

  process(captured: CapturedPacket): void {
    const packet = this.#packet;
    packet.bytes = captured.bytes;
    packet.start = captured.start;
    packet.end = captured.end;
    packet.wireBytes = captured.wireBytes;
    packet.linkType = captured.linkType;
    packet.timeMs = captured.timeMs;
    packet.number = captured.number;
    packet.checksum = this.#options.checksum;
    this.#pipeline.process(packet);
  }

  expire(nowMs: number): void {
    let hasMore = true;
    while (hasMore) hasMore = this.#pipeline.expire(nowMs);
  }

  /** The end of the traffic. */
  finish(): void {
    this.#pipeline.finish();
    this.#tally.close();
  }

  writeStats(nowMs: number, uptimeSeconds: number): void {
    this.#tally.stats(nowMs, uptimeSeconds, this.#stats());
  }

  summary(seconds: number): Summary {
    const { config, rules } = this.#options;
    return {
      mode: config.mode,
      seconds,
      rules: { loaded: rules.loaded, refused: rules.errors, warnings: rules.warnings },
      alerts: this.#tally.alerts,
      drops: this.#tally.drops,
      anomalies: this.#tally.anomalies,
      stats: this.#stats(),
    };
  }

  #stats(): Summary['stats'] {
    const { counters } = this.#pipeline;
    this.#pipeline.updateGauges();
    return counterTree(counters.names, [counters.values]);
  }
}
