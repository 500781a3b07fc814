import type { ServiceStatus } from '../../src/service/status.ts';

/** Of a service that works, with nothing to complain of. */
export const STATUS: ServiceStatus = {
  version: '1.2.3',
  pid: 42,
  mode: 'prevent',
  modeSince: '2026-11-22T10:00:00.000Z',
  startedAt: '2026-11-22T10:00:00.000Z',
  uptimeSeconds: 60,
  ruleset: {
    version: '0123456789ab',
    assigned: 'ba9876543210',
    loadedAt: '2026-11-22T10:00:00.500Z',
    rules: { loaded: 7, alert: 4, drop: 3, reject: 0, held: 0, pass: 0, refused: 0, parked: 0, warnings: 1 },
  },
  interception: {
    isActive: true,
    firewall: 'nftables',
    hooks: ['input', 'output'],
    interfaces: [],
    managementPorts: [],
    failure: 'open',
  },
  traffic: {
    packets: 100,
    bytes: 5_000,
    accepted: 97,
    dropped: 3,
    alerts: 2,
    excepted: 0,
    dropsByReason: { rules: 3 },
    checks: { tcp_syn_fin: 1 },
  },
  latency: {
    packets: 100,
    p50Ms: 0.064,
    p99Ms: 0.128,
    maxMs: 0.128,
    sumMs: 5,
    buckets: [
      { upToMs: 0.064, packets: 90 },
      { upToMs: 0.128, packets: 10 },
      { upToMs: null, packets: 0 },
    ],
  },
  pauses: {
    longestMs: 2.048,
    longestWorkMs: 1.024,
    buckets: [
      { upToMs: 1.024, pauses: 0, byWork: 1 },
      { upToMs: 2.048, pauses: 1, byWork: 0 },
      { upToMs: null, pauses: 0, byWork: 0 },
    ],
  },
  queues: [
    { queue: 0, isInspecting: true, waiting: 2, overflowed: 0, beyondSocket: 0 },
    { queue: 1, isInspecting: true, waiting: null, overflowed: null, beyondSocket: null },
  ],
  flows: { active: 5, total: 20, bypassed: 2, bypassedTotal: 7 },
  memory: { residentBytes: 100_000_000, reassemblyBytes: 1_000, fragmentBytes: 0 },
  events: {
    file: '/var/log/vpatch/eve.json',
    lostLines: 0,
    outputs: [{ name: 'file', target: '/var/log/vpatch/eve.json', lostLines: 0 }],
  },
  notify: { lostMessages: 0 },
  nextScan: null,
  history: { file: '/var/lib/vpatch/history.db', lostEvents: 0, problem: null },
  incidents: { restarts: 0, lostRules: 0, lostLines: 0, failedPackets: 0, overflows: 0 },
  recent: { overflowed: 0, overflows: 0, lostLines: 0, lostMessages: 0, restarts: 0, lostRules: 0, failedPackets: 0 },
};
