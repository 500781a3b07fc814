import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { FRAGMENT_EVENTS } from '../../src/wire/fragment-events.ts';
import { buildIp, buildTcp, buildUdp, hex } from '../support/packets.ts';
import { conversation, Player, type PlayOptions, playPackets, type Turn } from '../support/play.ts';
import { fragmentOf, fragmentsOf, transportOf } from './fragments.ts';

const OUTER = { source: '198.51.100.1', destination: '198.51.100.2' } as const;
const OUTER6 = { source: '2001:db8:1::1', destination: '2001:db8:1::2' } as const;
const joined = (...parts: readonly (string | Uint8Array)[]): Uint8Array =>
  new Uint8Array(Buffer.concat(parts.map((part) => (typeof part === 'string' ? hex(part) : part))));
const attack = buildUdp({ source: '192.0.2.1', destination: '192.0.2.2', payload: 'an attack' });
const attack6 = buildUdp({ source: '2001:db8::1', destination: '2001:db8::2', payload: 'an attack' });
const ethernet = joined('020000000002 020000000001 0800', attack);
const rule = (action: string, protocol = 'udp', addresses = '192.0.2.1 any -> 192.0.2.2 any'): string =>
  `${action} ${protocol} ${addresses} (content:"attack"; sid:1;)`;
const PREVENT: PlayOptions = { mode: 'prevent', rules: rule('drop') };

