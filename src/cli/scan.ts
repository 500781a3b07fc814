import { type Command, Option } from 'commander';
import { reasonOf } from '../config/problem.ts';
import { withoutControls } from '../output/log.ts';
import { PRESETS, type Preset } from '../patches/description.ts';
import { resultAsJson } from '../scan/result-json.ts';
import { findingRow, type ResultRow, recommendationRow, summaryLines } from '../scan/result-text.ts';
import { RootFs } from '../scan/root-fs.ts';
import { type ScanResult, scan } from '../scan/scan.ts';
import { EXIT, Failure } from './failure.ts';
import { loadCatalogue } from './patches.ts';
import { table } from './table.ts';

interface ScanCommandOptions {
  readonly root: string;
  readonly preset: Preset;
  readonly json?: boolean;
  readonly failOnFinding?: boolean;
}

export function registerScan(program: Command): void {
  program
    .command('scan')
    .summary('find weaknesses of this host, and the patches for them')
    .description(
      'Looks at what is installed and listens, compares it with advisories, and recommends virtual patches.\n' +
        'Reads only: nothing that is found is run, and no link is followed out of the root.',
    )
    .option('--root <folder>', 'scan a mounted image or the root of a container instead of this system', '/')
    .addOption(new Option('--preset <name>', 'how many patches to recommend').choices(PRESETS).default('balanced'))
    .option('--json', 'print the result as JSON')
    .option('--fail-on-finding', 'exit with 1 when a weakness was found')
    .addHelpText('after', '\nExamples:\n  sudo vpatch scan\n  vpatch scan --root /mnt/image --json')
    .action(runScan);
}

async function runScan(options: ScanCommandOptions): Promise<void> {
  const fs = openRoot(options.root);
  const showsProgress = process.stderr.isTTY === true;
  const result = await scan(fs, {
    patches: loadCatalogue().patches,
    preset: options.preset,
    advisories: [],
    nowMs: Date.now,
    ...(showsProgress && { onProgress: showProgress }),
  });
  if (showsProgress) process.stderr.write(CLEAR_LINE);
  process.stdout.write(options.json === true ? `${JSON.stringify(resultAsJson(result), null, 2)}\n` : page(result));
  if (options.failOnFinding === true && result.findings.length > 0) throw new Failure(EXIT.problem);
}

function openRoot(root: string): RootFs {
  try {
    return new RootFs(root);
  } catch (error) {
    throw new Failure(EXIT.usage, `--root ${root}: ${reasonOf(error)}`);
  }
}

const CLEAR_LINE = '\r\x1b[K';
const SHOWN_CHARACTERS = 60;

function showProgress(files: number, path: string): void {
  process.stderr.write(`${CLEAR_LINE}${files} files, ${withoutControls(path).slice(0, SHOWN_CHARACTERS)}`);
}

function page(result: ScanResult): string {
  const sections: [string, readonly ResultRow[]][] = [
    ['Weaknesses', result.findings.map(findingRow)],
    ['Patches', result.recommendations.map(recommendationRow)],
  ];
  const tables = sections.filter(([, rows]) => rows.length > 0).map(([title, rows]) => `${title}\n${rowsText(rows)}\n`);
  const notes = result.inventory.notes.map((note) => `note: ${withoutControls(note)}\n`);
  return [...tables, ...summaryLines(result).map((line) => `${withoutControls(line)}\n`), ...notes].join('');
}

function rowsText(rows: readonly ResultRow[]): string {
  const lines = table(rows.map(({ cells }) => cells)).split('\n');
  return rows
    .map(({ details }, at) => {
      const under = details.map((detail) => `      ${withoutControls(detail)}\n`).join('');
      return `  ${lines[at]}\n${under}`;
    })
    .join('');
}
