import { describe, expect, test } from 'vitest';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { runAll } from '../../src/base/steps.ts';
import { DEFAULTS } from '../../src/config/config.ts';
import { mergeConfig, type Overrides } from '../../src/config/overrides.ts';
import { recordHandshake } from '../app/tls-handshake.ts';
import { buildTcp, buildUdp } from '../support/packets.ts';
import { Player, type PlayOptions, rulesetOf } from '../support/play.ts';
import { PlayedConnection } from '../support/played-connection.ts';

const MARK = DEFAULTS.bypass.mark;
const DROP = 'drop tcp any any -> any any (msg:"attack"; content:"attack"; sid:1;)';
const DROP_REQUESTS = 'drop tcp any any -> any any (flow:to_server; content:"attack"; sid:1;)';
/** A record of TLS, and what is none. */
const FAKE_TLS = Buffer.from([0x16, 3, 1, 0, 1, 1, 99, 3, 1, 13, 10, 13, 10]);
/** What no protocol begins with. */
const noise = (bytes: number): Buffer => Buffer.alloc(bytes, 0xf7);

/** One for which the kernel goes on with flows. */
class Connection extends PlayedConnection {
  constructor(options: PlayOptions = {}) {
    super({ canBypass: true, ...options });
  }

  get isHandedOver(): boolean {
    return this.player.played.pipeline.bypasses;
  }

  get pipeline() {
    return this.player.played.pipeline;
  }

  get flows(): { bypassed: number; total: number } {
    this.pipeline.updateGauges();
    const { counters } = this.pipeline;
    const value = (name: string): number => counters.values[counters.index(name)]!;
    return { bypassed: value('flow.bypassed'), total: value('flow.bypassed_total') };
  }

  /** Both sides say what no protocol says. */
  talk(bytes = 600): this {
    this.send(TO_SERVER, noise(bytes));
    this.send(TO_CLIENT, noise(bytes));
    return this;
  }

  replace(rules: string, config: Overrides = {}): void {
    const merged = mergeConfig(config);
    this.pipeline.replacePolicy(runAll(this.pipeline.prepare(rulesetOf(rules, merged))), merged);
  }
}