describe('what is in a tunnel', () => {
  test.each<[string, Uint8Array]>([
    ['IPv4 in IPv4', buildIp({ ...OUTER, protocol: 4, payload: attack })],
    ['IPv4 in IPv6', buildIp({ ...OUTER6, protocol: 4, payload: attack })],
    ['GRE', buildIp({ ...OUTER, protocol: 47, payload: joined('0000 0800', attack) })],
    ['GRE over IPv6', buildIp({ ...OUTER6, protocol: 47, payload: joined('0000 0800', attack) })],
    ['PPTP', buildIp({ ...OUTER, protocol: 47, payload: joined('3001 880b 00250001 00000001 ff03 0021', attack) })],
    ['VXLAN', buildUdp({ ...OUTER, destinationPort: 4789, payload: joined('08000000 00002a00', ethernet) })],
    ['GENEVE', buildUdp({ ...OUTER, destinationPort: 6081, payload: joined('00006558 00002a00', ethernet) })],
    [
      'a tunnel in a tunnel',
      buildIp({ ...OUTER, protocol: 41, payload: buildIp({ ...OUTER6, protocol: 4, payload: attack }) }),
    ],
  ])('%s: rules see it as a packet of its own, and drop the whole frame', (_, frame) => {
    expect(playPackets([frame], { rules: rule('alert') })).toMatchObject({ alerts: [1], dropped: [], anomalies: [] });
    expect(playPackets([frame], PREVENT)).toMatchObject({ blockedAlerts: [1], dropped: [1], dropReasons: ['rules'] });
  });

  test.each<[string, Uint8Array]>([
    ['6in4', buildIp({ ...OUTER, protocol: 41, payload: attack6 })],
    ['IPv6 in IPv6', buildIp({ ...OUTER6, protocol: 41, payload: attack6 })],
    ['Teredo', buildUdp({ ...OUTER, destinationPort: 3544, payload: attack6 })],
  ])('%s', (_, frame) => {
    const rules = rule('drop', 'udp', '2001:db8::1 any -> 2001:db8::2 any');
    expect(playPackets([frame], { rules, mode: 'prevent' })).toMatchObject({ blockedAlerts: [1], dropped: [1] });
  });

  test('has flows of its own: a connection is followed through the tunnel', () => {
    const http = conversation([
      { direction: TO_SERVER, bytes: new Uint8Array(Buffer.from('GET /attack HTTP/1.1\r\nHost: a\r\n\r\n')) },
      { direction: TO_CLIENT, bytes: new Uint8Array(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')) },
    ]);
    const frames = http.map((payload) => buildIp({ ...OUTER, protocol: 4, payload }));
    const rules = 'drop http any any -> any any (http.uri; content:"/attack"; sid:1;)';
    const played = playPackets(frames, { rules, mode: 'prevent' });
    expect(played).toMatchObject({ blockedAlerts: [1], appProtocols: ['http'] });
    // The request and all that follows in its connection, not the tunnel.
    expect(played.dropped).toEqual(frames.map((_, i) => i + 1).slice(3));
    expect(played.dropReasons.slice(1).every((reason) => reason === 'flow drop')).toBe(true);
  });

  test('says nothing of a connection outside: whoever sends it may be neither of the two', () => {
    const say = (direction: Direction, text: string): Turn => ({ direction, bytes: new Uint8Array(Buffer.from(text)) });
    const answer = say(TO_CLIENT, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    const decoys = conversation([say(TO_SERVER, 'GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n'), answer]);
    const packets = conversation([say(TO_SERVER, 'GET /attacks HTTP/1.1\r\nHost: a\r\n\r\n'), answer]);
    // The handshake, the decoy's request and answer in a tunnel with what acknowledges them, and the attack.
    const tunneled = decoys.slice(3, -3).map((payload) => buildIp({ ...OUTER, protocol: 4, payload }));
    const played = playPackets([...packets.slice(0, 3), ...tunneled, packets[3]!], {
      rules: 'drop http any any -> any any (http.uri; content:"/attack"; sid:1;)',
      mode: 'prevent',
      // As in live traffic, what is in the tunnel is followed.
      midstreamUntilMs: Number.POSITIVE_INFINITY,
    });
    expect(played).toMatchObject({ blockedAlerts: [1], dropped: [4 + tunneled.length] });
  });

  test('announces no connection outside', () => {
    const say = (direction: Direction, text: string): Turn => ({ direction, bytes: new Uint8Array(Buffer.from(text)) });
    const control = conversation(
      [
        say(TO_CLIENT, '220 ready\r\n'),
        say(TO_SERVER, 'PASV\r\n'),
        // 0 * 256 + 80
        say(TO_CLIENT, '227 Entering Passive Mode (192,0,2,2,0,80)\r\n'),
        say(TO_SERVER, 'STOR file\r\n'),
      ],
      { clientPort: 40_001, serverPort: 21 },
    );
    const http = conversation([say(TO_SERVER, 'GET /attack HTTP/1.1\r\nHost: a\r\n\r\n')]);
    const rules = 'drop http any any -> any any (http.uri; content:"/attack"; sid:1;)';
    const outside = playPackets([...control.slice(0, -3), ...http], { rules, mode: 'prevent' });
    expect(outside.alerts).toEqual([]);
    const tunneled = control.slice(0, -3).map((payload) => buildIp({ ...OUTER, protocol: 4, payload }));
    const played = playPackets([...tunneled, ...http], { rules, mode: 'prevent' });
    expect(played.blockedAlerts).toEqual([1]);
  });

  test('is only its payload where IPv4 in IPv4 is not to be opened: captures are read so', () => {
    const closed = { config: { tunnel: { isIpv4InIpv4Open: false } }, mode: 'prevent' } as const;
    const frame = buildIp({ ...OUTER, protocol: 4, payload: attack });
    expect(playPackets([frame], { ...closed, rules: rule('drop') })).toMatchObject({ alerts: [], dropped: [] });
    const outer = rule('drop', 'ip', '198.51.100.1 any -> any any');
    expect(playPackets([frame], { ...closed, rules: outer })).toMatchObject({ blockedAlerts: [1], dropped: [1] });
    const inIpv6 = buildIp({ ...OUTER6, protocol: 4, payload: attack });
    expect(playPackets([inIpv6], { ...closed, rules: rule('drop') }).blockedAlerts).toEqual([1]);
  });

  test('a condemned connection does not condemn the tunnel', () => {
    const player = new Player(PREVENT);
    const other = buildUdp({ source: '192.0.2.9', destination: '192.0.2.2', payload: 'nothing' });
    expect(player.send(buildIp({ ...OUTER, protocol: 4, payload: attack }))).toBe(false);
    expect(player.send(buildIp({ ...OUTER, protocol: 4, payload: other }))).toBe(true);
  });

  test('is not looked at where the outer packet drops', () => {
    const rules = `drop ip 198.51.100.1 any -> any any (sid:2;)\n${rule('alert')}`;
    const frame = buildIp({ ...OUTER, protocol: 4, payload: attack });
    expect(playPackets([frame], { rules, mode: 'prevent' })).toMatchObject({ alerts: [2], dropped: [1] });
  });

  test('drops where it is malformed', () => {
    const bad = buildTcp({ source: '192.0.2.1', destination: '192.0.2.2', flags: 'SF' });
    expect(playPackets([buildIp({ ...OUTER, protocol: 4, payload: bad })])).toMatchObject({
      dropped: [1],
      dropReasons: ['tcp.syn_fin'],
    });
  });

  test('is not looked at where the outer packet has a wrong checksum, since no receiver does', () => {
    const bad = buildIp({ ...OUTER, protocol: 4, payload: attack });
    bad[10]! ^= 0xff;
    const vxlan = joined('08000000 00002a00', ethernet);
    const badUdp = buildUdp({ ...OUTER, destinationPort: 4789, payload: vxlan, checksum: 1 });
    const config = { checks: { policy: 'report' } } as const;
    for (const frame of [bad, badUdp])
      expect(playPackets([frame], { rules: rule('alert'), config }).alerts).toEqual([]);
    const without = buildUdp({ ...OUTER, destinationPort: 4789, payload: vxlan, checksum: 0 });
    expect(playPackets([without], { rules: rule('alert'), config }).alerts).toEqual([1]);
  });

  test('cannot claim to come from inside the host', () => {
    const inner = buildUdp({ source: '127.0.0.1', destination: '127.0.0.1', payload: 'x' });
    const frame = joined('000000000000 000000000000 0800', inner);
    for (const bytes of [
      buildIp({ ...OUTER, protocol: 4, payload: inner }),
      buildUdp({ ...OUTER, destinationPort: 4789, payload: joined('08000000 00002a00', frame) }),
    ]) {
      expect(playPackets([bytes]).dropReasons).toEqual(['ipv4.src_loopback']);
    }
  });

  test('goes no deeper than is allowed', () => {
    let frame = attack;
    for (let depth = 1; depth <= 4; depth++) {
      frame = buildIp({ ...OUTER, protocol: 4, payload: frame });
      const played = playPackets([frame], { rules: rule('alert') });
      expect(played.dropReasons, `depth ${depth}`).toEqual(depth > 2 ? ['too_many_layers'] : []);
      expect(played.alerts).toEqual(depth > 2 ? [] : [1]);
      const deep = playPackets([frame], { rules: rule('alert'), config: { tunnel: { maxDepth: 4 } } });
      expect(deep.alerts).toEqual([1]);
    }
    const none = playPackets([buildIp({ ...OUTER, protocol: 4, payload: attack })], {
      config: { tunnel: { maxDepth: 0 } },
    });
    expect(none.dropReasons).toEqual(['too_many_layers']);
  });

  test('a reject rule that matches inside drops: the kernel could only answer the tunnel', () => {
    const { pipeline, dropped } = playPackets([buildIp({ ...OUTER, protocol: 4, payload: attack })], {
      mode: 'prevent',
      rules: rule('reject'),
    });
    expect(dropped).toEqual([1]);
    expect(pipeline.judgement.rejects).toBe(false);
  });
});

describe('a packet in fragments', () => {
  const payload = transportOf(
    buildUdp({ source: '192.0.2.1', destination: '192.0.2.2', payload: `an attack${'x'.repeat(300)}` }),
  );
  const fields = { source: '192.0.2.1', destination: '192.0.2.2', protocol: 17, payload } as const;
  const [first, second, third] = fragmentsOf(fields, 112) as [Uint8Array, Uint8Array, Uint8Array];

  test('is inspected with the fragment that completes it', () => {
    expect(playPackets([first, second, third], { rules: rule('alert') })).toMatchObject({ alerts: [1], dropped: [] });
    expect(playPackets([first, third], { rules: rule('alert') }).alerts).toEqual([]);
  });

  test('that fragment drops where the whole packet does, and it is never completed', () => {
    const played = playPackets([first, second, third, third, first, second], PREVENT);
    expect(played).toMatchObject({ blockedAlerts: [1], dropped: [3, 4, 5, 6] });
    expect(played.dropReasons).toEqual(['rules', 'defrag error', 'defrag error', 'defrag error']);
  });

  test('a reject rule drops it', () => {
    const played = playPackets([first, second, third], { mode: 'prevent', rules: rule('reject') });
    expect(played.dropped).toEqual([3]);
    expect(played.pipeline.judgement.rejects).toBe(false);
  });

  test('malformed as a whole: drops with its last fragment', () => {
    const wrong = payload.slice();
    wrong[100]! ^= 1;
    const played = playPackets(fragmentsOf({ ...fields, payload: wrong }, 112));
    expect(played).toMatchObject({ dropped: [3], dropReasons: ['udp.invalid_checksum'] });
  });

  test('through a tunnel, and of which each fragment is a tunnel', () => {
    const tunneled = [first, second, third].map((bytes) => buildIp({ ...OUTER, protocol: 4, payload: bytes }));
    expect(playPackets(tunneled, PREVENT)).toMatchObject({ blockedAlerts: [1], dropped: [3] });
    const tunnel = { ...OUTER, protocol: 4, payload: buildUdp({ ...fields, payload: `an attack${'x'.repeat(300)}` }) };
    expect(playPackets(fragmentsOf(tunnel, 112), PREVENT)).toMatchObject({ blockedAlerts: [1], dropped: [4] });
    const both = tunneled.flatMap((bytes, i) =>
      fragmentsOf({ ...OUTER, id: i, protocol: 4, payload: bytes.slice(20) }, 104),
    );
    expect(playPackets(both, PREVENT)).toMatchObject({ blockedAlerts: [1], dropped: [both.length] });
  });

  test('is not completed by a fragment out of a tunnel, which may end elsewhere', () => {
    const decoy = fragmentOf({ ...fields, payload: new Uint8Array(payload.length) }, { start: 112, end: 224 });
    const packets = [first, buildIp({ ...OUTER, protocol: 4, payload: decoy }), third, second];
    expect(playPackets(packets, PREVENT)).toMatchObject({ dropped: [4], dropReasons: ['rules'] });
  });

  test('where checks only report, the first data is inspected', () => {
    const decoy = fragmentOf({ ...fields, payload: new Uint8Array(payload.length) }, { start: 0, end: 112 });
    const played = playPackets([first, decoy, second, third], {
      rules: rule('alert'),
      config: { checks: { policy: 'report' } },
    });
    expect(played).toMatchObject({ alerts: [1], dropped: [] });
    expect(played.anomalies).toEqual([{ type: 'decode', event: 'ipv4.frag_overlap', isBlocked: false }]);
  });

  test('one that a line has damaged does not condemn the others', () => {
    const damaged = second.slice();
    damaged[10]! ^= 0xff;
    expect(playPackets([first, damaged, second, third], { rules: rule('alert') })).toMatchObject({
      alerts: [1],
      dropped: [2],
    });
  });

  test('has counters', () => {
    const { pipeline } = playPackets([first, second, third, first], { stepMs: 70_000 });
    pipeline.updateGauges();
    expect(pipeline.counters.get('decoder.pkts')).toBe(4);
    expect(pipeline.counters.get('defrag.ipv4.fragments')).toBe(4);
    expect(pipeline.counters.get('defrag.ipv4.reassembled')).toBe(0);
    expect(pipeline.counters.get('defrag.timeouts')).toBe(3);
    const { pipeline: quick } = playPackets([first, second, third]);
    expect(quick.counters.get('defrag.ipv4.reassembled')).toBe(1);
  });
});

test('ordinary multicast reports of Linux make no noise', () => {
  // RFC 3810: a report with a router alert and an empty PadN, as Linux sends it.
  const report = buildIp({
    source: 'fe80::1',
    destination: 'ff02::16',
    ttl: 1,
    protocol: 58,
    payload: hex('8f00 0000 0000 0001 04000000 ff0200000000000000000001ff000001'),
    extensions: [{ protocol: 0, bytes: hex('00 00 05 02 0000 01 00') }],
  });
  expect(playPackets([report], { trustsChecksums: true }).anomalies).toEqual([]);
});

test('docs/fragments.md names every check of fragments', () => {
  const page = readFileSync('docs/fragments.md', 'utf8');
  for (const event of Object.keys(FRAGMENT_EVENTS)) expect(page).toContain(event.replace(/^ipv[46]\./, ''));
});
