import { MODES } from '../../config/config.ts';
import { PIPELINE_COUNTERS } from '../../output/pipeline-counters.ts';
import { OUTPUT_NAMES } from '../event-outputs.ts';
import type { QueueStatus, ServiceStatus } from '../status.ts';
import type { MetricFamily, Sample } from './exposition.ts';

const MS_PER_SECOND = 1000;

/**
 * What `vpatch status` shows, for Prometheus. Labels have values that we choose (reasons, checks, queues), so that no
 * traffic makes new series; all of them are there from the start, since an increase from nothing to one is none.
 */
export const serviceMetrics = (status: ServiceStatus): MetricFamily[] => [
  ...ofService(status),
  ...ofRules(status),
  ...ofVerdicts(status),
  ...ofQueues(status),
  ...ofMemory(status),
  ...ofLosses(status),
];

const ofService = ({ version, startedAt, uptimeSeconds, mode, interception }: ServiceStatus): MetricFamily[] => [
  info('vpatch_build_info', 'Version of the program.', { version }),
  gauge('vpatch_start_time_seconds', 'When the service started, in Unix time.', seconds(startedAt)),
  gauge('vpatch_uptime_seconds', 'For how long it has been running.', uptimeSeconds),
  gauges(
    'vpatch_mode',
    '1 for the mode that it works in.',
    MODES.map((known) => ({ labels: { mode: known }, value: Number(known === mode) })),
  ),
  gauge(
    'vpatch_inspecting',
    '1 while all queues have a worker and traffic is handed to them.',
    Number(interception.isActive),
  ),
];

const ofRules = ({ ruleset: { version, loadedAt, rules } }: ServiceStatus): MetricFamily[] => [
  info('vpatch_ruleset_info', 'Version of the ruleset: the same for the same rules and settings.', { version }),
  gauge('vpatch_ruleset_loaded_time_seconds', 'When the ruleset was loaded, in Unix time.', seconds(loadedAt)),
  gauges(
    'vpatch_rules',
    'Rules in force, by action.',
    (['alert', 'drop', 'reject', 'pass'] as const).map((action) => ({ labels: { action }, value: rules[action] })),
  ),
  gauge('vpatch_rules_refused', 'Rules that could not be loaded.', rules.refused),
  gauge('vpatch_rules_warnings', 'Warnings about rules that are in force.', rules.warnings),
  gauge('vpatch_rules_parked', 'Rules not tried now, since traffic made them too dear.', rules.parked),
];

const ofVerdicts = ({ traffic, latency }: ServiceStatus): MetricFamily[] => [
  counter('vpatch_packets_total', 'Packets that were inspected.', traffic.packets),
  counter('vpatch_bytes_total', 'Bytes of these packets.', traffic.bytes),
  counters('vpatch_verdicts_total', 'Packets by verdict.', [
    { labels: { verdict: 'accept' }, value: traffic.accepted },
    { labels: { verdict: 'drop' }, value: traffic.dropped },
  ]),
  counters('vpatch_drops_total', 'Dropped packets by reason.', byName('reason', DROP_REASONS, traffic.dropsByReason)),
  counter('vpatch_alerts_total', 'Matches of rules that were reported.', traffic.alerts),
  counter('vpatch_excepted_total', 'Matches of rules that an exception took back.', traffic.excepted),
  counters(
    'vpatch_anomalies_total',
    'How often an always-on check found something.',
    byName('check', CHECK_NAMES, traffic.checks),
  ),
  {
    type: 'histogram',
    name: 'vpatch_verdict_latency_seconds',
    help: 'From the hand-over of a packet to its verdict.',
    samples: latencySamples(latency),
  },
];

const ofQueues = ({ queues, incidents }: ServiceStatus): MetricFamily[] => [
  gauges(
    'vpatch_queue_inspecting',
    '1 while the queue has a worker.',
    byQueue(queues, ({ isInspecting }) => Number(isInspecting)),
  ),
  gauges(
    'vpatch_queue_waiting_packets',
    'Packets that wait for a verdict.',
    byQueue(queues, ({ waiting }) => waiting),
  ),
  counters(
    'vpatch_queue_overflowed_packets_total',
    'Packets dropped since the queue was full.',
    byQueue(queues, ({ overflowed }) => overflowed),
  ),
  counters(
    'vpatch_queue_socket_overflowed_packets_total',
    'Of them, for which its socket had no room.',
    byQueue(queues, ({ beyondSocket }) => beyondSocket),
  ),
  counter(
    'vpatch_queue_overflows_total',
    'Times that a queue was full and may have let packets pass uninspected.',
    incidents.overflows,
  ),
];

