import { describe, expect, test } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { client, FLAGS, frame, PREFACE, REQUEST, request, response, server } from '../app/http2-frames.ts';
import { conversation, playPackets } from '../support/play.ts';

const HTTP1 = conversation([
  { direction: TO_SERVER, bytes: fromLatin1('GET /a HTTP/1.1\r\nHost: a.example\r\nUser-Agent: me\r\n\r\n') },
  { direction: TO_CLIENT, bytes: fromLatin1('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody') },
]);
const HTTP2 = conversation([
  client(PREFACE, frame('settings', 0, 0, '\0\x02\0\0\0\0'), request(1, [...REQUEST, ['user-agent', 'me']])),
  server(frame('settings', 0, 0, ''), response(1), frame('data', 1, 1, 'body')),
  client(frame('goAway', 0, 0, '\0\0\0\x01\0\0\0\x0b')),
]);

/** Of which versions does a rule with these options tell? */
const versions = (options: string, header = 'http'): string[] => {
  const rules = `alert ${header} any any -> any any (msg:"x"; ${options} sid:1;)`;
  return [HTTP1, HTTP2].flatMap((packets, i) =>
    playPackets(packets, { rules }).alerts.length > 0 ? [`${i + 1}`] : [],
  );
};

describe('a rule is for HTTP of any version', () => {
  test('unless its header says which', () => {
    const options = 'flow:established,to_server; http.uri; content:"/a";';
    expect(versions(options)).toEqual(['1', '2']);
    expect(versions(options, 'tcp')).toEqual(['1', '2']);
    expect(versions(options, 'http1')).toEqual(['1']);
    expect(versions(options, 'http2')).toEqual(['2']);
  });

  test('whatever it looks into', () => {
    for (const options of [
      'http.method; content:"GET";',
      'http.host; content:"a.example";',
      'http.user_agent; content:"me"; startswith; endswith;',
      'http.header; content:"me|0d 0a|";',
      'http.stat_code; content:"200";',
      'http.response_body; content:"body";',
      'file.data; content:"body";',
      'content:"a.example"; http_host;',
      'urilen:2;',
      'pcre:"/^GET$/M";',
    ]) {
      expect(versions(options), options).toEqual(['1', '2']);
    }
  });

  test('or it asks for what only one has', () => {
    expect(versions('http.method; content:"GET"; http2.frametype:HEADERS;')).toEqual(['2']);
    expect(versions('http2.header_name; content:"user-agent"; bsize:10;')).toEqual(['2']);
    expect(versions('http2.settings:SETTINGS_ENABLE_PUSH=0;', 'tcp')).toEqual(['2']);
    expect(versions('http2.errorcode:ENHANCE_YOUR_CALM;')).toEqual(['2']);
    expect(versions('http2.errorcode:CANCEL;')).toEqual([]);
    expect(versions('http.header; content:":authority|3a 20|a.example";')).toEqual(['2']);
  });

  test('app-layer-protocol as well', () => {
    expect(versions('app-layer-protocol:http;', 'tcp')).toEqual(['1', '2']);
    expect(versions('app-layer-protocol:http2;', 'tcp')).toEqual(['2']);
    expect(versions('app-layer-protocol:!http;', 'tcp')).toEqual([]);
    expect(versions('app-layer-protocol:!http1;', 'tcp')).toEqual(['2']);
  });

  test('events of HTTP are those of both', () => {
    const climbs = (...packets: Uint8Array[]) =>
      playPackets(packets, {
        rules: 'alert http any any -> any any (app-layer-event:http.uri_traversal_above_root; sid:1;)',
      });
    const path = REQUEST.map(([name, value]) => [name, name === ':path' ? '/../a' : value] as const);
    expect(climbs(...conversation([client(PREFACE, request(1, path))])).alerts).toEqual([1]);
    const plain = conversation([{ direction: TO_SERVER, bytes: fromLatin1('GET /../a HTTP/1.1\r\nHost: a\r\n\r\n') }]);
    expect(climbs(...plain).alerts).toEqual([1]);
  });

  test('an attack over HTTP/2 is blocked', () => {
    const rules = 'drop http any any -> any any (http.user_agent; content:"me"; sid:1;)';
    const { blockedAlerts, dropped } = playPackets(HTTP2, { rules, mode: 'prevent' });
    expect(blockedAlerts).toEqual([1]);
    expect(dropped[0]).toBe(4);
  });
});

describe('many streams at a time', () => {
  const upload = (streamId: number): Uint8Array =>
    request(
      streamId,
      REQUEST.map(([name, value]) => [name, name === ':path' ? '/upload' : value]),
      FLAGS.endHeaders,
    );
  const play = (others: number) => {
    const ids = Array.from({ length: others }, (_, i) => 2 * i + 3);
    const turns = [
      client(PREFACE, frame('settings', 0, 0), upload(1), frame('data', 0, 1, 'ev')),
      client(...ids.flatMap((id) => [upload(id), frame('data', 0, id, 'x')])),
      client(frame('data', FLAGS.endStream, 1, 'il')),
    ];
    return playPackets(conversation(turns), {
      rules:
        'drop http any any -> any any (msg:"x"; http.uri; content:"/upload"; fast_pattern; ' +
        'http.request_body; content:"evil"; sid:1;)',
      mode: 'prevent',
    });
  };

  test('none is forgotten', () => {
    expect(play(1000).alerts).toEqual([1]);
  });

  test('what is forgotten is a limit of the rules that wait for it', () => {
    const { alerts, anomalies } = play(1100);
    expect(alerts).toEqual([]);
    expect(anomalies.map(({ event }) => event)).toContain('detect.rule_exhausted');
  });
});
