import type { FailureMode } from '../../config/config.ts';
import { CAPABILITY, effectiveCapabilities, hasCapability } from '../../service/capabilities.ts';
import { MachineError } from '../../service/machine-error.ts';
import { StopSignals } from '../../service/stop-signals.ts';
import { settingsFrom } from '../common-options.ts';
import { EXIT, Failure } from '../failure.ts';
import { table } from '../table.ts';
import type { Figures } from './messages.ts';
import { Interrupted, Rehearsal } from './rehearsal.ts';
import { brokenPromise, SITUATIONS, type Situation } from './situations.ts';

interface DrillOptions {
  readonly config: string | undefined;
  /** Left out: as it is configured. */
  readonly failure: FailureMode | undefined;
  readonly isJson: boolean;
}

/** What a situation has shown. */
interface Result {
  readonly situation: string;
  readonly title: string;
  readonly promised: string;
  readonly passed: boolean;
  /** What was not as promised; null: nothing. */
  readonly problem: string | null;
  readonly requests: number;
  readonly failedRequests: number;
  readonly outageMs: number;
  readonly attacks: number;
  readonly attacksPassed: number;
}

const PORTS = [8080, 8081, 8082, 8083];

/** `vpatch doctor --drill`. Exits with 1 where something is not as it was promised. */
export async function rehearse({ config: file, failure: wanted, isJson }: DrillOptions): Promise<void> {
  const capabilities = effectiveCapabilities();
  const { netAdmin, sysAdmin } = CAPABILITY;
  if (capabilities !== null && ![netAdmin, sysAdmin].every((one) => hasCapability(capabilities, one))) {
    throw new Failure(EXIT.machine, 'the drill makes network namespaces: run it as root, for instance with sudo');
  }
  const { config } = settingsFrom({ ...(file !== undefined && { config: file }), logLevel: 'warn' });
  const failure = wanted ?? config.failure.engine;
  const port = PORTS.find((candidate) => !config.queue.managementPorts.includes(candidate));
  if (port === undefined)
    throw new Failure(EXIT.usage, `one of the ports ${PORTS.join(', ')} must not be a management port`);

  const results = await inTurn({ config: file, failure, port }, isJson ? () => {} : tellProgress);
  const hasPassed = results.every(({ passed }) => passed);
  process.stdout.write(
    isJson ? `${JSON.stringify({ passed: hasPassed, failure, results }, null, 2)}\n` : textOf(results),
  );
  if (!hasPassed) process.exitCode = EXIT.problem;
}

/** All situations, one after the other. Whatever ends it, nothing of it stays. */
async function inTurn(
  options: ConstructorParameters<typeof Rehearsal>[0],
  onSituation: (title: string) => void,
): Promise<Result[]> {
  const signals = new StopSignals();
  let rehearsal: Rehearsal | null = null;
  try {
    const stage = new Rehearsal(options);
    rehearsal = stage;
    void signals.first.then(() => stage.interrupt());
    await stage.open();
    const results: Result[] = [];
    for (const situation of SITUATIONS) {
      onSituation(situation.title);
      results.push(await play(stage, situation));
    }
    return results;
  } catch (error) {
    if (error instanceof Interrupted)
      throw new Failure(EXIT.problem, 'the drill was interrupted; nothing of it is left');
    throw error instanceof MachineError ? new Failure(EXIT.machine, error.message) : error;
  } finally {
    rehearsal?.close();
    signals.close();
  }
}

async function play(rehearsal: Rehearsal, situation: Situation): Promise<Result> {
  const promised = situation.promises[rehearsal.failure];
  let problem: string | null = null;
  let before: Figures | null = null;
  try {
    await prepare(rehearsal, situation);
    before = rehearsal.figures;
    await situation.happen(rehearsal);
    if (rehearsal.engine !== null) await rehearsal.untilInspected();
  } catch (error) {
    // Without the service, there is nothing to rehearse.
    if (error instanceof Interrupted || error instanceof MachineError) throw error;
    problem = (error as Error).message;
  }
  const after = await rehearsal.stopLoad();
  const since = (name: 'requests' | 'failed' | 'attacks' | 'passed'): number => after[name] - (before?.[name] ?? 0);
  const figures = { ...after, failed: since('failed'), passed: since('passed') };
  problem ??= brokenPromise(promised, figures);
  // What comes next begins with a service that is as it should be.
  if (problem !== null) await rehearsal.endEngine();
  return {
    situation: situation.name,
    title: situation.title,
    promised: promised.text,
    passed: problem === null,
    problem,
    requests: since('requests'),
    failedRequests: figures.failed,
    outageMs: figures.outageMs,
    attacks: since('attacks'),
    attacksPassed: figures.passed,
  };
}

/** The load runs, and the service inspects it, if there is to be one. */
async function prepare(rehearsal: Rehearsal, { engine, clients }: Situation): Promise<void> {
  if (engine !== undefined) await rehearsal.endEngine();
  if (engine !== null && rehearsal.engine === null) await rehearsal.startEngine(engine);
  await rehearsal.startLoad(clients);
  if (engine !== null) await rehearsal.untilInspected();
}

function tellProgress(title: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${title} ...\n`);
}

function textOf(results: readonly Result[]): string {
  const rows = results.map(
    ({ situation, passed, requests, failedRequests, outageMs, attacks, attacksPassed, promised }) => [
      passed ? 'passed' : 'FAILED',
      situation,
      `${requests}`,
      `${failedRequests}`,
      `${outageMs} ms`,
      `${attacksPassed} of ${attacks}`,
      promised,
    ],
  );
  const head = ['RESULT', 'SITUATION', 'REQUESTS', 'FAILED', 'WITHOUT ANSWER', 'ATTACKS PASSED', 'PROMISED'];
  const problems = results.flatMap(({ situation, problem }) =>
    problem === null ? [] : [`${situation}: ${problem}\n`],
  );
  return `${table([head, ...rows])}${problems.join('')}`;
}
