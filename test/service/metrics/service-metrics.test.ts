import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { expositionText } from '../../../src/service/metrics/exposition.ts';
import { serviceMetrics } from '../../../src/service/metrics/service-metrics.ts';
import { STATUS } from '../../support/service-status.ts';

const lines = expositionText(serviceMetrics(STATUS)).trimEnd().split('\n');

test.each([
  'vpatch_build_info{version="1.2.3"} 1',
  'vpatch_mode{mode="detect"} 0',
  'vpatch_mode{mode="prevent"} 1',
  'vpatch_start_time_seconds 1795341600',
  'vpatch_ruleset_info{version="0123456789ab"} 1',
  'vpatch_rules{action="drop"} 3',
  'vpatch_packets_total 100',
  'vpatch_verdicts_total{verdict="drop"} 3',
  'vpatch_drops_total{reason="rules"} 3',
  'vpatch_drops_total{reason="flow_drop"} 0',
  'vpatch_anomalies_total{check="tcp_syn_fin"} 1',
  'vpatch_anomalies_total{check="tcp_port_zero"} 0',
  'vpatch_verdict_latency_seconds_bucket{le="0.000064"} 90',
  'vpatch_verdict_latency_seconds_bucket{le="0.000128"} 100',
  'vpatch_verdict_latency_seconds_bucket{le="+Inf"} 100',
  'vpatch_verdict_latency_seconds_sum 0.005',
  'vpatch_verdict_latency_seconds_count 100',
  'vpatch_queue_waiting_packets{queue="0"} 2',
  'vpatch_queue_inspecting{queue="1"} 1',
])('%s', (line) => {
  expect(lines).toContain(line);
});

test('what the kernel does not say is no sample', () => {
  expect(lines.filter((line) => line.startsWith('vpatch_queue_overflowed_packets_total'))).toEqual([
    'vpatch_queue_overflowed_packets_total{queue="0"} 0',
  ]);
});

test('every line has the form of a sample or a comment, and no series comes twice', () => {
  for (const line of lines)
    expect(line).toMatch(/^(?:# (?:HELP|TYPE) \w+ \S.*|\w+(?:\{\w+="[^"]*"(?:,\w+="[^"]*")*\})? [\d.e+-]+)$/);
  const series = lines.filter((line) => !line.startsWith('#')).map((line) => line.slice(0, line.lastIndexOf(' ')));
  expect(new Set(series).size).toBe(series.length);
});

test('docs/monitoring.md has a row for each metric, and no other', () => {
  const page = readFileSync('docs/monitoring.md', 'utf8');
  const documented = [...page.matchAll(/^\| `(vpatch_\w+)/gm)].map(([, name]) => name);
  expect(documented.toSorted()).toEqual(
    serviceMetrics(STATUS)
      .map(({ name }) => name)
      .toSorted(),
  );
});
