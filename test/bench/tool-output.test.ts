import { describe, expect, test } from 'vitest';
import { parseDnsperf, parseIperf, parsePing, parseWrk } from './tool-output.ts';

const WRK = `Running 1s test @ http://10.77.0.2:8080/files/page.html
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.52ms    2.11ms  31.05ms   95.01%
    Req/Sec    32.70k     5.02k   39.96k    70.00%
  Latency Distribution
     50%  782.00us
     75%    1.41ms
     90%    2.98ms
     99%    1.02s
  32531 requests in 1.00s, 40.10MB read
Requests/sec:  32498.53
Transfer/sec:     40.06MB
`;

describe('wrk', () => {
  test('its rate, its median and its 99th percentile, whatever their units', () => {
    expect(parseWrk(WRK)).toEqual({ perSecond: 32498.53, medianMs: 0.782, p99Ms: 1020 });
  });

  test.each([
    ['errors instead of pages', `${WRK}  Non-2xx or 3xx responses: 12\n`, '12 answers were errors'],
    ['no answer', WRK.replace('32498.53', '0.00'), 'no answer at all'],
    ['nothing', 'unable to connect to 10.77.0.2:8080 Connection refused', 'unable to connect'],
  ])('%s is an error', (_, output, message) => {
    expect(() => parseWrk(output)).toThrow(message);
  });
});

describe('iperf3', () => {
  test('what was received counts', () => {
    const end = { sum_sent: { bits_per_second: 9e9 }, sum_received: { bits_per_second: 8.5e9 } };
    expect(parseIperf(JSON.stringify({ end }))).toBe(8.5);
  });

  test.each([
    ['its own error', '{"end":{},"error":"unable to connect"}', 'unable to connect'],
    ['no JSON', 'iperf3: command not found', 'no JSON: iperf3: command not found'],
    ['nothing', '', 'no JSON'],
  ])('%s is an error', (_, output, message) => {
    expect(() => parseIperf(output)).toThrow(message);
  });
});

const DNSPERF = `Statistics:

  Queries sent:         60725
  Queries completed:    60725 (100.00%)
  Queries lost:         0 (0.00%)

  Response codes:       NOERROR 60725 (100.00%)
  Run time (s):         1.000533
  Queries per second:   60692.650817
`;

describe('dnsperf', () => {
  test('its rate', () => {
    expect(parseDnsperf(DNSPERF)).toBe(60692.650817);
  });

  test.each([
    ['a refusal', DNSPERF.replace('NOERROR 60725 (100.00%)', 'NOERROR 60000 (98.81%), REFUSED 725 (1.19%)'), 'REFUSED'],
    ['losses', DNSPERF.replace('0 (0.00%)', '1900 (3.03%)'), '3.03 % of the queries were lost'],
    ['nothing', 'Error: sending', 'says nothing'],
  ])('%s is an error', (_, output, message) => {
    expect(() => parseDnsperf(output)).toThrow(message);
  });
});

describe('ping', () => {
  const output = (timesMs: readonly number[]): string =>
    timesMs.map((ms, n) => `64 bytes from 10.77.0.2: icmp_seq=${n + 1} ttl=64 time=${ms} ms\n`).join('');

  test('shares of its times, in whatever order they came', () => {
    const timesMs = Array.from({ length: 100 }, (_, n) => ((n * 37) % 100) / 100);
    expect(parsePing(output(timesMs))).toEqual({ medianMs: 0.5, p99Ms: 0.99, longestMs: 0.99 });
  });

  test('a single answer is all of them', () => {
    expect(parsePing(output([0.03]))).toEqual({ medianMs: 0.03, p99Ms: 0.03, longestMs: 0.03 });
  });

  test('no answer is an error', () => {
    expect(() => parsePing('ping: connect: Network is unreachable')).toThrow('no answer');
  });
});
