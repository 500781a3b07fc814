import { describe, expect, test } from 'vitest';
import { APP_BUFFERS } from '../../src/app/index.ts';
import { fromLatin1, latin1 } from '../../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { compileRules } from '../../src/rules/compiler.ts';
import { ruleEnvironment } from '../../src/rules/environment.ts';
import { compileText } from '../rules/support.ts';
import { conversation, playPackets, type Turn } from '../support/play.ts';
import { alertsOf, alertsOfEach, down, everyCut, up } from './support.ts';

const rule = (protocol: string, options: string, sid = 1) =>
  `alert ${protocol} any any -> any any (${options} sid:${sid};)`;

const REQUEST = 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody';
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe('frames of HTTP', () => {
  const rules = [
    rule('http', 'frame:http1.request; content:"POST"; startswith; content:"body"; endswith;', 1),
    rule('http', 'frame:response; content:"HTTP"; startswith; content:"|0d 0a|ok"; endswith;', 2),
    rule('http', 'frame:http1.request; content:"ok";', 3),
    rule('http', 'frame:http1.request; content:"bodyPOST";', 4),
    rule('http', 'frame:http1.request; content:!"POST"; startswith;', 5),
  ].join('\n');

  test('are whole messages, each judged by itself, wherever packets end', () => {
    const connections = everyCut(`${REQUEST}${REQUEST}`).map((parts) => [...parts.map(up), down(ANSWER), down(ANSWER)]);
    const found = alertsOfEach(rules, connections).map((sids) => sids.sort());
    expect(found).toEqual(connections.map(() => [1, 1, 2, 2]));
  });

  test('end with the connection where nothing else ends them', () => {
    const open = 'HTTP/1.1 200 OK\r\n\r\nand so on';
    const ending = rule('http', 'frame:http1.response; content:"so on"; endswith;');
    expect(alertsOf(ending, [up(REQUEST), down(open)])).toEqual([1]);
    expect(alertsOf(ending.replace('endswith', 'startswith'), [up(REQUEST), down(open)])).toEqual([]);
  });

  test('of a message that goes on can match before its end', () => {
    const drop = rule('http', 'frame:http1.request; content:"evil";').replace('alert', 'drop');
    const first = up('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 400\r\n\r\nsome evil');
    const { dropped } = playPackets(conversation([first, up('more')]), { rules: drop, mode: 'prevent' });
    expect(dropped[0]).toBe(4);
  });

  test('behind a long one begin where they begin', () => {
    const long = `POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n${'x'.repeat(70_000)}`;
    expect(alertsOf(rules, [up(long), up(REQUEST)])).toEqual([1]);
  });

  test('stream: all of the connection, in both directions', () => {
    const whole = rule('http', 'frame:http1.stream; content:"bodyPOST";');
    expect(alertsOf(whole, [up(REQUEST), up(REQUEST), down(ANSWER)])).toEqual([1]);
    expect(
      alertsOf(rule('http', 'frame:stream; flow:to_client; content:"200 OK";'), [up(REQUEST), down(ANSWER)]),
    ).toEqual([1]);
  });
});

test('frames of TLS are records, also those that are encrypted', () => {
  const hello = fromLatin1(
    `\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03${'r'.repeat(32)}\x00\x00\x04\x13\x01\x13\x02\x01\x00`,
  );
  hello[4] = hello.length - 5;
  hello[8] = hello.length - 9;
  const data = (text: string) => fromLatin1(`\x17\x03\x03\x00${String.fromCharCode(text.length)}${text}`);
  const turns = [hello, data('first'), data('second')].map((bytes): Turn => ({ direction: TO_SERVER, bytes }));
  const rules = [
    rule('tls', 'frame:tls.pdu; content:"|17 03 03|"; startswith; content:"second"; endswith;', 1),
    rule('tls', 'frame:tls.hdr; content:"|17 03 03 00|"; startswith;', 2),
    rule('tls', 'frame:tls.data; content:"first"; startswith; endswith;', 3),
    rule('tls', 'frame:tls.alert.pdu; content:"first";', 4),
  ].join('\n');
  expect(alertsOf(rules, turns).sort()).toEqual([1, 2, 2, 3]);
  const joined = Buffer.concat(turns.map(({ bytes }) => bytes));
  const cuts = everyCut(latin1(joined)).map((parts) => parts.map(up));
  expect(alertsOfEach(rules, cuts).map((sids) => sids.sort())).toEqual(cuts.map(() => [1, 2, 2, 3]));
});

