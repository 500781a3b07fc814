import { expect, test } from 'vitest';
import { CHECKS, CheckActions, type CheckSettings, checkNamed } from '../../src/verdict/checks.ts';
import { Decoder } from '../../src/wire/decode.ts';
import { Packet } from '../../src/wire/packet.ts';
import { buildTcp } from '../support/packets.ts';
import { rulesOf } from '../support/rules.ts';

const ALL: CheckSettings = { policy: 'drop', actions: {}, exceptions: [] };

function packetFrom(source: string): Packet {
  const packet = new Packet();
  packet.setBytes(buildTcp({ source, destination: source.includes(':') ? '2001:db8::2' : '192.0.2.2' }));
  new Decoder().decode(packet);
  return packet;
}

test('each check has a name of its own, a summary and a default', () => {
  expect(CHECKS.length).toBeGreaterThan(100);
  expect(new Set(CHECKS.map(({ name }) => name)).size).toBe(CHECKS.length);
  for (const { name, summary } of CHECKS) {
    expect(name).toMatch(/^([a-z0-9]+\.)?[a-z0-9_]+$/);
    expect(summary.length).toBeGreaterThan(10);
    expect(checkNamed(name)?.name).toBe(name);
  }
});

test('a rule can ask for each of them', () => {
  const keywords = { decode: 'decode-event', stream: 'stream-event', applayer: 'app-layer-event' } as const;
  const rules = CHECKS.map(({ name, type }, sid) => {
    return `alert ip any any -> any any (${keywords[type]}:${name.replace(/^stream\./, '')}; sid:${sid + 1};)`;
  });
  expect(rulesOf(rules.join('\n')).flatMap((rule) => [...rule.packetEvents, ...rule.appEvents])).toEqual(
    CHECKS.map(({ name }) => name),
  );
});

test.each([
  'ipv4.pkt_too_small',
  'ipv4.hlen_too_small',
  'ipv4.trunc_pkt',
  'ipv4.same_src_dst',
  'ipv6.same_src_dst',
  'tcp.port_zero',
  'udp.port_zero',
  'tcp.no_flags',
  'tcp.syn_fin',
  'tcp.syn_rst',
  'tcp.rst_fin',
  'flow.tcp_limit',
  'flow.udp_limit',
  'http.uri_illegal_character',
  'http.uri_path_depth_exceeded',
  'http.uri_traversal_above_root',
])('%s drops by default, in both modes', (name) => {
  expect(checkNamed(name)?.byDefault).toBe('drop');
  expect(new CheckActions(ALL).action(name, packetFrom('192.0.2.1'))).toBe('drop');
});

test('what ordinary hosts send is never dropped by default', () => {
  for (const name of ['capture.trunc_pkt', 'udp.trailing_bytes', 'http.uri_invalid_percent_encoding']) {
    expect(checkNamed(name)?.byDefault, name).toBe('report');
  }
});

test.each(['stream.pkt_retransmission', 'stream.pkt_spurious_retransmission', 'ipv6.zero_len_padn'])(
  '%s is told of only on request',
  (name) => {
    expect(new CheckActions(ALL).action(name, packetFrom('192.0.2.1'))).toBe('ignore');
    const asked = new CheckActions({ ...ALL, actions: { [name]: 'report' } });
    expect(asked.action(name, packetFrom('192.0.2.1'))).toBe('report');
  },
);

test('the policy is over all actions: report drops nothing, off tells nothing', () => {
  const packet = packetFrom('192.0.2.1');
  const actions = { 'tcp.syn_fin': 'drop', 'udp.trailing_bytes': 'ignore' } as const;
  expect(new CheckActions({ ...ALL, policy: 'report', actions }).action('tcp.syn_fin', packet)).toBe('report');
  expect(new CheckActions({ ...ALL, policy: 'report', actions }).action('udp.trailing_bytes', packet)).toBe('ignore');
  expect(new CheckActions({ ...ALL, policy: 'off', actions }).action('tcp.syn_fin', packet)).toBe('ignore');
});

test('an action of the configuration replaces the default', () => {
  const policy = new CheckActions({ ...ALL, actions: { 'tcp.syn_fin': 'report', 'udp.trailing_bytes': 'drop' } });
  const packet = packetFrom('192.0.2.1');
  expect(policy.action('tcp.syn_fin', packet)).toBe('report');
  expect(policy.action('udp.trailing_bytes', packet)).toBe('drop');
});

test('exceptions hold for packets from and to a network, and for the checks that they name', () => {
  const policy = new CheckActions({
    ...ALL,
    exceptions: [
      { networks: ['198.51.100.0/24', '2001:db8:1::/48'], checks: ['tcp.syn_fin'] },
      { networks: ['203.0.113.7'], checks: 'all' },
    ],
  });
  expect(policy.action('tcp.syn_fin', packetFrom('198.51.100.9'))).toBe('ignore');
  expect(policy.action('tcp.syn_fin', packetFrom('2001:db8:1::9'))).toBe('ignore');
  expect(policy.action('tcp.syn_rst', packetFrom('198.51.100.9'))).toBe('drop');
  expect(policy.action('tcp.syn_rst', packetFrom('203.0.113.7'))).toBe('ignore');
  expect(policy.action('tcp.syn_fin', packetFrom('203.0.113.8'))).toBe('drop');
});
