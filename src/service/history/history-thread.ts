/** The thread of the history: gathers lines, writes them, and deletes what is too old or too much. */
import { parentPort, workerData } from 'node:worker_threads';
import { CELL, type HistoryCommand, type HistoryReport, type HistoryThreadSettings } from './history-messages.ts';
import { HistoryWriter } from './history-writer.ts';

/** One transaction for what comes within it. */
const GATHER_MS = 500;
/** Also when nothing comes, what is too old goes. */
const TRIM_INTERVAL_MS = 60_000;

const settings = workerData as HistoryThreadSettings;
const cells = new Int32Array(settings.cells);
const port = parentPort!;
const report = (message: HistoryReport): void => port.postMessage(message);

const writer = new HistoryWriter({
  ...settings,
  onProblem: (problem) => report({ type: 'problem', problem }),
  onNote: (note) => report({ type: 'note', note }),
});
let gathered: string[] = [];
let timer: NodeJS.Timeout | null = null;

/** In steps, between which new lines are taken. */
function trim(): void {
  if (writer.trim(Date.now())) setImmediate(trim);
}

function write(): void {
  timer = null;
  if (gathered.length === 0) return;
  const lost = writer.write(gathered, Date.now());
  Atomics.add(cells, CELL.LOST_LINES, lost);
  Atomics.sub(cells, CELL.PENDING_LINES, gathered.length);
  Atomics.sub(
    cells,
    CELL.PENDING_CHARACTERS,
    gathered.reduce((sum, line) => sum + line.length, 0),
  );
  gathered = [];
}

port.on('message', (command: HistoryCommand) => {
  if (command.type === 'lines') {
    for (const line of command.lines) gathered.push(line);
    timer ??= setTimeout(() => {
      write();
      trim();
    }, GATHER_MS);
    return;
  }
  if (timer !== null) clearTimeout(timer);
  clearInterval(trimming);
  write();
  writer.close();
  port.close();
});
report({ type: 'problem', problem: null });
const trimming = setInterval(trim, TRIM_INTERVAL_MS);
trim();
