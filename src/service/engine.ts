import { randomBytes } from 'node:crypto';
import type { Verdict } from '../capture/source.ts';
import type { Config, Mode } from '../config/config.ts';
import { FlowCounts } from '../flow/counts.ts';
import { EveWriter } from '../output/eve.ts';
import type { LineOutput } from '../output/line-output.ts';
import { Pipeline } from '../pipeline.ts';
import type { RuleVariables } from '../rules/header-sets.ts';
import type { Packet } from '../wire/packet.ts';
import type { Inspector } from './inspection-loop.ts';
import { InterfaceNames } from './interface-names.ts';
import { compileRuleset, type RuleTexts } from './rule-set.ts';
import type { WorkerSettings } from './worker-messages.ts';

/** Connections from before the start are followed from where they are, for as long: Deep Security's cold start. */
const COLD_START_MS = 5 * 60_000;

/** The pipeline of one worker, with what it writes to. */
export class Engine implements Inspector {
  readonly #pipeline: Pipeline;
  readonly #eve: EveWriter;
  readonly #rules: RuleTexts;
  readonly #config: Config;
  readonly #rejectMark: number;

  /** Compiles the rules, which takes its time: not while a queue is waiting. */
  constructor(settings: WorkerSettings, events: LineOutput, nowMs: number) {
    const { mode, worker } = settings;
    const config = withSides(settings.config);
    this.#rules = settings.rules;
    this.#config = config;
    this.#rejectMark = settings.rejectMark;
    const interfaces = new InterfaceNames();
    this.#eve = new EveWriter(events, {
      mode,
      hasPacketNumbers: false,
      interfaceName: (index) => interfaces.name(index),
      ...(config.events.isFolded && { folding: config.events }),
    });
    const seed = randomBytes(8);
    this.#pipeline = new Pipeline({
      config,
      mode,
      ruleset: compileRuleset(settings.rules, config).ruleset,
      sink: this.#eve,
      seed: [seed.readUInt32LE(0), seed.readUInt32LE(4)],
      midstreamUntilMs: config.stream.midstream === false ? nowMs + COLD_START_MS : Number.POSITIVE_INFINITY,
      counterMemory: settings.counters,
      flowCounts: new FlowCounts(settings.flowCells, worker),
      worker,
    });
  }

  process(packet: Packet): Verdict {
    return this.#pipeline.process(packet);
  }

  get rejectMark(): number {
    return this.#pipeline.judgement.rejects ? this.#rejectMark : 0;
  }

  expire(nowMs: number): void {
    this.#pipeline.expire(nowMs);
    this.#pipeline.updateGauges();
  }

  finish(): void {
    this.#pipeline.finish();
    this.#eve.close();
    this.#pipeline.updateGauges();
  }

  setMode(mode: Mode): void {
    this.#eve.mode = mode;
    this.#pipeline.setMode(mode);
  }

  /** Compiles the rules again: between batches only. Flows go on. */
  setVariables(variables: RuleVariables): void {
    this.#pipeline.replaceRules(compileRuleset(this.#rules, { ...this.#config, variables }).ruleset);
  }
}

/** With one of the two hooks, only one direction of this host's own connections is seen. */
function withSides(config: Config): Config {
  const { hooks } = config.queue;
  if (hooks.includes('input') === hooks.includes('output')) return config;
  return { ...config, stream: { ...config.stream, isOneSided: true } };
}
