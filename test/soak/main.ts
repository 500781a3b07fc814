/**
 * `make soak`: a service under ordinary requests for as long as is wanted, with attacks, floods, reloads and changes of
 * mode, within a limit on its memory. No ordinary request may fail, every attack has to be blocked, and memory may not
 * grow. First the changes one after the other with few rules, then the long run with many.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mode } from '../../src/config/config.ts';
import { ask } from '../../src/service/control-client.ts';
import type { ControlRequest } from '../../src/service/control-protocol.ts';
import { MemoryGroup } from '../support/memory-group.ts';
import { endOnSignals, Testbed, whyNoTestbed } from '../support/netns.ts';
import { positiveNumber, toolOptions } from '../support/tool-options.ts';
import { VpatchProcess } from '../support/vpatch-process.ts';
import { ATTACKED_CVES, Attacker, type AttackResult, flood } from './attackers.ts';
import { generatedRules } from './generated-rules.ts';
import { type KindResult, NEEDED_PROGRAMS, OrdinaryTraffic } from './ordinary-traffic.ts';

const MIB = 2 ** 20;
const MINUTE_MS = 60_000;
const FEW_RULES = 50;
/** A reload of many rules on a busy machine. */
const ANSWER_LIMIT_MS = 5 * MINUTE_MS;
const FLOOD_SECONDS = 5;
const REST_MS = 10_000;
/** What is loaded by the first reloads is kept for good; after that, nothing is to be added. */
const WARM_UP_RELOADS = 3;
/** What memory may be above that of the beginning: pages that V8 and malloc keep come and go. */
const MAX_GROWTH = 0.1;

interface Settings {
  readonly minutes: number;
  readonly rules: number;
  /** Rule files beside those that are made up. */
  readonly files: readonly string[];
  readonly memoryBytes: number;
  readonly reloads: number;
  readonly switches: number;
}

interface Phase {
  readonly title: string;
  readonly rules: number;
  readonly files: readonly string[];
  /** Changes the service, and says how often it has. */
  readonly work: (service: Service) => Promise<string>;
}

/** What a phase has shown; `wrong` is empty where all is well. */
interface Outcome {
  readonly lines: readonly string[];
  readonly wrong: readonly string[];
}

/** What became of the queue; see QueueStatus and Incidents. */
interface Overflow {
  readonly overflowed: number;
  readonly overflows: number;
}

const problems: string[] = [];

async function main(): Promise<number> {
  const settings = settingsFromCommandLine();
  const reason = whyNoTestbed();
  if (reason !== null) {
    console.error(`soak: cannot make network namespaces with NFQUEUE here (${reason}): run it as root`);
    return 3;
  }
  const missing = NEEDED_PROGRAMS.filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);
  if (missing.length > 0) {
    console.error(`soak: not installed here: ${missing.join(', ')}`);
    return 3;
  }
  endOnSignals();
  const phases: Phase[] = [
    {
      title: `${settings.reloads} reloads and ${settings.switches} changes of mode, ${FEW_RULES} rules`,
      rules: FEW_RULES,
      files: [],
      work: (service) => changes(service, settings),
    },
    {
      title: `${settings.minutes} minutes, ${settings.rules} rules${settings.files.map((file) => ` and ${file}`).join('')}`,
      rules: settings.rules,
      files: settings.files,
      work: (service) => longRun(service, settings.minutes * MINUTE_MS),
    },
  ];
  for (const phase of phases) {
    console.log(`\n${phase.title}, memory up to ${settings.memoryBytes / MIB} MiB`);
    const { lines, wrong } = await run(phase, settings.memoryBytes);
    for (const line of lines) console.log(`  ${line}`);
    problems.push(...wrong);
  }
  for (const problem of problems) console.log(`WRONG: ${problem}`);
  console.log(problems.length === 0 ? '\nsoak: all is well' : `\nsoak: ${problems.length} things are wrong`);
  return problems.length === 0 ? 0 : 1;
}

