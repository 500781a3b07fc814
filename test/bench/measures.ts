/** How a value is set beside that of the same round without an IPS. */
type Comparison = 'ratio' | 'difference' | 'none';

export interface MeasureAbout {
  readonly title: string;
  readonly unit: string;
  readonly comparison: Comparison;
  /** A rate, whose ratio belongs into the plot of them. */
  readonly isRate: boolean;
}

const rate = (title: string, unit = '1/s'): MeasureAbout => ({ title, unit, comparison: 'ratio', isRate: true });
const time = (title: string, comparison: Comparison = 'ratio'): MeasureAbout => ({
  title,
  unit: 'ms',
  comparison,
  isRate: false,
});
const figure = (title: string, unit: string): MeasureAbout => ({ title, unit, comparison: 'none', isRate: false });

/** All that `make bench` measures, in the order of its tables. */
export const MEASURES = {
  bulkUp: rate('bulk TCP up', 'Gbit/s'),
  bulkDown: rate('bulk TCP down', 'Gbit/s'),
  keepAlive: rate('pages of 1 KB, keep-alive, 32 connections'),
  keepAliveP99: time('32 connections, 99 % within'),
  connections: rate('pages of 1 KB, a connection each'),
  objects: rate('objects of 100 KB, keep-alive'),
  https: rate('HTTPS, pages of 1 KB, keep-alive'),
  handshakes: rate('HTTPS, a handshake each'),
  dns: rate('DNS over UDP, answers'),
  requestP50: time('one request at a time, half within'),
  requestP99: time('one request at a time, 99 % within'),
  pingP50: time('ping, half within', 'difference'),
  pingP99: time('ping, 99 % within', 'difference'),
  loadedRequestP50: time('one request beside 32, half within'),
  loadedRequestP99: time('one request beside 32, 99 % within'),
  loadedPingP50: time('ping beside 32, half within', 'difference'),
  loadedPingP99: time('ping beside 32, 99 % within', 'difference'),
  openRate: rate('requests on many open connections'),
  openP99: time('many open connections, 99 % within'),
  openKib: figure('memory for an open connection', 'KiB'),
  residentAtRest: figure('resident memory at rest', 'MiB'),
  residentAfter: figure('resident memory after all loads', 'MiB'),
  startCold: figure('start to inspection', 's'),
  startCached: figure('start to inspection, rules cached', 's'),
  reload: figure('reload', 's'),
  reloadFailures: figure('reload: requests that failed', ''),
  reloadPing: figure('reload: longest ping', 'ms'),
  reloadVerdict: figure('reload: longest verdict', 'ms'),
  reloadPause: figure('reload: longest pause of the worker', 'ms'),
  reloadWork: figure('reload: of pauses, longest own work', 'ms'),
  stormEvents: figure('event storm, events', '1/s'),
  stormLines: figure('event storm: lines written', '1/s'),
  stormPing: time('event storm: longest ping', 'difference'),
  stormVerdict: figure('event storm: longest verdict', 'ms'),
  stormPause: figure('event storm: longest pause of the worker', 'ms'),
  stormWork: figure('event storm: of pauses, longest own work', 'ms'),
  heldRate: figure('connections opened and held, each with a request', '1/s'),
  heldRest: figure('resident memory at rest, before them', 'MiB'),
  heldOpen: figure('resident memory when all are open', 'MiB'),
  heldSilent: figure('resident memory after a silent minute', 'MiB'),
  heldOpenKib: figure('memory for each when all are open', 'KiB'),
  heldSilentKib: figure('memory for each after a silent minute', 'KiB'),
  heldFlows: figure('connections known after a silent minute', ''),
  heldDropped: figure('packets dropped', ''),
  heldVerdict: figure('while they open: longest verdict', 'ms'),
  heldPause: figure('while they open: longest pause of the worker', 'ms'),
  heldWork: figure('while they open: of pauses, longest own work', 'ms'),
} as const satisfies Readonly<Record<string, MeasureAbout>>;

export type Measure = keyof typeof MEASURES;
export const MEASURE_NAMES = Object.keys(MEASURES) as Measure[];

/** What does not apply to an engine is not there. */
export type Values = Readonly<Partial<Record<Measure, number>>>;

/** One engine in one round. */
export interface Sample {
  readonly round: number;
  readonly engine: string;
  readonly values: Values;
}
