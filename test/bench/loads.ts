import { appendFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask } from '../../src/service/control-client.ts';
import { latencyQuantileMs } from '../../src/service/latency.ts';
import type { ServiceStatus } from '../../src/service/status.ts';
import { Load } from '../support/load.ts';
import { Testbed } from '../support/netns.ts';
import type { VpatchProcess } from '../support/vpatch-process.ts';
import { type Bed, DNS_ZONE, LARGE_PATH, PAGE_PATH } from './bed.ts';
import { HeldConnections } from './held-connections.ts';
import { EXTRA_RULES, residentMib, startInspector } from './inspector.ts';
import type { Values } from './measures.ts';
import { parseDnsperf, parseIperf, parsePing, parseWrk, type Requests, type RoundTrips } from './tool-output.ts';

export interface LoadSettings {
  /** For each single load: short, so that the engines take turns before the machine's speed has changed. */
  readonly seconds: number;
  /** Held open at the same time. */
  readonly openConnections: number;
}

/** Something to put on an engine, and what is measured by it. */
export interface BenchLoad {
  readonly name: string;
  /** Programs that it takes. */
  readonly needs: readonly string[];
  /** It takes minutes, and runs only where it is named. */
  readonly isExtra?: boolean;
  readonly run: (bed: Bed, settings: LoadSettings) => Promise<Values>;
}

/** In this order, since the later ones leave more behind. */
export const LOADS: readonly BenchLoad[] = [
  {
    name: 'latency',
    needs: ['wrk', 'ping'],
    run: async (bed, { seconds }) => {
      const request = await requests(bed, seconds, { connections: 1 });
      const ping = await pings(bed, seconds);
      const [, loadedRequest, loadedPing] = await Promise.all([
        requests(bed, seconds),
        requests(bed, seconds, { connections: 1 }),
        pings(bed, seconds),
      ]);
      return {
        requestP50: request.medianMs,
        requestP99: request.p99Ms,
        pingP50: ping.medianMs,
        pingP99: ping.p99Ms,
        loadedRequestP50: loadedRequest.medianMs,
        loadedRequestP99: loadedRequest.p99Ms,
        loadedPingP50: loadedPing.medianMs,
        loadedPingP99: loadedPing.p99Ms,
      };
    },
  },
  {
    name: 'bulk',
    needs: ['iperf3'],
    run: async (bed, { seconds }) => ({
      bulkUp: await bulk(bed, seconds, []),
      bulkDown: await bulk(bed, seconds, ['-R']),
    }),
  },
  {
    name: 'http',
    needs: ['wrk'],
    run: async (bed, { seconds }) => {
      const { perSecond, p99Ms } = await requests(bed, seconds);
      return { keepAlive: perSecond, keepAliveP99: p99Ms };
    },
  },
  {
    name: 'connections',
    needs: ['wrk'],
    run: async (bed, { seconds }) => ({ connections: (await requests(bed, seconds, { isFresh: true })).perSecond }),
  },
  {
    name: 'objects',
    needs: ['wrk'],
    run: async (bed, { seconds }) => ({
      objects: (await requests(bed, seconds, { url: bed.http(LARGE_PATH) })).perSecond,
    }),
  },
  {
    name: 'https',
    needs: ['wrk', 'openssl'],
    run: async (bed, { seconds }) => {
      const url = bed.https(PAGE_PATH);
      return {
        https: (await requests(bed, seconds, { url })).perSecond,
        handshakes: (await requests(bed, seconds, { url, isFresh: true })).perSecond,
      };
    },
  },
  {
    name: 'dns',
    needs: ['dnsmasq', 'dnsperf'],
    run: async (bed, { seconds }) => ({ dns: await queries(bed, seconds, 'www') }),
  },
  { name: 'open', needs: [], run: holdConnections },
  { name: 'start', needs: [], run: measureStart },
  { name: 'reload', needs: ['ping'], run: measureReload },
  { name: 'storm', needs: ['ping', 'dnsmasq', 'dnsperf'], run: measureStorm },
  { name: 'held', needs: [], isExtra: true, run: measureHeld },
];

/** A service runs for weeks: what the compiler still has to learn in its first seconds is not what it costs. */
export async function warmUp(bed: Bed): Promise<void> {
  await requests(bed, WARM_UP_SECONDS);
}

const WARM_UP_SECONDS = 3;
const HTTP_CONNECTIONS = 32;
const PING_INTERVAL_SECONDS = 0.002;
const DNS_CLIENTS = 32;
const DNS_QUERIES_UNDER_WAY = 64;
const ANSWER_LIMIT_MS = 120_000;
/** Event lines reach the file within it. */
const EVENT_DELAY_MS = 300;

