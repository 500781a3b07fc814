import type { Command } from 'commander';
import { withoutControls } from '../output/log.ts';
import { uninspected } from '../service/health.ts';
import type { QueueStatus, ServiceStatus } from '../service/status.ts';
import { addControlOption, askService, type ControlOptions } from './control.ts';
import { count, mebibytes } from './figures.ts';

interface StatusOptions extends ControlOptions {
  readonly json?: boolean;
}

export function registerStatus(program: Command): void {
  const command = program
    .command('status')
    .summary('what the running service does')
    .description('Prints mode, rules, traffic, drops by reason, latency, queues and memory of the running service.')
    .option('--json', 'print it as JSON');
  addControlOption(command).addHelpText('after', '\nExit code 3 when no service runs.').action(status);
}

async function status({ json = false, ...options }: StatusOptions): Promise<void> {
  const result = (await askService(options, { command: 'status' })) as ServiceStatus;
  process.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : statusText(result));
}

/** A label, empty where the row goes on with the one above, and its text. */
type Row = readonly [string, string];

/** For people; `--json` has more. */
export function statusText(status: ServiceStatus): string {
  const rows = [...serviceRows(status), ...trafficRows(status), ...resourceRows(status), ...troubleRows(status)];
  const widest = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, text]) => `${label.padEnd(widest)}  ${withoutControls(text)}\n`).join('');
}

function serviceRows(status: ServiceStatus): Row[] {
  const { interception, ruleset } = status;
  const { hooks, interfaces, firewall, failure } = interception;
  const places = interfaces.length === 0 ? 'all interfaces but lo' : interfaces.join(', ');
  return [
    ['mode', `${status.mode}, since ${status.modeSince}`],
    ['inspecting', inspecting(status)],
    ['', `${hooks.join(' and ')} on ${places}, ${firewall}, fail ${failure}`],
    ['running', `process ${status.pid}, version ${status.version}, since ${status.startedAt}`],
    ['ruleset', `${ruleset.version}, loaded ${ruleset.loadedAt}`],
    ...rowsIf(ruleset.assigned !== null, ['', `with the scan's policy ${ruleset.assigned}`]),
    ['rules', rulesText(ruleset.rules)],
  ];
}

function trafficRows({ traffic, latency, pauses, queues }: ServiceStatus): Row[] {
  const excepted = traffic.excepted > 0 ? `, and ${count(traffic.excepted)} matches excepted` : '';
  return [
    ['packets', `${count(traffic.packets)} (${mebibytes(traffic.bytes)}), ${count(traffic.dropped)} dropped`],
    ...entries(traffic.dropsByReason).map(([reason, n]): Row => ['', `${count(n)} ${reason.replaceAll('_', ' ')}`]),
    ['alerts', `${count(traffic.alerts)}${excepted}`],
    ['latency', `half within ${latency.p50Ms} ms, 99 % within ${latency.p99Ms} ms, all within ${latency.maxMs} ms`],
    [
      'pauses',
      `none longer than ${pauses.longestMs} ms, of which workers themselves worked ${pauses.longestWorkMs} ms at most`,
    ],
    ...queues.map((queue): Row => [`queue ${queue.queue}`, queueText(queue)]),
  ];
}

function resourceRows({ flows, memory, events, history, nextScan }: ServiceStatus): Row[] {
  const bypassed = `${count(flows.bypassed)} of them bypassed`;
  return [
    [
      'flows',
      `${count(flows.active)} now, ${bypassed}; ${count(flows.total)} so far, ${count(flows.bypassedTotal)} bypassed`,
    ],
    [
      'memory',
      `${mebibytes(memory.residentBytes)} resident, ${mebibytes(memory.reassemblyBytes)} of it TCP reassembly`,
    ],
    ['events', events.outputs.length === 0 ? 'are written nowhere' : `${count(events.lostLines)} lines lost`],
    ...events.outputs.map(({ name, target, lostLines }): Row => ['', `${name} ${target}, ${count(lostLines)} of them`]),
    ['history', historyText(history)],
    ...rowsIf(nextScan !== null, ['next scan', `${nextScan}`]),
  ];
}

function troubleRows({ notify, incidents }: ServiceStatus): Row[] {
  const lostMessages = notify?.lostMessages ?? 0;
  return [
    ...rowsIf(lostMessages > 0, ['notified', `${count(lostMessages)} messages could not be delivered`]),
    ...entries(incidents)
      .filter(([, n]) => n > 0)
      .map(([what, n]): Row => ['incident', `${count(n)} ${INCIDENTS[what]}`]),
  ];
}

const rowsIf = (isThere: boolean, row: Row): Row[] => (isThere ? [row] : []);

function rulesText(rules: ServiceStatus['ruleset']['rules']): string {
  const actions = (['drop', 'reject', 'alert', 'pass'] as const)
    .filter((action) => rules[action] > 0)
    .map((action) => `${count(rules[action])} ${action}`);
  const held = rules.held === 0 ? [] : [`${count(rules.held)} of them held`];
  const parked = rules.parked === 0 ? [] : [`${count(rules.parked)} PARKED`];
  return [`${count(rules.loaded)} loaded`, ...actions, ...held, ...parked, `${count(rules.refused)} refused`].join(
    ', ',
  );
}

const INCIDENTS: Readonly<Record<keyof ServiceStatus['incidents'], string>> = {
  restarts: 'workers had to be started again',
  lostRules: 'times somebody else removed the firewall rules',
  lostLines: 'event lines were lost on their way to the output',
  failedPackets: 'packets could not be inspected for a mistake of ours',
  overflows: 'times a queue was full and may have let packets pass uninspected',
};

function queueText({ waiting, overflowed, beyondSocket, isInspecting }: QueueStatus): string {
  const worker = isInspecting ? '' : ', NO WORKER';
  if (waiting === null || overflowed === null) return `the kernel says nothing of it${worker}`;
  const socket = (beyondSocket ?? 0) > 0 ? ` (${count(beyondSocket!)} of them its socket)` : '';
  return `${count(waiting)} waiting, ${count(overflowed)} dropped since it was full${socket}${worker}`;
}

function historyText(history: ServiceStatus['history']): string {
  if (history === null) return 'nothing is kept';
  const { file, lostEvents, problem } = history;
  return problem === null ? `${file}, ${count(lostEvents)} events lost` : `NO: ${problem}`;
}

function inspecting(status: ServiceStatus): string {
  const problem = uninspected(status);
  return problem === null ? 'yes' : `NO: ${problem}`;
}

/** The most first. */
const entries = <K extends string>(counts: Readonly<Record<K, number>>): [K, number][] =>
  (Object.entries(counts) as [K, number][]).sort(([, a], [, b]) => b - a);
