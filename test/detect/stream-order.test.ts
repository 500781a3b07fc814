import { describe, expect, test } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { TO_SERVER } from '../../src/base/direction.ts';
import { buildTcp } from '../support/packets.ts';
import { conversation, playPackets } from '../support/play.ts';
import { alertsOfEach, everyCut, pieces, up } from './support.ts';

const STREAM = 'alert tcp any any -> any any (flow:established,to_server; content:"attack"; sid:1;)';

describe('the stream and the protocols on it', () => {
  test('a rule on transactions sees the stream up to the bytes that complete the transaction', () => {
    const rules =
      'alert http any any -> any any (http.uri; content:"/form"; pkt_data; content:"POST /form HTTP"; sid:1;)';
    const request = 'POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody';
    const connections = everyCut(request).map((parts) => parts.map(up));
    expect(alertsOfEach(rules, connections)).toEqual(connections.map(() => [1]));
  });
});

describe('a packet out of order', () => {
  const bytes = fromLatin1('first an attack');
  const late = { direction: TO_SERVER, offset: 6, bytes: bytes.subarray(6) } as const;
  const early = { direction: TO_SERVER, offset: 0, bytes: bytes.subarray(0, 6) } as const;

  test('is judged once, with the stream', () => {
    const { alerts, dropped } = playPackets(pieces([late, early]), {
      rules: STREAM.replace('alert', 'drop'),
      mode: 'prevent',
    });
    expect({ alerts, dropped }).toEqual({ alerts: [1], dropped: [5] });
  });

  test('that comes again is not judged again', () => {
    expect(playPackets(pieces([early, late, late, early]), { rules: STREAM }).alerts).toEqual([1]);
  });

  test('is judged when the other side shows that the hole will not be filled', () => {
    const ack = buildTcp({
      source: '192.0.2.2',
      destination: '192.0.2.1',
      sourcePort: 80,
      destinationPort: 40_000,
      sequence: 5001,
      acknowledgement: 1001 + bytes.length,
      flags: 'A',
    });
    expect(playPackets([...pieces([late]), ack], { rules: STREAM }).alerts).toEqual([1]);
    const elsewhere = STREAM.replace('any any -> any any', '192.0.2.1 any -> 192.0.2.2 80');
    expect(playPackets([...pieces([late]), ack], { rules: elsewhere }).alerts).toEqual([1]);
  });
});

describe('a limit that keeps rules from seeing the stream', () => {
  const config = { stream: { memoryBytes: 1024 } };
  const packets = conversation([up('x'.repeat(1400)), up('x'.repeat(1400)), up('x'.repeat(1400)), up('x')]);

  test('lets pass in detect mode, and is decided by the configuration in prevent mode', () => {
    const { dropped, pipeline } = playPackets(packets, { rules: STREAM, config });
    expect(dropped).toEqual([]);
    expect(pipeline.counters.get('detect.stream_window_memcap')).toBeGreaterThan(0);
    const { dropReasons } = playPackets(packets, { rules: STREAM, config, mode: 'prevent' });
    expect(dropReasons[0]).toBe('stream memcap');
    expect(new Set(dropReasons.slice(1))).toEqual(new Set(['flow drop']));
    const open = playPackets(packets, {
      rules: STREAM,
      config: { ...config, failure: { limits: 'open' } },
      mode: 'prevent',
    });
    expect(open.dropped).toEqual([]);
  });
});
