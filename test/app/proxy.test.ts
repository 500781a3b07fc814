import { describe, expect, test } from 'vitest';
import { createProxy } from '../../src/app/proxy/proxy.ts';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { conversation, type Played, playPackets } from '../support/play.ts';
import { channel } from './support.ts';
import { expectSoundWhenChanged } from './trace.ts';

const RULES = `
  drop http any any -> any any (http.uri; content:"/evil"; sid:1;)
  drop smtp any any -> any any (smtp.mail_from; content:"evil"; sid:2;)
`.replaceAll(/^ +/gm, '');

const REQUEST = 'GET /evil HTTP/1.1\r\nHost: a.example\r\n\r\n';
const LINE = 'PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\n';
const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';
const IPV4 = '\xc0\0\x02\x01\xc0\0\x02\x02\x9c\x40\0\x50';
const binary = (versionAndCommand: string, family: string, content: string): string =>
  `${SIGNATURE}${versionAndCommand}${family}${String.fromCharCode(content.length >> 8, content.length & 255)}${content}`;

function play(client: string, server = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', segmentBytes = 1460): Played {
  const turns = [
    { direction: TO_SERVER, bytes: fromLatin1(client) },
    { direction: TO_CLIENT, bytes: fromLatin1(server) },
  ] as const;
  return playPackets(conversation(turns, { segmentBytes, serverPort: 8080 }), { rules: RULES, mode: 'prevent' });
}

describe('behind a header of the PROXY protocol', () => {
  test.each([
    LINE,
    'PROXY TCP6 2001:db8::1 2001:db8::2 40000 80\r\n',
    'PROXY UNKNOWN\r\n',
    'PROXY UNKNOWN what there is\r\n',
    binary('\x21', '\x11', IPV4),
    binary('\x21', '\x11', `${IPV4}\x04\0\x05hello`),
    binary('\x21', '\x21', '\x20'.repeat(36)),
    binary('\x21', '\x31', '\0'.repeat(216)),
    binary('\x21', '\0', ''),
    binary('\x20', '\0', ''),
    binary('\x21', '\x11', IPV4 + '\x04\xff\0'.repeat(20_000)),
  ])('a request is inspected when it comes: %j', (header) => {
    for (const segmentBytes of [1, 7, 1460]) {
      if (header.length > 1000 && segmentBytes < 1000) continue;
      const { blockedAlerts, anomalies, dropped } = play(`${header}${REQUEST}`, '', segmentBytes);
      expect([blockedAlerts, anomalies]).toEqual([[1], []]);
      expect(dropped.length).toBeGreaterThan(0);
    }
  });

  test('an honest request arrives, and the one behind it', () => {
    for (const header of [LINE, binary('\x21', '\x11', IPV4)]) {
      const { anomalies, dropped } = play(`${header}${REQUEST.replace('evil', 'good').repeat(2)}`);
      expect([anomalies, dropped]).toEqual([[], []]);
    }
  });

  test('other protocols are found too', () => {
    const mail = play(`${LINE}EHLO a\r\nMAIL FROM:<evil@a.example>\r\n`, '220 mx.example ESMTP\r\n');
    expect(mail.blockedAlerts).toEqual([2]);
  });

  test.each([
    'PROXY TCP4 192.0.2.1 192.0.2.2 40000\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.256 40000 80\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 040000 80\r\n',
    'PROXY TCP6 192.0.2.1 192.0.2.2 40000 80\r\n',
    `PROXY UNKNOWN ${'x'.repeat(200)}\r\n`,
    binary('\x11', '\x11', IPV4),
    binary('\x22', '\x11', IPV4),
    binary('\x21', '\x13', IPV4),
    binary('\x21', '\x41', IPV4),
    binary('\x21', '\x11', IPV4.slice(1)),
  ])('a malformed one drops: %j', (header) => {
    const { anomalies } = play(`${header}${REQUEST}`);
    expect(anomalies).toContainEqual({ type: 'applayer', event: 'applayer_malformed_proxy_header', isBlocked: true });
  });

  test.each([
    'PROXY /evil HTTP/1.1\r\nHost: a\r\n\r\n',
    'POST /evil HTTP/1.1\r\nHost: a\r\n\r\n',
    `\r\n\r\n${REQUEST}`,
  ])('what only begins alike is none: %j', (client) => {
    for (const segmentBytes of [1, 1460]) expect(play(client, '', segmentBytes).blockedAlerts).toEqual([1]);
  });

  test('behind bytes that nobody saw, all is looked for anew', () => {
    const parser = createProxy().open({ onProgress: () => {}, onEvent: () => {} }, channel('tcp', 8080));
    parser.consume(TO_SERVER, fromLatin1(LINE), 0, 20);
    parser.gap(TO_SERVER, LINE.length - 20);
    parser.consume(TO_SERVER, fromLatin1(`  ${REQUEST}`), 2, 2 + REQUEST.length);
    expect(parser.handover).toEqual({ protocol: null, at: 2, missingBytes: 0 });
  });

  test('changed bytes say the same in any pieces', () => {
    for (const header of [LINE, binary('\x21', '\x11', IPV4)])
      expectSoundWhenChanged(createProxy(), [{ direction: TO_SERVER, bytes: fromLatin1(header) }], { runs: 300 });
  });
});
