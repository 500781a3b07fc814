import { describe, expect, test } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { message, question } from '../app/dns-messages.ts';
import { compileText } from '../rules/support.ts';
import { conversation, datagrams, playPackets, type Turn } from '../support/play.ts';

const said = (direction: Direction, text: string): Turn => ({ direction, bytes: fromLatin1(text) });
const rule = (options: string, protocol = 'tcp'): string =>
  `alert ${protocol} any any -> any any (msg:"x"; ${options} sid:1;)`;

const HTTP = [said(TO_SERVER, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'), said(TO_CLIENT, 'HTTP/1.1 204 No\r\n\r\n')];
const SSH = [said(TO_CLIENT, 'SSH-2.0-a\r\n'), said(TO_SERVER, 'SSH-2.0-b\r\n')];
const UNKNOWN = [said(TO_SERVER, '\xf1\x02\x03\r\n'), said(TO_CLIENT, '\xf4\x05\x06\r\n')];

const alertsOn = (turns: readonly Turn[], options: string): number =>
  playPackets(conversation(turns), { rules: rule(options) }).alerts.length;

describe('app-layer-protocol', () => {
  test('alone is judged once in each direction, when it is known', () => {
    expect(alertsOn(HTTP, 'app-layer-protocol:http;')).toBe(2);
    expect(alertsOn(HTTP, 'app-layer-protocol:http; flow:to_client;')).toBe(1);
    expect(alertsOn(HTTP, 'app-layer-protocol:ssh;')).toBe(0);
    expect(alertsOn([HTTP[0]!], 'app-layer-protocol:http;')).toBe(1);
    expect(alertsOn([], 'app-layer-protocol:!http;')).toBe(0);
  });

  test('negated is what is known to be something else, or nothing that is known', () => {
    expect(alertsOn(HTTP, 'app-layer-protocol:!http;')).toBe(0);
    expect(alertsOn(SSH, 'app-layer-protocol:!http;')).toBe(2);
    expect(alertsOn(UNKNOWN, 'app-layer-protocol:!http;')).toBe(2);
    expect(alertsOn(UNKNOWN, 'app-layer-protocol:!http; app-layer-protocol:!failed;')).toBe(0);
    expect(alertsOn(UNKNOWN, 'app-layer-protocol:failed;')).toBe(2);
  });

  test('is what each side shows by itself', () => {
    const both = [HTTP[0]!, SSH[0]!];
    expect(alertsOn(both, 'flow:to_server; app-layer-protocol:http;')).toBe(1);
    expect(alertsOn(both, 'flow:to_client; app-layer-protocol:ssh;')).toBe(1);
    expect(alertsOn(both, 'flow:to_client; app-layer-protocol:http;')).toBe(0);
  });

  test('holds for each packet from then on where the rule asks for the state of the flow', () => {
    const turns = [...HTTP, ...HTTP];
    expect(alertsOn(turns, 'app-layer-protocol:http; flow:to_server;')).toBe(1);
    const later = alertsOn(turns, 'app-layer-protocol:http; flow:to_server,established;');
    expect(later).toBeGreaterThan(1);
    expect(alertsOn(turns, 'app-layer-protocol:!ssh; flow:to_server,established;')).toBe(later);
    expect(alertsOn(turns, 'app-layer-protocol:!http; flow:to_server,established;')).toBe(0);
  });

  test('is one more condition of a rule on content', () => {
    expect(alertsOn(HTTP, 'content:"GET"; app-layer-protocol:http;')).toBe(1);
    expect(alertsOn(HTTP, 'content:"GET"; app-layer-protocol:!http;')).toBe(0);
    expect(alertsOn(UNKNOWN, 'content:"|02 03|"; app-layer-protocol:!http;')).toBe(1);
  });

  test('holds for datagrams', () => {
    const query: Turn = { direction: TO_SERVER, bytes: message({}, question('a.example')) };
    const alerts = (turns: readonly Turn[], options: string): number[] =>
      playPackets(datagrams(turns), { rules: rule(options, 'udp') }).alerts;
    expect(alerts([query], 'app-layer-protocol:dns;')).toEqual([1]);
    expect(alerts([query], 'app-layer-protocol:!dns;')).toEqual([]);
    expect(alerts([said(TO_SERVER, 'not DNS')], 'app-layer-protocol:!dns;')).toEqual([1]);
  });

  test.each([
    ['app-layer-protocol:nfs;', 'tcp', 'protocol nfs is not inspected yet'],
    ['app-layer-protocol:tcp;', 'tcp', 'tcp is no application protocol'],
    ['app-layer-protocol:tls;', 'http', 'the rule is for http already'],
    ['app-layer-protocol:http; app-layer-protocol:!dns;', 'tcp', 'names one protocol, or several with !'],
  ])('%s in a rule for %s is refused', (options, protocol, reason) => {
    expect(compileText(rule(options, protocol)).diagnostics[0]?.message).toContain(reason);
  });
});