describe('a connection that no parser reads and no rule needs', () => {
  test('is handed over once both sides have shown what they are', () => {
    const connection = new Connection().open();
    expect(connection.isHandedOver).toBe(false);
    connection.talk();
    expect(connection.isHandedOver).toBe(true);
    expect(connection.flows).toEqual({ bypassed: 1, total: 1 });
  });

  test.each([
    ['a parser reads it', '', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a rule on its stream', DROP, ''],
    ['a rule on its packets', 'alert tcp any any -> any any (dsize:>5000; sid:2;)', ''],
    ['a rule on one direction', 'alert tcp any 443 -> any any (flow:to_client; content:"x"; sid:3;)', ''],
  ])('not while %s', (_, rules, first) => {
    const connection = new Connection({ rules }).open();
    if (first !== '') connection.send(TO_SERVER, first);
    else connection.talk();
    expect(connection.isHandedOver).toBe(false);
  });

  test.each([
    'alert tcp any any -> any 22 (content:"x"; sid:1;)',
    'alert tcp any any -> any any (flags:S; sid:2;)',
    'alert tcp any any -> any any (flow:not_established; content:"x"; dsize:4; sid:3;)',
    'alert ip any any -> any any (ip_proto:41; sid:4;)',
    'alert tcp any any -> any any (stream-event:pkt_invalid_ack; sid:5;)',
    'alert http any any -> any any (http.uri; content:"x"; sid:6;)',
  ])('also where there are rules that could never match in it: %s', (rules) => {
    expect(new Connection({ rules }).open().talk().isHandedOver).toBe(true);
  });

  test('with rules on streams, once both directions are beyond their depth', () => {
    const config: Overrides = { stream: { depthBytes: 4096 } };
    const connection = new Connection({ rules: DROP, config }).open();
    for (let n = 0; n < 5; n++) connection.send(TO_SERVER, noise(1000));
    connection.send(TO_CLIENT, noise(1000));
    expect(connection.isHandedOver).toBe(false);
    for (let n = 0; n < 4; n++) connection.send(TO_CLIENT, noise(1000));
    expect(connection.isHandedOver).toBe(true);
  });

  test('not while only its client says where it is, behind packets that nobody saw', () => {
    const connection = new Connection({ rules: DROP_REQUESTS }).open().talk();
    connection.pipeline.noteLapse(Number.MAX_SAFE_INTEGER);
    // Far beyond the depth of rules, where the server reads nothing.
    connection.skip(TO_SERVER, 50_000_000).send(TO_SERVER, 'decoy');
    expect(connection.isHandedOver).toBe(false);
    connection.skip(TO_SERVER, -50_000_000 - 'decoy'.length);
    connection.send(TO_CLIENT, noise(10));
    expect(connection.isHandedOver).toBe(false);
    expect(connection.send(TO_SERVER, 'attack')).toBe(false);
  });

  test('without a kernel that could take it, it stays', () => {
    expect(new Connection({ canBypass: false }).open().talk().isHandedOver).toBe(false);
  });
});

describe('TLS', () => {
  const talkTls = async (rules: string, encrypted: 'early' | 'late', client = {}): Promise<Connection> => {
    const connection = new Connection({ rules, config: { bypass: { encrypted } } }).open();
    for (const { direction, bytes } of await recordHandshake(client)) connection.send(direction, bytes);
    // A record of application data.
    connection.send(TO_CLIENT, Buffer.from([0x17, 3, 3, 0, 4, 1, 2, 3, 4]));
    return connection;
  };

  test('is handed over behind its handshake, whatever rules would look for in it', async () => {
    expect((await talkTls(DROP, 'early')).isHandedOver).toBe(true);
    expect((await talkTls(DROP, 'early', { maxVersion: 'TLSv1.2' })).isHandedOver).toBe(true);
  });

  test.each([
    ['a record that breaks off', FAKE_TLS],
    ['data without keys', Buffer.from([0x16, 3, 1, 0, 1, 1, 23, 3, 1, 0, 1, 10])],
    ['a version of SSH', Buffer.from('SSH-2.0-x\r\n\xff\xff\xff\xff\xff\xff\n', 'latin1')],
  ])('is not what a client alone makes look like it: %s', (_, first) => {
    const connection = new Connection({ rules: DROP_REQUESTS }).open();
    connection.send(TO_SERVER, first);
    for (let n = 0; n < 40; n++) connection.send(TO_CLIENT, `what is this ${'x'.repeat(2000)}\r\n`);
    expect(connection.isHandedOver).toBe(false);
    expect(connection.send(TO_SERVER, 'attack')).toBe(false);
  });

  test('nor where a server of HTTP begins its answer with few bytes', () => {
    const rules = 'drop http any any -> any any (http.uri; content:"attack"; sid:1;)';
    const connection = new Connection({ rules }).open();
    connection.send(TO_SERVER, FAKE_TLS);
    connection.send(TO_CLIENT, 'HTTP/');
    connection.send(TO_CLIENT, '1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
    expect(connection.isHandedOver).toBe(false);
    expect(connection.send(TO_SERVER, 'GET /attack HTTP/1.1\r\nHost: a\r\n\r\n')).toBe(false);
  });

  test('late: not while rules look at raw streams', async () => {
    expect((await talkTls(DROP, 'late')).isHandedOver).toBe(false);
    expect((await talkTls('', 'late')).isHandedOver).toBe(true);
  });

  test('early: not where a rule asks for sizes', async () => {
    expect((await talkTls('alert tcp any any -> any any (dsize:1000; sid:1;)', 'early')).isHandedOver).toBe(false);
  });
});

describe('what still comes of a connection that was handed over', () => {
  test('packets that were under way pass, and are marked again', () => {
    const connection = new Connection().open().talk();
    connection.skip(TO_CLIENT, 50_000_000);
    expect(connection.send(TO_CLIENT, noise(10))).toBe(true);
    expect(connection.isHandedOver).toBe(true);
    expect(connection.flows).toEqual({ bypassed: 1, total: 1 });
  });

  test('FIN of both sides ends it, however much nobody saw; the ports begin anew', () => {
    const connection = new Connection().open().talk();
    connection.skip(TO_CLIENT, 50_000_000).skip(TO_SERVER, 1_000_000);
    expect(connection.send(TO_SERVER, '', { flags: 'FA', mark: MARK })).toBe(true);
    expect(connection.send(TO_CLIENT, '', { flags: 'FA', mark: MARK })).toBe(true);
    expect(connection.isHandedOver).toBe(false);
    connection.replace(DROP);
    connection.skip(TO_SERVER, 77).open().talk();
    expect(connection.send(TO_SERVER, 'attack')).toBe(false);
    expect(connection.player.played.anomalies).toEqual([]);
    expect(connection.flows).toEqual({ bypassed: 0, total: 1 });
  });

  test('a RST that the kernel does not take for its own changes nothing', () => {
    const connection = new Connection().open().talk();
    expect(connection.send(TO_SERVER, '', { flags: 'R' })).toBe(true);
    expect(connection.send(TO_CLIENT, noise(10))).toBe(true);
    expect(connection.isHandedOver).toBe(true);
    expect(connection.send(TO_SERVER, '', { flags: 'R', mark: MARK })).toBe(true);
    expect(connection.open().talk().isHandedOver).toBe(true);
    expect(connection.flows).toEqual({ bypassed: 1, total: 2 });
  });

  test('a SYN has it inspected again; a new connection that the server answers is one from its first byte', () => {
    const config: Overrides = { stream: { depthBytes: 1024 } };
    const connection = new Connection({ rules: DROP, config }).open().talk(2000);
    expect(connection.isHandedOver).toBe(true);
    connection.skip(TO_SERVER, 5_000).skip(TO_CLIENT, 5_000).open();
    expect(connection.send(TO_SERVER, 'attack')).toBe(false);
    expect(connection.player.played.alerts).toEqual([1]);
  });

  test('a forged SYN breaks nothing: what goes on is handed over again', () => {
    const connection = new Connection().open().talk();
    const forged = { source: '192.0.2.1', destination: '192.0.2.2', sourcePort: 40_000, destinationPort: 443 };
    connection.player.send(buildTcp({ ...forged, sequence: 4_000_000, acknowledgement: 0, flags: 'S' }));
    expect(connection.flows.bypassed).toBe(0);
    connection.skip(TO_CLIENT, 3_000_000);
    expect(connection.send(TO_CLIENT, noise(10))).toBe(true);
    expect(connection.send(TO_SERVER, noise(10))).toBe(true);
    expect(connection.isHandedOver).toBe(true);
  });
});

describe('taken back', () => {
  test('by new rules that need it: it is followed from where it is, and its re-sent data is compared again', () => {
    const connection = new Connection().open().talk();
    connection.skip(TO_CLIENT, 3_000_000_000).skip(TO_SERVER, 20_000);
    connection.replace(DROP);
    expect(connection.send(TO_CLIENT, noise(10))).toBe(true);
    expect(connection.isHandedOver).toBe(false);
    expect(connection.send(TO_SERVER, 'an att')).toBe(true);
    expect(connection.send(TO_SERVER, 'ack')).toBe(false);
    expect(connection.player.played.alerts).toEqual([1]);
    expect(connection.player.played.anomalies).toEqual([]);
  });

  test('the first that comes has a FIN: its data is inspected', () => {
    const connection = new Connection().open().talk();
    connection.skip(TO_SERVER, 20_000);
    connection.replace(DROP);
    expect(connection.send(TO_SERVER, 'attack', { flags: 'FPA' })).toBe(false);
    expect(connection.player.played.alerts).toEqual([1]);
  });

  test('what a rule or a network had exempted ends with that rule, and that network', () => {
    const config: Overrides = { bypass: { trustedNetworks: ['192.0.2.1'] } };
    const trusted = new Connection({ rules: DROP, config }).open();
    expect(trusted.isHandedOver).toBe(true);
    trusted.replace(DROP, config);
    expect(trusted.send(TO_SERVER, 'attack')).toBe(true);
    trusted.replace(DROP);
    expect(trusted.send(TO_SERVER, 'attack')).toBe(false);

    const rules = `${DROP}\nalert tcp any any -> any any (content:"known"; bypass; sid:2;)`;
    const byRule = new Connection({ rules }).open();
    byRule.send(TO_SERVER, 'known');
    expect(byRule.isHandedOver).toBe(true);
    expect(byRule.send(TO_SERVER, 'attack')).toBe(true);
    byRule.replace(DROP);
    expect(byRule.send(TO_SERVER, 'attack')).toBe(false);
  });
});

test('UDP goes only where it is exempt', () => {
  const datagram = (): Uint8Array => buildUdp({ payload: noise(100) });
  const plain = new Player({ canBypass: true });
  plain.send(datagram());
  expect(plain.played.pipeline.bypasses).toBe(false);
  const trusted = new Player({ canBypass: true, config: { bypass: { trustedNetworks: ['10.0.0.0/24'] } } });
  trusted.send(datagram());
  expect(trusted.played.pipeline.bypasses).toBe(true);
});

test('a segment of a marked connection that was forgotten passes', () => {
  const player = new Player({ mode: 'prevent', canBypass: true, config: { stream: { midstreamPolicy: 'drop' } } });
  const fin = buildTcp({ flags: 'FA', sequence: 5, acknowledgement: 7 });
  expect(player.send(fin, 0, MARK)).toBe(true);
});