test('frames of SMTP are lines, and the mail', () => {
  const rules = [
    rule('smtp', 'frame:smtp.command_line; content:"MAIL"; startswith; content:"|0d 0a|"; endswith;', 1),
    rule('smtp', 'frame:smtp.response_line; content:"354"; startswith;', 2),
    rule('smtp', 'frame:smtp.data; content:"Subject"; startswith; content:"|0d 0a|.|0d 0a|"; endswith;', 3),
    rule('smtp', 'frame:smtp.command_line; content:"Subject";', 4),
  ].join('\n');
  const turns = [
    down('220 a\r\n'),
    up('HELO b\r\n'),
    down('250 a\r\n'),
    up('MAIL FROM:<a@b>\r\n'),
    down('250 ok\r\n'),
    up('RCPT TO:<a@b>\r\n'),
    down('250 ok\r\n'),
    up('DATA\r\n'),
    down('354 go on\r\n'),
    up('Subject: x\r\n\r\nte'),
    up('xt\r\n.\r\nQUIT\r\n'),
    down('250 ok\r\n'),
  ];
  expect(alertsOf(rules, turns).sort()).toEqual([1, 2, 3]);
});

test('frames of SSH are packets up to where they are encrypted', () => {
  const rules = [
    rule('ssh', 'frame:ssh.record_hdr; content:"|14|"; endswith;', 1),
    rule('ssh', 'frame:ssh.record_pdu; content:"|00 00 00 06 04 14|abcd"; startswith; endswith;', 2),
    rule('ssh', 'frame:ssh.record_data; content:"abcd"; startswith; endswith;', 3),
  ].join('\n');
  const turns = [up('SSH-2.0-a\r\n'), up('\x00\x00\x00\x06\x04\x14ab'), up('cd'), down('SSH-2.0-b\r\n')];
  expect(alertsOf(rules, turns).sort()).toEqual([1, 2, 3]);
});

describe('a rule on frames', () => {
  test.each([
    ['tcp', 'frame:pdu; content:"a";', 'frame needs the protocol of "pdu", as in tls.pdu'],
    ['tls', 'frame:nothing; content:"a";', 'there is no frame "nothing"'],
    ['tls', 'frame:dns.pdu; content:"a";', 'frame:dns.pdu belongs to dns, and the rule is for tls'],
    [
      'tls',
      'frame:pdu; content:"a"; tls.sni; content:"a";',
      'a rule that looks into a frame can look into nothing else',
    ],
    ['tls', 'content:"a"; frame:pdu; content:"a";', 'a rule that looks into a frame can look into nothing else'],
    ['tls', 'frame:pdu; to_lowercase; content:"a";', 'to_lowercase cannot be used on frame:tls.pdu'],
    ['tls', 'frame:Pdu!; content:"a";', 'frame needs a name, as in frame:tls.pdu'],
  ])('for %s that says %s is refused', (protocol, options, message) => {
    const files = [{ file: 'test.rules', text: rule(protocol, options) }];
    const { diagnostics } = compileRules(files, ruleEnvironment({ buffers: APP_BUFFERS }));
    expect(diagnostics.map((diagnostic) => diagnostic.message)).toEqual([message]);
  });

  test('names its protocol where its header does not', () => {
    expect(compileText(rule('tcp', 'frame:tls.pdu; content:"a";')).rules[0]).toMatchObject({
      frame: 'pdu',
      protocol: { apps: ['tls'] },
      inspections: [{ buffer: null }],
    });
    const turns: Turn[] = [{ direction: TO_CLIENT, bytes: fromLatin1('\x17') }];
    expect(alertsOf(rule('tcp', 'frame:tls.pdu; content:"|17|";'), turns)).toEqual([]);
  });
});
