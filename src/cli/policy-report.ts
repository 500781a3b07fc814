import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { type Held, readHeld } from '../patches/held-store.ts';
import { PolicyStore } from '../patches/policy-store.ts';
import { addStateOptions, type SetupOptions, stateSettings, withState } from './scan-setup.ts';
import { table } from './table.ts';

type ReportOptions = Pick<SetupOptions, 'config' | 'state'> & { readonly json?: boolean };

export function registerPolicyReport(policy: Command): void {
  addStateOptions(policy.command('report'))
    .summary('what held patches and rules would have blocked')
    .description(
      'Shows what "policy pin" holds at detect or soak: how often it would have blocked, for which sources, and how far its\n' +
        'soak has got. The running service counts, and writes it down each minute.',
    )
    .option('--json', 'print it as JSON')
    .action((options: ReportOptions) => withState(() => report(options)));
}

function report(options: ReportOptions): void {
  const { scan, state } = stateSettings(options);
  const seen = readHeld(state.folder);
  const pinned = Object.entries(new PolicyStore(state.folder).pins());
  const lines = pinned.flatMap(([id, hold]) =>
    hold === 'detect' || hold === 'soak' ? [{ id, hold, seen: seen[id] }] : [],
  );
  if (options.json === true) {
    const entries = lines.map(({ id, hold, seen: known }) => ({ id, hold, ...known }));
    process.stdout.write(`${JSON.stringify({ soak: scan.soak, held: entries }, null, 2)}\n`);
    return;
  }
  if (lines.length === 0) {
    process.stdout.write('nothing is held: "vpatch policy pin ID soak" holds a patch or a rule\n');
    return;
  }
  const rows = table(lines.map(({ id, hold, seen: known }) => [id, hold, ...cellsOf(hold, known, scan.soak)])).split(
    '\n',
  );
  process.stdout.write(lines.map(({ seen: known }, at) => `${rows[at]}\n${detailsOf(known)}`).join(''));
}

function cellsOf(hold: Held['hold'], held: Held | undefined, soak: Config['scan']['soak']): string[] {
  if (held === undefined || held.hold !== hold) return ['the running service has not counted yet'];
  const { hits, sinceMs, lastHitMs, cleanMs, cleanFlows } = held;
  return [
    `${hits} since ${isoMinute(sinceMs)}`,
    lastHitMs === null ? '' : `last ${isoMinute(lastHitMs)}`,
    hold === 'detect'
      ? ''
      : `quiet for ${hours(cleanMs)} of ${hours(soak.timeMs)}, ${cleanFlows} of ${soak.flows} connections`,
  ];
}

/** Which rules would have blocked whom; the most frequent first. */
function detailsOf(held: Held | undefined): string {
  if (held === undefined || held.hits === 0) return '';
  const most = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .sort(([, a], [, b]) => b - a)
      .slice(0, SHOWN)
      .map(([name, count]) => `${name} (${count})`)
      .join(', ');
  return `      ${most(held.rules)} from ${most(held.sources)}\n`;
}

const SHOWN = 3;

const HOUR_MS = 3_600_000;
const hours = (durationMs: number): string => `${(durationMs / HOUR_MS).toFixed(1)} h`;

const isoMinute = (timeMs: number): string => `${new Date(timeMs).toISOString().slice(0, 16)}Z`;
