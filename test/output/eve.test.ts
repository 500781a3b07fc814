import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AppProtocol } from '../../src/app/protocol.ts';
import { latin1 } from '../../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { EveWriter } from '../../src/output/eve.ts';
import type { AlertFacts, FlowFacts } from '../../src/output/event.ts';
import type { Rule } from '../../src/rules/rule.ts';
import { Decoder } from '../../src/wire/decode.ts';
import { LINK, type Packet } from '../../src/wire/packet.ts';
import { buildIcmp, buildIp, buildTcp, buildUdp, framed } from '../support/packets.ts';

/** 24 November 2009, 21:27:09.534255 UTC: the example of Suricata's documentation. */
const TIME_MS = 1_259_098_029_534.255;

function packetOf(bytes: Uint8Array, linkType = LINK.rawIp as Packet['linkType']): Packet {
  const packet = framed(bytes, { timeMs: TIME_MS, number: 7, linkType });
  new Decoder().decode(packet);
  return packet;
}

const http: AppProtocol = {
  name: 'http',
  transports: ['tcp'],
  buffers: [],
  probe: () => 'yes',
  open: () => ({ heldBytes: 0, consume: () => {}, gap: () => {}, end: () => {} }),
  describe: () => ({ hostname: 'example.org', url: '/a' }),
};

const flow: FlowFacts = {
  flowId: 1234567890123456,
  protocol: http,
  startMs: TIME_MS - 1000,
  packets: [4, 3],
  bytes: [500, 400],
};

const rule = {
  action: 'drop',
  gid: 1,
  sid: 9_000_001,
  rev: 2,
  message: 'Log4Shell',
  category: 'Attempted Administrator Privilege Gain',
  priority: 1,
  inspections: [],
  metadata: { cve: ['CVE_2021_44228'], created_at: ['2021_12_10'] },
  references: [
    { type: 'cve', id: '2021-44228' },
    { type: 'cve', id: '2021-45046' },
    { type: 'url', id: 'example.org/2020-1234' },
  ],
} as unknown as Rule;

const alertFacts: AlertFacts = {
  rule,
  isBlocked: true,
  heldBy: null,
  rejects: false,
  verdict: 'drop',
  transaction: null,
  protocol: null,
};