async function bulk(bed: Bed, seconds: number, args: readonly string[]): Promise<number> {
  return parseIperf(await bed.client('iperf3', ['-c', bed.serverAddress, '-t', String(seconds), '-J', ...args]));
}

async function requests(
  bed: Bed,
  seconds: number,
  { url = bed.http(PAGE_PATH), connections = HTTP_CONNECTIONS, isFresh = false } = {},
): Promise<Requests> {
  const about = isFresh ? ['-H', 'Connection: close'] : [];
  const all = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--latency', ...about, url];
  return parseWrk(await bed.client('wrk', all));
}

async function pings(bed: Bed, seconds: number): Promise<RoundTrips> {
  const args = ['-n', '-i', String(PING_INTERVAL_SECONDS), '-w', String(Math.ceil(seconds)), bed.serverAddress];
  return parsePing(await bed.client('ping', args));
}

async function queries(bed: Bed, seconds: number, name: string): Promise<number> {
  const file = join(bed.folder, 'queries.txt');
  writeFileSync(file, Array.from({ length: 1000 }, (_, n) => `${name}${n}.${DNS_ZONE} A\n`).join(''));
  const amount = ['-c', String(DNS_CLIENTS), '-q', String(DNS_QUERIES_UNDER_WAY), '-l', String(seconds)];
  return parseDnsperf(await bed.client('dnsperf', ['-s', bed.serverAddress, '-d', file, ...amount]));
}

async function holdConnections(bed: Bed, { seconds, openConnections }: LoadSettings): Promise<Values> {
  const residentBefore = residentMib(bed.inspector);
  const held = await openedConnections(bed, openConnections, seconds);
  const residentOpen = residentMib(bed.inspector);
  const { perSecond, p99Ms } = await held.ask();
  await held.close();
  return {
    openRate: perSecond,
    openP99: p99Ms,
    ...(residentBefore !== null &&
      residentOpen !== null && { openKib: ((residentOpen - residentBefore) * 1024) / openConnections }),
  };
}

async function openedConnections(bed: Bed, connections: number, seconds: number): Promise<HeldConnections> {
  const aim = { host: bed.serverAddress, port: bed.httpPort, path: PAGE_PATH, seconds };
  return HeldConnections.open(bed.testbed, connections, aim);
}

/** Opened as fast as they can be, and silent from then on. */
async function measureHeld(bed: Bed, { openConnections }: LoadSettings): Promise<Values> {
  const { vpatch } = bed.inspector;
  const restMib = residentMib(bed.inspector);
  const before = await vpatch?.status();
  const startedAtMs = performance.now();
  const held = await openedConnections(bed, openConnections, 0);
  const heldRate = (openConnections * 1000) / (performance.now() - startedAtMs);
  const openMib = residentMib(bed.inspector);
  const longest = vpatch === null ? null : await longestSince(vpatch, before!);
  await new Promise((resolve) => setTimeout(resolve, SILENT_MS));
  const silentMib = residentMib(bed.inspector);
  const status = await vpatch?.status();
  await held.close();
  return {
    heldRate,
    ...(restMib !== null &&
      openMib !== null &&
      silentMib !== null && {
        heldRest: restMib,
        heldOpen: openMib,
        heldSilent: silentMib,
        heldOpenKib: ((openMib - restMib) * 1024) / openConnections,
        heldSilentKib: ((silentMib - restMib) * 1024) / openConnections,
      }),
    ...(status !== undefined && {
      heldFlows: status.flows.active,
      heldDropped: status.traffic.dropped - before!.traffic.dropped,
    }),
    ...(longest !== null && {
      heldVerdict: longest.verdictMs,
      heldPause: longest.pauseMs,
      heldWork: longest.workMs,
    }),
  };
}

/** Behind it, all connections are packed. */
const SILENT_MS = 60_000;

/** Twice in namespaces of its own, the second time with whatever the first has put aside. */
async function measureStart(bed: Bed): Promise<Values> {
  const { inspection } = bed.engine;
  if (inspection.by !== 'vpatch' && inspection.by !== 'suricata') return {};
  const folder = mkdtempSync(join(bed.folder, 'start-'));
  const startMs: number[] = [];
  for (let turn = 0; turn < 2; turn++) {
    const testbed = new Testbed();
    try {
      await testbed.ready();
      const startedAtMs = performance.now();
      const inspector = await startInspector(inspection, testbed, folder, bed.connections);
      startMs.push(performance.now() - startedAtMs);
      await inspector.vpatch?.stop();
    } finally {
      testbed.close();
    }
  }
  // Suricata 7 keeps nothing for its next start.
  return { startCold: startMs[0]! / 1000, ...(inspection.by === 'vpatch' && { startCached: startMs[1]! / 1000 }) };
}

