/** What a load said of its requests. */
export interface Requests {
  readonly perSecond: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

/** Of `wrk --latency`. Throws where an answer was not the page: such a load measures something else. */
export function parseWrk(output: string): Requests {
  const perSecond = /^Requests\/sec:\s+([\d.]+)/m.exec(output)?.[1];
  const medianMs = millisecondsOf(/^\s+50%\s+(\S+)$/m.exec(output)?.[1]);
  const p99Ms = millisecondsOf(/^\s+99%\s+(\S+)$/m.exec(output)?.[1]);
  if (perSecond === undefined || medianMs === null || p99Ms === null) throw new Error(`wrk says nothing: ${output}`);
  const refused = /^\s*Non-2xx or 3xx responses: (\d+)/m.exec(output)?.[1];
  if (refused !== undefined) throw new Error(`wrk: ${refused} answers were errors`);
  if (Number(perSecond) === 0) throw new Error(`wrk: no answer at all: ${output}`);
  return { perSecond: Number(perSecond), medianMs, p99Ms };
}

/** Gbit/s that arrived, of `iperf3 --json`. */
export function parseIperf(output: string): number {
  const result = parsedJson(output) as { error?: string; end?: { sum_received?: { bits_per_second?: number } } } | null;
  const bitsPerSecond = result?.end?.sum_received?.bits_per_second;
  if (bitsPerSecond === undefined) throw new Error(`iperf3: ${result?.error ?? `no JSON: ${output.slice(0, 200)}`}`);
  return bitsPerSecond / 1e9;
}

/** Answers a second, of `dnsperf`. Throws where a query was refused, or where more than one in a hundred is lost. */
export function parseDnsperf(output: string): number {
  const perSecond = /^\s*Queries per second:\s+([\d.]+)/m.exec(output)?.[1];
  const codes = /^\s*Response codes:\s+(.*)$/m.exec(output)?.[1] ?? '';
  if (perSecond === undefined) throw new Error(`dnsperf says nothing: ${output}`);
  if (!/^NOERROR \d+ \(100\.00%\)$/.test(codes)) throw new Error(`dnsperf: not all answers are good: ${codes}`);
  const lostPercent = Number(/^\s*Queries lost:\s+\d+ \(([\d.]+)%\)/m.exec(output)?.[1] ?? 0);
  if (lostPercent > 1) throw new Error(`dnsperf: ${lostPercent} % of the queries were lost`);
  return Number(perSecond);
}

export interface RoundTrips {
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

/** Of `ping`, from each of its lines. */
export function parsePing(output: string): RoundTrips {
  const timesMs = [...output.matchAll(/ time=([\d.]+) ms/g)].map(([, text]) => Number(text)).sort((a, b) => a - b);
  if (timesMs.length === 0) throw new Error(`ping: no answer: ${output}`);
  const at = (share: number): number => timesMs[Math.min(timesMs.length - 1, Math.floor(timesMs.length * share))]!;
  return { medianMs: at(0.5), p99Ms: at(0.99), longestMs: timesMs.at(-1)! };
}

const UNIT_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** `250.00us`, as wrk writes times. */
function millisecondsOf(text: string | undefined): number | null {
  const [, amount, unit] = /^([\d.]+)(us|ms|s|m)$/.exec(text ?? '') ?? [];
  return amount === undefined ? null : Number(amount) * UNIT_MS[unit!]!;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
