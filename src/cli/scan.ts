import { writeFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { counted } from '../base/counted.ts';
import { reasonOf } from '../config/problem.ts';
import { parseDurationMs } from '../config/units.ts';
import { withoutControls } from '../output/log.ts';
import { PRESETS, type Preset } from '../patches/description.ts';
import { type Choice, composePolicy } from '../patches/policy.ts';
import { DEFAULT_WALK_LIMITS } from '../scan/inventory/walk.ts';
import { choicesOf } from '../scan/recommend.ts';
import { resultAsHtml } from '../scan/result-html.ts';
import { resultAsJson } from '../scan/result-json.ts';
import { findingRow, type ResultRow, recommendationRow, removedRow, summaryLines } from '../scan/result-text.ts';
import { RootFs } from '../scan/root-fs.ts';
import { type ScanResult, scan } from '../scan/scan.ts';
import {
  changesSince,
  lastScan,
  memoryOf,
  rememberScan,
  type ScanChanges,
  type ScanMemory,
} from '../scan/scan-changes.ts';
import { EXIT, Failure } from './failure.ts';
import { registerScanSchedule } from './scan-schedule.ts';
import {
  addSetupOptions,
  type ScanSetup,
  type SetupOptions,
  scanSetup,
  takePolicyOver,
  withState,
} from './scan-setup.ts';
import { table } from './table.ts';

interface ScanCommandOptions extends SetupOptions {
  readonly root: string;
  readonly preset?: Preset;
  readonly apply?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly html?: string;
  readonly timeLimit?: number;
  readonly failOnFinding?: boolean;
}

export function registerScan(program: Command): void {
  const command = program.command('scan').enablePositionalOptions();
  addSetupOptions(
    command
      .summary('find weaknesses of this host, and the patches for them')
      .description(
        'Looks at what is installed and listens, compares it with advisories, and recommends virtual patches.\n' +
          'Reads only: nothing that is found is run, and no link is followed out of the root.',
      )
      .option(
        '--root <folder>',
        'scan a mounted image or the root of a container instead of this system; with --state, compared with its last scan',
        '/',
      ),
  )
    .addOption(new Option('--preset <name>', 'how many patches to recommend (default: balanced)').choices(PRESETS))
    .option('--apply', 'assign what is recommended and take back what is not any more, as a new policy')
    .addOption(new Option('--json', 'print the result as JSON').conflicts('quiet'))
    .option('-q, --quiet', 'print only the last lines: how much was found, and what became of the policy')
    .option('--html <file>', 'write a report that needs nothing else, for people')
    .option('--time-limit <duration>', 'how long it may look at files, such as 10m (default: 120s)', durationMs)
    .option('--fail-on-finding', 'exit with 1 when a weakness was found')
    .addHelpText(
      'after',
      '\nExamples:\n  sudo vpatch scan\n  sudo vpatch scan --apply\n  vpatch scan --root /mnt/image --json',
    )
    .action(runScan);
  registerScanSchedule(command);
}

async function runScan(options: ScanCommandOptions): Promise<void> {
  const fs = openRoot(options.root);
  if (options.apply === true && !fs.isLive && options.state === undefined) {
    throw new Failure(
      EXIT.usage,
      "--apply of another root would become this host's policy: name its own --state folder",
    );
  }
  const setup = scanSetup(options);
  // What somebody looks at is nothing of this host's, unless its own folder is named.
  const isCompared = fs.isLive || options.state !== undefined;
  const last = isCompared ? withState(() => lastScan(setup.stateFolder, fs.root)) : null;
  const showsProgress = process.stderr.isTTY === true;
  const result = await scan(fs, {
    patches: setup.patches,
    offers: setup.offers,
    preset: options.preset ?? setup.settings.preset,
    knowledge: setup.advisories,
    nowMs: Date.now,
    ...(options.timeLimit !== undefined && { limits: { ...DEFAULT_WALK_LIMITS, maxMs: options.timeLimit } }),
    ...(showsProgress && { onProgress: showProgress }),
  });
  if (showsProgress) process.stderr.write(CLEAR_LINE);

  const changes = changesSince(last, result);
  const applied = options.apply === true ? withState(() => apply(setup, result)) : null;
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify({ ...resultAsJson(result, changes), policy: applied?.version ?? null }, null, 2)}\n`
      : options.quiet === true
        ? summary(result) + (applied?.text ?? '')
        : page(result, changes) + (applied?.text ?? ''),
  );
  if (options.html !== undefined) writeReport(options.html, resultAsHtml(result, changes));
  if (isCompared) remember(setup, result, last);
  // A scan that the service itself has started is quiet, and the service reloads by itself.
  if (applied?.isNew === true && options.quiet !== true) {
    (options.json === true ? process.stderr : process.stdout).write(await takePolicyOver(options));
  }
  if (options.failOnFinding === true && result.findings.length > 0) throw new Failure(EXIT.problem);
}

function durationMs(text: string): number {
  const value = parseDurationMs(text);
  if (value !== undefined) return value;
  throw new InvalidArgumentError('expected a duration such as 60s or 5m.');
}

function openRoot(root: string): RootFs {
  try {
    return new RootFs(root);
  } catch (error) {
    throw new Failure(EXIT.usage, `--root ${root}: ${reasonOf(error)}`);
  }
}

interface Applied {
  readonly version: string;
  /** Whether it is another one than before. */
  readonly isNew: boolean;
  readonly text: string;
}

/** One step: whoever loads rules meanwhile has the old policy or the new one. */
function apply({ store, offers }: ScanSetup, result: ScanResult): Applied {
  const recommended = choicesOf(result.recommendations);
  const unseen = result.inventory.isComplete ? [] : unlike(store.current()?.choices ?? [], recommended);
  const composed = composePolicy(
    {
      createdMs: result.startedMs,
      preset: result.preset,
      choices: [...recommended, ...unseen],
      pins: store.pins(),
    },
    offers,
  );
  const before = new Set(store.current()?.items.map(({ id }) => id));
  const isNew = store.apply(composed, result.startedMs, 'scan --apply');
  const { version, items } = composed.policy;
  const added = items.filter(({ id }) => !before.has(id)).length;
  const removed = [...before].filter((id) => !items.some((item) => item.id === id)).length;
  // A rule of a rule file can be pinned too.
  const missing = composed.missing
    .filter((id) => !id.includes(':'))
    .map((id) => `note: ${id} is pinned, and there is no such patch\n`)
    .join('');
  const text = isNew
    ? `policy ${version} is in force: ${items.length} assigned, ${added} new, ${removed} taken back\n`
    : `policy ${version} stays in force: ${items.length} assigned, nothing has changed\n`;
  const kept =
    unseen.length === 0
      ? ''
      : `note: not everything was looked at, so what earlier scans have assigned stays: ${counted(unseen.length, 'patch')}\n`;
  return { version, isNew, text: text + missing + kept };
}

/** A scan that has not seen everything has not seen that software is gone or mended. */
function unlike(earlier: readonly Choice[], now: readonly Choice[]): Choice[] {
  const ids = new Set(now.map(({ id }) => id));
  return earlier.filter(({ id }) => !ids.has(id));
}

function writeReport(file: string, html: string): void {
  try {
    writeFileSync(file, html, { mode: 0o640 });
  } catch (error) {
    throw new Failure(EXIT.usage, `--html ${file}: cannot be written: ${reasonOf(error)}`);
  }
}

/** Whoever may not write there still gets the result. */
function remember({ stateFolder }: ScanSetup, result: ScanResult, last: ScanMemory | null): void {
  try {
    rememberScan(stateFolder, memoryOf(result, last));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    process.stderr.write(`vpatch: the next scan cannot compare with this one: ${stateFolder}: ${reasonOf(error)}\n`);
  }
}

const CLEAR_LINE = '\r\x1b[K';
const SHOWN_CHARACTERS = 60;

function showProgress(files: number, path: string): void {
  process.stderr.write(`${CLEAR_LINE}${files} files, ${withoutControls(path).slice(0, SHOWN_CHARACTERS)}`);
}

function page(result: ScanResult, changes: ScanChanges): string {
  const recommended = result.recommendations.map((item) =>
    recommendationRow(item, changes.added.includes(item.offer.id)),
  );
  const sections: [string, readonly ResultRow[]][] = [
    ['Weaknesses', result.findings.map(findingRow)],
    ['Patches', [...recommended, ...changes.removed.map(removedRow)]],
  ];
  const tables = sections.filter(([, rows]) => rows.length > 0).map(([title, rows]) => `${title}\n${rowsText(rows)}\n`);
  const notes = result.inventory.notes.map((note) => `note: ${withoutControls(note)}\n`);
  return [...tables, summary(result), ...notes].join('');
}

const summary = (result: ScanResult): string =>
  summaryLines(result)
    .map((line) => `${withoutControls(line)}\n`)
    .join('');

function rowsText(rows: readonly ResultRow[]): string {
  const lines = table(rows.map(({ cells }) => cells)).split('\n');
  return rows
    .map(({ details }, at) => {
      const under = details.map((detail) => `      ${withoutControls(detail)}\n`).join('');
      return `  ${lines[at]}\n${under}`;
    })
    .join('');
}
