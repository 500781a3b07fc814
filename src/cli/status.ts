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

/** For people; `--json` has more. */
function statusText(status: ServiceStatus): string {
  const { interception, policy, traffic, latency, pauses, flows, memory, events, history, incidents } = status;
  const { rules } = policy;
  const actions = (['drop', 'reject', 'alert', 'pass'] as const)
    .filter((action) => rules[action] > 0)
    .map((action) => `${count(rules[action])} ${action}`);
  const held = rules.held === 0 ? [] : [`${count(rules.held)} of them held`];
  const parked = rules.parked === 0 ? [] : [`${count(rules.parked)} PARKED`];
  const interfaces =
    interception.interfaces.length === 0 ? 'all interfaces but lo' : interception.interfaces.join(', ');
  const rows: [string, string][] = [
    ['mode', `${status.mode}, since ${status.modeSince}`],
    ['inspecting', inspecting(status)],
    [
      '',
      `${interception.hooks.join(' and ')} on ${interfaces}, ${interception.firewall}, fail ${interception.failure}`,
    ],
    ['running', `process ${status.pid}, version ${status.version}, since ${status.startedAt}`],
    ['policy', `${policy.version}, loaded ${policy.loadedAt}`],
    ...(policy.assigned === null
      ? []
      : [['', `with what the scan has assigned: ${policy.assigned}`] as [string, string]]),
    [
      'rules',
      [`${count(rules.loaded)} loaded`, ...actions, ...held, ...parked, `${count(rules.refused)} refused`].join(', '),
    ],
    ['packets', `${count(traffic.packets)} (${mebibytes(traffic.bytes)}), ${count(traffic.dropped)} dropped`],
    ...entries(traffic.dropsByReason).map(([reason, n]): [string, string] => [
      '',
      `${count(n)} ${reason.replaceAll('_', ' ')}`,
    ]),
    [
      'alerts',
      `${count(traffic.alerts)}${traffic.excepted > 0 ? `, and ${count(traffic.excepted)} matches excepted` : ''}`,
    ],
    ['latency', `half within ${latency.p50Ms} ms, 99 % within ${latency.p99Ms} ms, all within ${latency.maxMs} ms`],
    [
      'pauses',
      `none longer than ${pauses.longestMs} ms, of which workers themselves worked ${pauses.longestWorkMs} ms at most`,
    ],
    ...status.queues.map((queue): [string, string] => [
      `queue ${queue.queue}`,
      `${count(queue.waiting ?? 0)} waiting, ${dropped(queue)}${queue.isInspecting ? '' : ', NO WORKER'}`,
    ]),
    [
      'flows',
      `${count(flows.active)} now, ${count(flows.bypassed)} of them bypassed; ${count(flows.total)} so far, ${count(flows.bypassedTotal)} bypassed`,
    ],
    [
      'memory',
      `${mebibytes(memory.residentBytes)} resident, ${mebibytes(memory.reassemblyBytes)} of it TCP reassembly`,
    ],
    ['events', events.outputs.length === 0 ? 'are written nowhere' : `${count(events.lostLines)} lines lost`],
    ...events.outputs.map(({ name, target, lostLines }): [string, string] => [
      '',
      `${name} ${target}, ${count(lostLines)} of them`,
    ]),
    ['history', historyText(history)],
    ...(status.notify !== null && status.notify.lostMessages > 0
      ? [['notified', `${count(status.notify.lostMessages)} messages could not be delivered`] as [string, string]]
      : []),
    ...(status.nextScan === null ? [] : [['next scan', status.nextScan] as [string, string]]),
    ...entries(incidents)
      .filter(([, n]) => n > 0)
      .map(([what, n]): [string, string] => ['incident', `${count(n)} ${INCIDENTS[what as keyof typeof INCIDENTS]}`]),
  ];
  const widest = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, text]) => `${label.padEnd(widest)}  ${withoutControls(text)}\n`).join('');
}

const INCIDENTS: Readonly<Record<keyof ServiceStatus['incidents'], string>> = {
  restarts: 'workers had to be started again',
  lostRules: 'times somebody else removed the firewall rules',
  lostLines: 'event lines were lost on their way to the output',
  failedPackets: 'packets could not be inspected for a mistake of ours',
  overflows: 'times a queue was full and may have let packets pass uninspected',
};

function dropped({ overflowed, beyondSocket }: QueueStatus): string {
  const socket = (beyondSocket ?? 0) > 0 ? ` (${count(beyondSocket!)} of them its socket)` : '';
  return `${count(overflowed ?? 0)} dropped since it was full${socket}`;
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

const entries = <T extends object>(counts: T): [string, number][] =>
  Object.entries(counts).sort(([, a], [, b]) => b - a);