const ofMemory = ({ flows, memory }: ServiceStatus): MetricFamily[] => [
  gauge('vpatch_flows', 'Connections known now.', flows.active),
  counter('vpatch_flows_total', 'Connections so far.', flows.total),
  gauge('vpatch_flows_bypassed', 'Connections that the kernel goes on with by itself.', flows.bypassed),
  counter('vpatch_flows_bypassed_total', 'The same, since the start.', flows.bypassedTotal),
  gauge('vpatch_resident_memory_bytes', 'Memory of the whole process.', memory.residentBytes),
  gauge('vpatch_reassembly_memory_bytes', 'Of it, TCP streams.', memory.reassemblyBytes),
  gauge('vpatch_fragment_memory_bytes', 'Of it, fragments.', memory.fragmentBytes),
];

const ofLosses = ({ events, notify, history, incidents }: ServiceStatus): MetricFamily[] => [
  counter('vpatch_event_lines_lost_total', 'Event lines that were lost.', events.lostLines),
  counters(
    'vpatch_output_lines_lost_total',
    'Of them, those that an output could not take.',
    OUTPUT_NAMES.map((name) => ({
      labels: { output: name },
      value: events.outputs.find((output) => output.name === name)?.lostLines ?? 0,
    })),
  ),
  counter('vpatch_notifications_lost_total', 'Notifications not delivered.', notify?.lostMessages ?? 0),
  counter('vpatch_history_events_lost_total', 'Events lost to the history.', history?.lostEvents ?? 0),
  counter('vpatch_worker_restarts_total', 'Workers that died or hung and were started again.', incidents.restarts),
  counter('vpatch_firewall_restored_total', 'Times that somebody removed the firewall rules.', incidents.lostRules),
  counter('vpatch_failed_packets_total', 'Packets whose inspection failed by our mistake.', incidents.failedPackets),
];

const namesBehind = (prefix: string): readonly string[] =>
  PIPELINE_COUNTERS.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));

/** As EVE's `stats` has them. */
const DROP_REASONS = namesBehind('ips.drop_reason.');
const CHECK_NAMES = namesBehind('check.');

/** `counts` has only what happened. */
const byName = (label: string, names: readonly string[], counts: Readonly<Record<string, number>>): Sample[] =>
  names.map((name) => ({ labels: { [label]: name }, value: counts[name] ?? 0 }));

const gauges = (name: string, help: string, samples: Sample[]): MetricFamily => ({
  type: 'gauge',
  name,
  help,
  samples,
});

const counters = (name: string, help: string, samples: Sample[]): MetricFamily => ({
  type: 'counter',
  name,
  help,
  samples,
});

const gauge = (name: string, help: string, value: number): MetricFamily => gauges(name, help, [{ value }]);

const counter = (name: string, help: string, value: number): MetricFamily => counters(name, help, [{ value }]);

const info = (name: string, help: string, labels: Readonly<Record<string, string>>): MetricFamily =>
  gauges(name, help, [{ labels, value: 1 }]);

/** Prometheus counts in each bucket what is in the smaller ones too. */
function latencySamples(latency: ServiceStatus['latency']): Sample[] {
  const samples: Sample[] = [];
  let packets = 0;
  for (const bucket of latency.buckets) {
    packets += bucket.packets;
    const upTo = bucket.upToMs === null ? '+Inf' : String(bucket.upToMs / MS_PER_SECOND);
    samples.push({ suffix: '_bucket', labels: { le: upTo }, value: packets });
  }
  samples.push({ suffix: '_sum', value: latency.sumMs / MS_PER_SECOND });
  samples.push({ suffix: '_count', value: packets });
  return samples;
}

/** Null: the kernel does not say. */
const byQueue = (queues: readonly QueueStatus[], figure: (queue: QueueStatus) => number | null): Sample[] =>
  queues.flatMap((queue) => {
    const value = figure(queue);
    return value === null ? [] : [{ labels: { queue: String(queue.queue) }, value }];
  });

const seconds = (isoTime: string): number => Date.parse(isoTime) / MS_PER_SECOND;