const USAGE = `make soak ARGS='...'   a service under ordinary traffic, attacks, floods, reloads and changes of mode

  --minutes N         the long run (60); or MINUTES=N
  --rules N           that are made up for it (14000)
  --files PLACE       rules beside these: a file or a pattern; repeatable
  --memory MIB        for the service and all that it starts (512)
  --reloads N         before the long run, with few rules (500)
  --switches N        of the mode, the same (200)`;

function settingsFromCommandLine(): Settings {
  const { values } = toolOptions(USAGE, {
    options: {
      minutes: { type: 'string', default: '60' },
      rules: { type: 'string', default: '14000' },
      files: { type: 'string', multiple: true, default: [] },
      memory: { type: 'string', default: '512' },
      reloads: { type: 'string', default: '500' },
      switches: { type: 'string', default: '200' },
    },
  });
  const number = (name: Exclude<keyof typeof values, 'files'>): number => positiveNumber(`--${name}`, values[name]);
  return {
    minutes: number('minutes'),
    rules: number('rules'),
    files: values.files,
    memoryBytes: number('memory') * MIB,
    reloads: number('reloads'),
    switches: number('switches'),
  };
}

/** A service that inspects, and what is asked of it. */
class Service {
  readonly testbed: Testbed;
  readonly residentBytes: number[] = [];
  readonly #vpatch: VpatchProcess;
  readonly #rulesFile: string;
  readonly attacks: AttackResult[] = [];
  #attackers: readonly Attacker[] = [];

  constructor(testbed: Testbed, vpatch: VpatchProcess, rulesFile: string) {
    this.testbed = testbed;
    this.#vpatch = vpatch;
    this.#rulesFile = rulesFile;
  }

  attack(): void {
    this.#attackers = ([4, 6] as const).map((version) => new Attacker(this.testbed, version));
  }

