import { expect, test } from 'vitest';
import { VERDICT } from '../../src/capture/source.ts';
import type { EventSink } from '../../src/output/event.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { CHECKSUM, Packet } from '../../src/wire/packet.ts';
import { BENCH_CONFIG, compiled } from './rule-sets.ts';
import {
  bulkTraffic,
  capturedTraffic,
  connectionTraffic,
  dnsTraffic,
  keepAliveTraffic,
  readInto,
  type Traffic,
} from './traffic.ts';

const RULES = `
alert http any any -> any any (msg:"Request"; http.uri; content:"/static/app.js"; sid:1;)
alert http any any -> any any (msg:"Page"; http.stat_code; content:"200"; sid:2;)
alert dns any any -> any any (msg:"Question"; dns.query; content:"bench.example"; sid:3;)
`;

/** Alerts by rule; anything odd about the traffic is a failure. */
function inspected({ frames }: Traffic): Record<number, number> {
  const alerts: Record<number, number> = {};
  const odd = (what: string): never => {
    throw new Error(what);
  };
  const sink: EventSink = {
    alert: (_packet, _flow, { rule }) => {
      alerts[rule.sid] = (alerts[rule.sid] ?? 0) + 1;
    },
    anomaly: (_packet, _flow, { event }) => odd(event),
    drop: (_packet, _flow, { reason }) => odd(reason),
    stats: () => {},
  };
  const pipeline = new Pipeline({
    config: BENCH_CONFIG,
    mode: 'prevent',
    ruleset: compiled([{ file: 'test.rules', text: RULES }]),
    sink,
    seed: [1, 2],
    midstreamUntilMs: Number.NEGATIVE_INFINITY,
  });
  const packet = new Packet();
  packet.checksum = CHECKSUM.unverified;
  frames.forEach((frame, at) => {
    readInto(packet, frame, at + 1);
    expect(pipeline.process(packet)).toBe(VERDICT.accept);
  });
  return alerts;
}

test('bulk traffic is a sound conversation of which nothing is known', () => {
  const traffic = bulkTraffic(1448, 500);
  expect(traffic.frames.length).toBeGreaterThanOrEqual(500);
  expect(inspected(traffic)).toEqual({});
});

test('a page is asked for and comes, on connections that stay and on new ones', () => {
  // Three packets open each of four connections, three are a page; and then the same with an end of three.
  expect(inspected(keepAliveTraffic(4, 12 + 3 * 20))).toEqual({ 1: 20, 2: 20 });
  expect(inspected(connectionTraffic(9 * 30))).toEqual({ 1: 30, 2: 30 });
});

test('a DNS name is asked for and answered', () => {
  expect(inspected(dnsTraffic(200))).toEqual({ 3: 100 });
});

test('a capture keeps its packets', async () => {
  const { frames } = await capturedTraffic('fixtures/captures/http.pcap');
  expect(frames.length).toBeGreaterThan(0);
  expect(frames.every(({ bytes, wireBytes }) => bytes.length > 0 && wireBytes >= bytes.length)).toBe(true);
});