/** The lines that `write` leads to, as objects and as text. */
function written(write: (eve: EveWriter) => void, settings: Partial<ConstructorParameters<typeof EveWriter>[1]> = {}) {
  const lines: string[] = [];
  const output = { write: (line: string) => void lines.push(line), lostLines: 3, close: async () => {} };
  write(new EveWriter(output, { mode: 'prevent', hasPacketNumbers: true, ...settings }));
  return { lines, events: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('an alert', () => {
  test("has Suricata's fields", () => {
    const packet = packetOf(buildTcp({ payload: 'x' }));
    packet.flow = 5;
    const { events, lines } = written((eve) =>
      eve.alert(packet, flow, { ...alertFacts, transaction: { id: 4 }, protocol: flow.protocol }),
    );
    expect(events).toEqual([
      {
        timestamp: '2009-11-24T21:27:09.534255+0000',
        flow_id: 1234567890123456,
        pcap_cnt: 7,
        event_type: 'alert',
        src_ip: '10.0.0.1',
        src_port: 40000,
        dest_ip: '10.0.0.2',
        dest_port: 80,
        proto: 'TCP',
        app_proto: 'http',
        direction: 'to_server',
        tx_id: 4,
        alert: {
          action: 'blocked',
          gid: 1,
          signature_id: 9_000_001,
          rev: 2,
          signature: 'Log4Shell',
          category: 'Attempted Administrator Privilege Gain',
          severity: 1,
          metadata: rule.metadata,
        },
        http: { hostname: 'example.org', url: '/a' },
        flow: {
          pkts_toserver: 4,
          pkts_toclient: 3,
          bytes_toserver: 500,
          bytes_toclient: 400,
          start: '2009-11-24T21:27:08.534255+0000',
          src_ip: '10.0.0.1',
          src_port: 40000,
          dest_ip: '10.0.0.2',
          dest_port: 80,
        },
        verdict: { action: 'drop' },
        vpatch: { mode: 'prevent', cve: ['CVE-2021-44228', 'CVE-2021-45046'] },
      },
    ]);
    expect(lines[0]).toMatch(/^\{"timestamp":"[^\n]*\}\n$/);
  });

  test.each(['src_ip', 'dest_ip'] as const)(
    'of a rule whose target is the %s has both sides of the attack',
    (target) => {
      const { events } = written((eve) =>
        eve.alert(packetOf(buildTcp()), flow, { ...alertFacts, rule: { ...rule, target } }),
      );
      const [sender, receiver] = [
        { ip: '10.0.0.1', port: 40_000 },
        { ip: '10.0.0.2', port: 80 },
      ];
      expect(events[0]).toMatchObject({
        alert: target === 'src_ip' ? { source: receiver, target: sender } : { source: sender, target: receiver },
      });
    },
  );

  test('of a packet in a tunnel has the addresses of both', () => {
    const carrier = packetOf(
      buildIp({ source: '192.0.2.1', destination: '192.0.2.2', protocol: 4, payload: buildUdp() }),
    );
    const packet = packetOf(buildUdp());
    packet.comeWith(carrier);
    packet.tunnelDepth = 1;
    packet.carrier = carrier;
    const { events } = written((eve) => eve.alert(packet, null, alertFacts));
    expect(events[0]).toMatchObject({
      pcap_cnt: 7,
      src_ip: '10.0.0.1',
      src_port: 40_000,
      proto: 'UDP',
      tunnel: { src_ip: '192.0.2.1', dest_ip: '192.0.2.2', proto: 'IP-in-IP', depth: 1 },
    });
  });

  test('of an IPv6 fragment says so', () => {
    const packet = packetOf(buildIp({ source: 'fd00::1', destination: 'fd00::2', protocol: 17, moreFragments: true }));
    const { events } = written((eve) => eve.alert(packet, null, alertFacts));
    expect(events[0]).toMatchObject({ proto: 'IPv6-Frag' });
    expect(events[0]).not.toHaveProperty('src_port');
  });

  test('of a live packet has the interface and no packet number', () => {
    const packet = packetOf(buildTcp());
    packet.inInterface = 2;
    const { events } = written((eve) => eve.alert(packet, null, alertFacts), {
      hasPacketNumbers: false,
      interfaceName: (index) => (index === 2 ? 'eth0' : null),
    });
    expect(events[0]).toMatchObject({ in_iface: 'eth0' });
    expect(events[0]).not.toHaveProperty('pcap_cnt');
    expect(events[0]).not.toHaveProperty('flow_id');
    expect(events[0]).not.toHaveProperty('direction');
  });

  test('in detect mode says that it would have blocked', () => {
    const facts: AlertFacts = { ...alertFacts, isBlocked: false, heldBy: 'mode', verdict: 'alert' };
    const { events } = written((eve) => eve.alert(packetOf(buildTcp()), null, facts), { mode: 'detect' });
    expect(events[0]).toMatchObject({
      alert: { action: 'allowed' },
      verdict: { action: 'alert' },
      vpatch: { mode: 'detect', would_block: true, held_by: 'mode' },
    });
  });

  test('follows a change of the mode', () => {
    const { events } = written((eve) => {
      eve.mode = 'detect';
      eve.alert(packetOf(buildTcp()), null, alertFacts);
    });
    expect(events[0]).toMatchObject({ vpatch: { mode: 'detect' } });
  });

  test.each([
    ['rejectsrc', TO_SERVER, 'to_client'],
    ['reject', TO_CLIENT, 'to_server'],
    ['rejectdst', TO_SERVER, 'to_server'],
    ['rejectboth', TO_SERVER, 'both'],
  ] as const)('of %s says who is told', (action, direction, target) => {
    const packet = packetOf(buildTcp());
    packet.direction = direction;
    const facts = { ...alertFacts, rule: { ...rule, action }, rejects: true };
    const { events } = written((eve) => eve.alert(packet, null, facts));
    expect(events[0]).toMatchObject({ verdict: { action: 'drop', reject_target: target, reject: ['tcp-reset'] } });
  });
});

describe('addresses and protocols', () => {
  const head = (packet: Packet) =>
    written((eve) =>
      eve.anomaly(packet, null, {
        type: 'stream',
        event: 'x',
        isCheck: false,
        isBlocked: false,
        transaction: null,
        streamOffset: -1,
        rule: null,
      }),
    ).events[0]!;

  test('IPv6 is written in full', () => {
    const event = head(packetOf(buildTcp({ source: 'fd77::1', destination: '2001:db8::a:b' })));
    expect(event.src_ip).toBe('fd77:0000:0000:0000:0000:0000:0000:0001');
    expect(event.dest_ip).toBe('2001:0db8:0000:0000:0000:0000:000a:000b');
  });

  test('ICMP has type and code, and no ports', () => {
    const event = head(packetOf(buildIcmp({ type: 3, code: 4 })));
    expect(event).toMatchObject({ proto: 'ICMP', icmp_type: 3, icmp_code: 4 });
    expect(event).not.toHaveProperty('src_port');
    expect(head(packetOf(buildIcmp({ source: 'fd00::1', destination: 'fd00::2' })))).toMatchObject({
      proto: 'IPv6-ICMP',
    });
  });

  test('a fragment has no ports', () => {
    const event = head(packetOf(buildUdp({ fragmentOffsetBytes: 800, payload: 'abcdefgh' })));
    expect(event.proto).toBe('UDP');
    expect(event).not.toHaveProperty('src_port');
  });

  test('other protocols are named, or numbered with three digits', () => {
    expect(head(packetOf(buildIp({ protocol: 47 }))).proto).toBe('GRE');
    expect(head(packetOf(buildIp({ protocol: 99 }))).proto).toBe('099');
  });

  test('a VLAN is a list', () => {
    expect(head(packetOf(buildTcp({ vlans: [42] }), LINK.ethernet)).vlan).toEqual([42]);
  });

  test('what is no IP packet has no addresses', () => {
    const event = head(packetOf(Uint8Array.of(0x45, 0)));
    expect(Object.keys(event)).toEqual(['timestamp', 'pcap_cnt', 'event_type', 'anomaly', 'vpatch']);
  });

  test('a source that lies about the time is no reason to stop', () => {
    const at = (timeMs: number) => head(Object.assign(packetOf(buildTcp()), { timeMs })).timestamp;
    expect(at(0)).toBe('1970-01-01T00:00:00.000000+0000');
    expect(at(Number.NaN)).toBe('1970-01-01T00:00:00.000000+0000');
    expect(at(-5)).toBe('1970-01-01T00:00:00.000000+0000');
    expect(at(1e300)).toMatch(/^9999-12-31T23:59:59\./);
    expect(at(1_259_098_030_000 - 0.0003)).toBe('2009-11-24T21:27:10.000000+0000');
  });
});

describe('an anomaly', () => {
  test('of decoding has the prefix that Suricata gives it', () => {
    const { events } = written((eve) =>
      eve.anomaly(packetOf(buildTcp()), null, {
        type: 'decode',
        event: 'ipv4.trunc_pkt',
        isCheck: true,
        isBlocked: true,
        transaction: null,
        streamOffset: -1,
        rule: null,
      }),
    );
    expect(events[0]).toMatchObject({
      event_type: 'anomaly',
      anomaly: { type: 'decode', event: 'decoder.ipv4.trunc_pkt' },
      vpatch: { mode: 'prevent', check: 'ipv4.trunc_pkt', action: 'drop' },
    });
  });

  test('of a protocol has its context', () => {
    const { events } = written((eve) =>
      eve.anomaly(packetOf(buildTcp()), flow, {
        type: 'applayer',
        event: 'http.x',
        isCheck: false,
        isBlocked: false,
        transaction: { id: 2 },
        streamOffset: -1,
        rule: null,
      }),
    );
    expect(events[0]).toMatchObject({
      app_proto: 'http',
      tx_id: 2,
      http: { url: '/a' },
      anomaly: { app_proto: 'http', type: 'applayer', event: 'http.x', layer: 'proto_parser' },
    });
    expect(events[0]!.vpatch).toEqual({ mode: 'prevent' });
  });

  test('of a stream tells where in it', () => {
    const { events } = written((eve) =>
      eve.anomaly(packetOf(buildTcp()), flow, {
        type: 'stream',
        event: 'tcp.x',
        isCheck: true,
        isBlocked: true,
        transaction: null,
        streamOffset: 12,
        rule: null,
      }),
    );
    expect(events[0]!.vpatch).toEqual({ mode: 'prevent', check: 'tcp.x', action: 'drop', stream_offset: 12 });
  });
});

describe('a drop', () => {
  const drop = (packet: Packet) =>
    written((eve) => eve.drop(packet, null, { reason: 'check', check: 'tcp.no_flags', rule: null })).events[0]!;

  test('of TCP has the header fields, the reason and the check', () => {
    const bytes = buildTcp({
      sequence: 100,
      acknowledgement: 7,
      window: 512,
      flags: 'SF',
      ttl: 61,
      id: 99,
      payload: 'abc',
    });
    const event = drop(packetOf(bytes));
    expect(event).toMatchObject({
      event_type: 'drop',
      drop: {
        len: 43,
        ttl: 61,
        tos: 0,
        ipid: 99,
        tcpseq: 100,
        tcpack: 7,
        tcpwin: 512,
        syn: true,
        fin: true,
        ack: false,
        reason: 'check',
      },
      vpatch: { mode: 'prevent', check: 'tcp.no_flags' },
    });
  });

  test('of UDP, ICMP and IPv6 has theirs', () => {
    expect(drop(packetOf(buildUdp({ payload: 'abcd' })))).toMatchObject({ drop: { udplen: 12 } });
    expect(drop(packetOf(buildIcmp({ rest: 0x00050006 })))).toMatchObject({ drop: { icmp_id: 5, icmp_seq: 6 } });
    const v6 = drop(packetOf(buildUdp({ source: 'fd00::1', destination: 'fd00::2', trafficClass: 0x2e }))) as {
      drop: object;
    };
    expect(v6.drop).toMatchObject({ tc: 0x2e, flowlbl: 0, len: 48 });
  });

  test('by a rule names it', () => {
    const { events } = written((eve) => eve.drop(packetOf(buildTcp()), flow, { reason: 'rules', check: null, rule }));
    expect(events[0]).toMatchObject({ drop: { reason: 'rules' }, vpatch: { gid: 1, signature_id: 9_000_001 } });
  });

  test('of any truncated packet is a line', () => {
    const whole = [buildTcp({ payload: 'abc' }), buildUdp({ source: 'fd00::1', destination: 'fd00::2' }), buildIcmp()];
    for (const bytes of whole) {
      for (let end = 0; end < bytes.length; end++) {
        expect(drop(packetOf(bytes.slice(0, end)))).toHaveProperty('drop.reason', 'check');
      }
    }
  });
});

test('stats carry the counters, and what was lost', () => {
  const { events } = written((eve) => eve.stats(TIME_MS, 12.9, { decoder: { pkts: 5 } }));
  expect(events[0]).toEqual({
    timestamp: '2009-11-24T21:27:09.534255+0000',
    event_type: 'stats',
    stats: { uptime: 12, decoder: { pkts: 5 } },
    vpatch: { mode: 'prevent', lost_lines: 3 },
  });
});

test('whatever a protocol holds, a line is one line of JSON without control characters', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const text = latin1(bytes);
      const protocol = { ...http, describe: () => ({ url: text, [text]: 1 }) };
      const { lines, events } = written((eve) =>
        eve.alert(packetOf(buildTcp()), { ...flow, protocol }, { ...alertFacts, transaction: { id: 0 }, protocol }),
      );
      expect(events[0]).toMatchObject({ http: { url: text } });
      expect(lines[0]!.slice(0, -1)).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/);
    }),
  );
});