  async rest(): Promise<void> {
    this.attacks.push(...(await Promise.all(this.#attackers.map((attacker) => attacker.stop()))));
    this.#attackers = [];
  }

  /** With another rule set than before, or it would be nothing to do. */
  async reload(): Promise<void> {
    appendFileSync(this.#rulesFile, '# once more\n');
    await this.#ask({ command: 'reload', force: false });
    this.residentBytes.push(this.#vpatch.residentBytes);
  }

  setMode(mode: Mode): Promise<void> {
    return this.#ask({ command: 'mode', mode });
  }

  async #ask(request: ControlRequest): Promise<void> {
    const answer = await ask(this.#vpatch.control, request, { limitMs: ANSWER_LIMIT_MS });
    if (answer.status !== 'ok') problems.push(`${request.command}: ${answer.lines.join('; ')}`);
  }
}

async function changes(service: Service, { reloads, switches }: Settings): Promise<string> {
  service.attack();
  const startedMs = performance.now();
  for (let at = 0; at < reloads; at++) await service.reload();
  const reloadMs = (performance.now() - startedMs) / reloads;
  await service.rest();
  for (let at = 0; at < switches; at++) await service.setMode(at % 2 === 0 ? 'detect' : 'prevent');
  await service.setMode('prevent');
  service.attack();
  await pause(REST_MS);
  await service.rest();
  return `${reloads} reloads, ${reloadMs.toFixed(0)} ms each; ${switches} changes of mode`;
}

async function longRun(service: Service, durationMs: number): Promise<string> {
  const endMs = performance.now() + durationMs;
  let rounds = 0;
  while (performance.now() < endMs) {
    service.attack();
    await flood(service.testbed, FLOOD_SECONDS);
    await pause(REST_MS);
    await service.reload();
    await service.rest();
    // What comes between these two is not to be blocked.
    await service.setMode('detect');
    await service.setMode('prevent');
    rounds++;
  }
  return `${rounds} rounds of attacks, a flood of ${FLOOD_SECONDS} s, a reload and two changes of mode`;
}

async function run({ rules, files, work }: Phase, memoryBytes: number): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'vpatch-soak-'));
  const rulesFile = join(folder, 'generated.rules');
  writeFileSync(rulesFile, generatedRules(rules));
  const group = new MemoryGroup(memoryBytes);
  const testbed = new Testbed();
  let traffic: OrdinaryTraffic | null = null;
  try {
    await testbed.ready();
    const vpatch = await VpatchProcess.start(testbed, {
      ruleFiles: [...ATTACKED_CVES.map((cve) => `signatures/*/${cve}.rules`), ...files, rulesFile],
      args: ['-m', 'prevent'],
      config: `state: { folder: ${folder}/state }\nrules: { cache-folder: ${folder}/cache }\n`,
      memoryGroup: group,
    });
    traffic = await OrdinaryTraffic.start(testbed, folder);
    const service = new Service(testbed, vpatch, rulesFile);
    const did = await work(service);
    const results = await traffic.stop();
    const { queues, incidents: all } = await vpatch.status();
    // It may have been full: on a busy machine, and what was then let pass is not known to be wrong.
    const { overflows, ...incidents } = all;
    const limitHits = group.limitHits;
    await vpatch.stop();
    const overflowed = queues.reduce((sum, queue) => sum + (queue.overflowed ?? 0), 0);
    const outcome = judged(service, results, { overflowed, overflows });
    const memory = `memory of all: ${mib(group.peakBytes)} MiB at most, the limit met ${limitHits} times`;
    const incidentCount = Object.values(incidents).reduce((sum, count) => sum + count, 0);
    return {
      lines: [did, ...outcome.lines, memory],
      wrong: [
        ...outcome.wrong,
        ...(group.kills > 0 ? [`the kernel ended ${group.kills} processes for want of memory`] : []),
        ...(incidentCount > 0 ? [`incidents: ${JSON.stringify(incidents)}`] : []),
      ],
    };
  } catch (error) {
    const { kills, peakBytes } = group;
    const memory = `${mib(peakBytes)} MiB at most, ${kills} processes ended by the kernel for want of memory`;
    return { lines: [], wrong: [`${(error as Error).message} (${memory})`] };
  } finally {
    await VpatchProcess.killAll();
    traffic?.close();
    testbed.close();
    await pause(100);
    group.close();
    rmSync(folder, { recursive: true });
  }
}

function judged(
  { attacks, residentBytes }: Service,
  kinds: readonly KindResult[],
  { overflowed, overflows }: Overflow,
): Outcome {
  const requests = kinds.reduce((sum, kind) => sum + kind.requests, 0);
  const failures = kinds.flatMap((kind) => kind.failures.map((failure) => `${kind.kind}: ${failure}`));
  const slowestMs = Math.max(...kinds.map((kind) => kind.slowestMs));
  const sent = attacks.reduce((sum, attack) => sum + attack.sent, 0);
  const arrived = attacks.reduce((sum, attack) => sum + attack.arrived, 0);
  const settled = residentBytes.slice(WARM_UP_RELOADS);
  const quarter = Math.max(1, Math.floor(settled.length / 4));
  const [first, last] = [median(settled.slice(0, quarter)), median(settled.slice(-quarter))];
  return {
    lines: [
      `${requests} requests, ${failures.length} failed, the slowest took ${slowestMs.toFixed(0)} ms`,
      ...kinds.map((kind) => `  ${kind.requests} ${kind.kind}, ${kind.failures.length} failed`),
      `${sent} attacks, ${arrived} arrived`,
      `packets dropped beyond the queue: ${overflowed}; times that it may have been full and let some pass: ${overflows}`,
      settled.length === 0
        ? `too few reloads to compare what is resident behind them: more than ${WARM_UP_RELOADS} are needed`
        : `resident after a reload: ${mib(first)} MiB in the first quarter, ${mib(last)} MiB in the last`,
    ],
    wrong: [
      ...(failures.length > 0 ? [`requests failed: ${failures.slice(0, 5).join('; ')}`] : []),
      ...(arrived > 0 ? [`${arrived} attacks arrived`] : []),
      ...(sent === 0 ? ['nobody attacked'] : []),
      ...(overflowed > 0 ? [`${overflowed} packets were dropped since the queue was full`] : []),
      ...(last > first * (1 + MAX_GROWTH) ? [`memory grew from ${mib(first)} to ${mib(last)} MiB`] : []),
    ],
  };
}

const pause = (durationMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, durationMs));
const mib = (bytes: number): string => (bytes / MIB).toFixed(0);
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

process.exitCode = await main();
