/** `make bench`: what inspection costs on this machine, as ratios to the same traffic without it. See settings.ts. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { endOnSignals, whyNoTestbed } from '../support/netns.ts';
import { VpatchProcess } from '../support/vpatch-process.ts';
import { Bed, NEEDED_PROGRAMS } from './bed.ts';
import { BASELINE, type Engine, enginesFor, NO_RULES, ownRules, SHIPPED_RULES } from './engine.ts';
import { residentMib } from './inspector.ts';
import { type BenchLoad, warmUp } from './loads.ts';
import type { Sample, Values } from './measures.ts';
import { plots, writePlots } from './plots.ts';
import { isInstalled, missingFor } from './programs.ts';
import { brief, comparisonTable, medianTable } from './report.ts';
import { type Settings, settingsOf, USAGE } from './settings.ts';
import { summarise } from './statistics.ts';

/** A program that only uses up a processor. */
const WHILE_WE_LIVE = 'while kill -0 $0 2>/dev/null; do :; done';

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args.includes('--help')) {
    console.log(USAGE);
    return 0;
  }
  const settings = understood(args);
  if (settings === null) return 2;
  const reason = whyNoTestbed();
  if (reason !== null) {
    console.error(`bench: cannot make network namespaces with NFQUEUE here (${reason}): run it as root`);
    return 3;
  }
  const missing = missingFor(NEEDED_PROGRAMS);
  if (missing !== null) {
    console.error(`bench: ${missing}`);
    return 3;
  }
  const loads = settings.loads.filter((load) => {
    const lacking = missingFor(load.needs);
    if (lacking !== null) console.log(`left out: ${load.name}, since ${lacking}`);
    return lacking === null;
  });
  const withSuricata = isInstalled('suricata');
  if (!withSuricata) console.log('left out: Suricata, which is not installed here');
  const engines = enginesFor({
    ruleSets: settings.ruleSets.map((name) =>
      name === 'none' ? NO_RULES : name === 'shipped' ? SHIPPED_RULES : ownRules(settings.ownRules!),
    ),
    withBypass: settings.withBypass,
    queues: settings.queues,
    priorities: settings.priorities,
    withSuricata,
  });
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}, Node ${process.versions.node}`;
  const about = { date: new Date().toISOString(), machine, rounds: settings.rounds, seconds: settings.seconds };
  console.log(`${machine}; ${settings.rounds} rounds, ${settings.seconds} s each load\n`);
  for (let i = 0; i < settings.busyPrograms; i++) spawn('sh', ['-c', WHILE_WE_LIVE, String(process.pid)]).unref();
  const { samples, failures } = await measure(engines, loads, settings);
  const summary = summarise(samples, BASELINE);
  console.log(`\n${medianTable(summary)}\nbeside ${BASELINE}:\n\n${comparisonTable(summary, BASELINE)}`);

  writePlots(settings.plots, plots(summary, BASELINE));
  mkdirSync(dirname(settings.json), { recursive: true });
  writeFileSync(settings.json, `${JSON.stringify({ ...about, engines, summary, samples }, null, 2)}\n`);
  console.log(`all samples: ${settings.json}; plots: ${settings.plots}`);
  if (failures > 0) console.error(`bench: ${failures} loads have failed, and are missing above`);
  return failures > 0 ? 1 : 0;
}

interface Measured {
  readonly samples: readonly Sample[];
  /** Loads that came to nothing. */
  readonly failures: number;
}

/**
 * All engines run all the time, and one load after the other is put on them in turn: the machine's speed changes from
 * minute to minute, so that only values of the same round can be compared.
 */
async function measure(engines: readonly Engine[], loads: readonly BenchLoad[], settings: Settings): Promise<Measured> {
  const samples: Sample[] = [];
  let failures = 0;
  const beds: { readonly bed: Bed; readonly atRest: Values }[] = [];
  try {
    for (const engine of engines) {
      const bed = await Bed.make(engine, settings.openConnections);
      beds.push({ bed, atRest: memory(bed, 'residentAtRest') });
      await warmUp(bed);
      console.log(`${engine.name} is up`);
    }
    for (let round = 1; round <= settings.rounds; round++) {
      const values: Values[] = beds.map(({ atRest }) => atRest);
      for (const load of loads) {
        for (const [at, { bed }] of beds.entries()) {
          const measured = await measuredBy(load, bed, settings);
          if (measured === null) failures++;
          values[at] = { ...values[at], ...measured };
          if (Object.keys(measured ?? {}).length > 0)
            console.log(`${round} ${bed.engine.name}: ${brief(measured ?? {})}`);
        }
      }
      for (const [at, { bed }] of beds.entries()) {
        samples.push({ round, engine: bed.engine.name, values: { ...values[at], ...memory(bed, 'residentAfter') } });
      }
    }
    return { samples, failures };
  } finally {
    await VpatchProcess.killAll();
    for (const { bed } of beds) bed.close();
  }
}

/** Null: it has failed, and was told. One that does must not end a run of a quarter of an hour. */
async function measuredBy(load: BenchLoad, bed: Bed, settings: Settings): Promise<Values | null> {
  try {
    return await load.run(bed, settings);
  } catch (error) {
    console.error(`${bed.engine.name}: ${load.name} has failed: ${(error as Error).message}`);
    return null;
  }
}

function memory({ inspector }: Bed, name: 'residentAtRest' | 'residentAfter'): Values {
  const mib = residentMib(inspector);
  return mib === null ? {} : { [name]: mib };
}

function understood(args: readonly string[]): Settings | null {
  try {
    return settingsOf(args);
  } catch (error) {
    console.error(`bench: ${(error as Error).message}\n\n${USAGE}`);
    return null;
  }
}

/** Everything that is written on the way is below one folder, which goes also when the program is interrupted. */
function ownTemporaryFolder(): void {
  const folder = mkdtempSync(join(tmpdir(), 'vpatch-bench-'));
  process.env.TMPDIR = folder;
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
}

endOnSignals();
ownTemporaryFolder();
process.exitCode = await main();