/** With other rules than before, under requests of which none may fail. */
async function measureReload(bed: Bed, { seconds }: LoadSettings): Promise<Values> {
  const { vpatch, suricata } = bed.inspector;
  if (vpatch === null && suricata === null) return {};
  const load = await Load.start(bed.testbed, { url: bed.http(PAGE_PATH), page: bed.page, clients: 8, pauseMs: 1 });
  const pinging = pings(bed, seconds + PING_MARGIN_SECONDS);
  const before = await vpatch?.status();
  appendFileSync(join(bed.folder, EXTRA_RULES), '# once more\n');
  const startedAtMs = performance.now();
  await (vpatch === null ? suricata?.reload() : reload(vpatch));
  const reloadMs = performance.now() - startedAtMs;
  const longest = vpatch === null ? null : await longestSince(vpatch, before!);
  const { failures } = await load.stop();
  return {
    reload: reloadMs / 1000,
    reloadFailures: failures.length,
    reloadPing: (await pinging).longestMs,
    ...(longest !== null && {
      reloadVerdict: longest.verdictMs,
      reloadPause: longest.pauseMs,
      reloadWork: longest.workMs,
    }),
  };
}

/** The ping goes on for about as long as a reload of many rules. */
const PING_MARGIN_SECONDS = 4;

/** Every DNS query is an event. */
async function measureStorm(bed: Bed, { seconds }: LoadSettings): Promise<Values> {
  const { vpatch } = bed.inspector;
  const storm = async (): Promise<RoundTrips> => {
    const [, ping] = await Promise.all([queries(bed, seconds, 'storm'), pings(bed, seconds)]);
    return ping;
  };
  // Pings wait for processors with any engine.
  if (vpatch === null) return { stormPing: (await storm()).longestMs };
  const rules = join(bed.folder, EXTRA_RULES);
  const usual = readFileSync(rules, 'utf8');
  writeFileSync(rules, STORM_RULE);
  await reload(vpatch);
  const [before, linesBefore] = [await vpatch.status(), vpatch.events('alert').length];
  const ping = await storm();
  const after = await vpatch.status();
  const longest = await longestSince(vpatch, before);
  await new Promise((resolve) => setTimeout(resolve, EVENT_DELAY_MS));
  const lines = vpatch.events('alert').length - linesBefore;
  writeFileSync(rules, usual);
  await reload(vpatch);
  return {
    stormEvents: (after.traffic.alerts - before.traffic.alerts) / seconds,
    stormLines: lines / seconds,
    stormPing: ping.longestMs,
    stormVerdict: longest.verdictMs,
    stormPause: longest.pauseMs,
    stormWork: longest.workMs,
  };
}

const STORM_RULE =
  'alert dns any any -> any any (msg:"A query of the benchmark"; dns.query; content:"storm"; sid:9999999; rev:1;)\n';

/** Forced, since the rule of a storm may be the only one, and goes again. */
async function reload(vpatch: VpatchProcess): Promise<void> {
  const answer = await ask(vpatch.control, { command: 'reload', force: true }, { limitMs: ANSWER_LIMIT_MS });
  if (answer.status !== 'ok') throw new Error(`reload: ${answer.lines.join('; ')}`);
}

interface Longest {
  readonly verdictMs: number;
  readonly pauseMs: number;
  readonly workMs: number;
}

/** What took longest since `before`, as upper ends of buckets. */
async function longestSince(vpatch: VpatchProcess, before: ServiceStatus): Promise<Longest> {
  const { latency, pauses } = await vpatch.status();
  const longest = (counts: (status: Pick<ServiceStatus, 'latency' | 'pauses'>) => readonly number[]): number => {
    const earlier = counts(before);
    const since = counts({ latency, pauses }).map((packets, at) => ({
      upToMs: latency.buckets[at]!.upToMs,
      packets: packets - earlier[at]!,
    }));
    return latencyQuantileMs(since, 1);
  };
  return {
    verdictMs: longest((status) => status.latency.buckets.map(({ packets }) => packets)),
    pauseMs: longest((status) => status.pauses.buckets.map(({ pauses: count }) => count)),
    workMs: longest((status) => status.pauses.buckets.map(({ byWork }) => byWork)),
  };
}
