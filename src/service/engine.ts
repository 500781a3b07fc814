import { randomBytes } from 'node:crypto';
import { runAll, type Steps } from '../base/steps.ts';
import type { Verdict } from '../capture/source.ts';
import type { Config, FailureMode, Mode } from '../config/config.ts';
import { type Exception, Exceptions } from '../detect/exceptions.ts';
import type { Succession } from '../detect/succession.ts';
import { sharedTracks } from '../detect/tracks.ts';
import { FlowCounts } from '../flow/counts.ts';
import { EveWriter } from '../output/eve.ts';
import type { LineOutput } from '../output/line-output.ts';
import { Pipeline } from '../pipeline.ts';
import type { Dataset, DatasetChanges } from '../rules/dataset.ts';
import { COLD_START_MS } from '../stream/options.ts';
import type { Packet } from '../wire/packet.ts';
import type { Inspector } from './inspection-loop.ts';
import { InterfaceNames } from './interface-names.ts';
import type { CheckedPolicy } from './policy.ts';
import { RuleImage } from './rule-image.ts';
import { type ImageRuleset, loadImageInSteps } from './rule-set.ts';
import type { WorkerSettings } from './worker-messages.ts';

/** A policy that can be adopted at once. */
export interface LoadedPolicy extends Pick<ImageRuleset, 'datasets' | 'matchers'> {
  readonly config: Config;
  readonly rules: Succession;
}

/** The pipeline of one worker, with what it writes to. */
export class Engine implements Inspector {
  readonly #pipeline: Pipeline;
  readonly #eve: EveWriter;
  readonly #rejectMark: number;
  readonly #tellDatasets: (changes: DatasetChanges) => void;
  #datasets: ReadonlyMap<string, Dataset>;
  #matchers: ImageRuleset['matchers'];
  readonly #bypassMark: number;
  readonly #failure: FailureMode;

  /**
   * Loads the rules, which takes its time: not while a queue is waiting. `tellDatasets` hears what rules do to sets of
   * values.
   */
  constructor(
    settings: WorkerSettings,
    events: LineOutput,
    nowMs: number,
    tellDatasets: (changes: DatasetChanges) => void,
  ) {
    const { mode, checked, worker } = settings;
    const { ruleset, datasets, matchers } = runAll(loadChecked(checked));
    const config = withSides(checked.config);
    this.#rejectMark = settings.rejectMark;
    this.#failure = config.failure.engine;
    this.#tellDatasets = tellDatasets;
    this.#bypassMark = settings.bypassMark;
    const interfaces = new InterfaceNames();
    this.#eve = new EveWriter(events, {
      mode,
      hasPacketNumbers: false,
      interfaceName: (index) => interfaces.name(index),
      ...(config.events.isFolded && { folding: config.events }),
    });
    const seed = randomBytes(8);
    this.#datasets = datasets;
    this.#matchers = matchers;
    this.#pipeline = new Pipeline({
      config,
      mode,
      ruleset,
      sink: this.#eve,
      seed: [seed.readUInt32LE(0), seed.readUInt32LE(4)],
      midstreamUntilMs: config.stream.midstream === false ? nowMs + COLD_START_MS : Number.POSITIVE_INFINITY,
      counterMemory: settings.counters,
      flowCounts: new FlowCounts(settings.flowCells, worker),
      sourceMemory: settings.sourceMemory,
      ...(settings.tracks !== null && { tracks: sharedTracks(settings.tracks, worker) }),
      worker,
      canBypass: settings.bypassMark !== 0,
    });
    this.setExceptions(settings.exceptions);
  }

  process(packet: Packet): Verdict {
    return this.#pipeline.process(packet);
  }

  get mark(): number {
    const { judgement, bypasses } = this.#pipeline;
    if (judgement.rejects) return this.#rejectMark;
    return bypasses ? this.#bypassMark : 0;
  }

  noteFailure(): void {
    if (this.#failure === 'closed') this.#pipeline.condemnFailed();
  }

  noteLapse(nowMs: number): void {
    this.#pipeline.noteLapse(nowMs + COLD_START_MS);
  }

  expire(nowMs: number): boolean {
    const hasMore = this.#pipeline.expire(nowMs);
    this.#pipeline.updateGauges();
    this.#tellChanges();
    return hasMore;
  }

  /** See Pipeline. */
  dropSpares(): void {
    this.#pipeline.dropSpares();
  }

  finish(): void {
    this.#pipeline.finish();
    this.#eve.close();
    this.#pipeline.updateGauges();
    this.#tellChanges();
  }

  /** What the rules of another worker did, or of one before this one. */
  changeDataset(changes: DatasetChanges): void {
    const set = this.#datasets.get(changes.name);
    if (set?.type === changes.type) set.apply(changes);
  }

  #tellChanges(): void {
    for (const [name, set] of this.#datasets) {
      const changes = set.takeChanges(name);
      if (changes !== null) this.#tellDatasets(changes);
    }
  }

  setMode(mode: Mode): void {
    this.#eve.mode = mode;
    this.#pipeline.setMode(mode);
  }

  setExceptions(exceptions: readonly Exception[]): void {
    this.#pipeline.setExceptions(new Exceptions(exceptions));
  }

  /** Loads a policy beside the one in use, in pieces: packets may be inspected between them. */
  *load(checked: CheckedPolicy): Steps<LoadedPolicy> {
    const { ruleset, datasets, matchers } = yield* loadChecked(checked, this.#matchers);
    return { config: checked.config, datasets, matchers, rules: yield* this.#pipeline.prepare(ruleset) };
  }

  /** Between packets only. Flows go on, and so do sets of values. */
  adopt({ config, rules, datasets, matchers }: LoadedPolicy): void {
    for (const [name, set] of datasets) {
      const earlier = this.#datasets.get(name);
      if (earlier?.type === set.type) set.continue(earlier);
    }
    this.#datasets = datasets;
    this.#matchers = matchers;
    this.#pipeline.replacePolicy(rules, config);
  }
}

const loadChecked = ({ config, rules, image }: CheckedPolicy, known?: ImageRuleset['matchers']): Steps<ImageRuleset> =>
  loadImageInSteps(new RuleImage(image), rules, config, known);

/** With one of the two hooks, only one direction of this host's own connections is seen. */
function withSides(config: Config): Config {
  const { hooks } = config.queue;
  if (hooks.includes('input') === hooks.includes('output')) return config;
  return { ...config, stream: { ...config.stream, isOneSided: true } };
}
