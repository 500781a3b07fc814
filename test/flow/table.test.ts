import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { FLOW_KIND, FlowCounts } from '../../src/flow/counts.ts';
import { FLOW_EVENTS } from '../../src/flow/events.ts';
import { FLOW_FLAG } from '../../src/flow/flags.ts';
import type { FlowTableOptions } from '../../src/flow/options.ts';
import { FlowTable, LOOKUP } from '../../src/flow/table.ts';
import { DEFAULT_FLOW_TIMEOUTS, TIMEOUT_CLASS } from '../../src/flow/timeouts.ts';
import { IP_PROTOCOL, NO_FLOW, Packet } from '../../src/wire/packet.ts';
import { TCP_FLAG } from '../../src/wire/tcp.ts';
import { fuzzRuns } from '../support/fuzz.ts';
import { growthOf, LINEAR } from '../support/growth.ts';

const { tcp, udp, icmp, icmpv6 } = IP_PROTOCOL;
const SMALL = { maxTcpFlows: 4, maxUdpFlows: 4, maxOtherFlows: 4 };
const SEED = [0x1234_5678, 0x9abc_def0] as const;

interface Fields {
  protocol?: number;
  from?: readonly [address: number, port: number];
  to?: readonly [address: number, port: number];
  version?: 4 | 6;
  vlan?: number;
  timeMs?: number;
  icmpType?: number;
  icmpCode?: number;
  tunnelDepth?: number;
  tcpFlags?: number;
}

function setPacket(packet: Packet, fields: Fields): Packet {
  const { protocol = udp, from = [1, 1000], to = [2, 53], version = 4, vlan = -1, timeMs = 0 } = fields;
  packet.ipVersion = version;
  packet.isFragment = false;
  packet.vlanId = vlan;
  packet.protocol = protocol;
  packet.source.fill(version === 6 ? 0xfe80_0000 : 0, 0, 3);
  packet.destination.fill(version === 6 ? 0xfe80_0000 : 0, 0, 3);
  packet.source[3] = from[0];
  packet.destination[3] = to[0];
  const hasPorts = protocol === tcp || protocol === udp;
  packet.sourcePort = hasPorts ? from[1] : 0;
  packet.destinationPort = hasPorts ? to[1] : 0;
  packet.icmpType = fields.icmpType ?? 0;
  packet.icmpCode = fields.icmpCode ?? 0;
  packet.tunnelDepth = fields.tunnelDepth ?? 0;
  packet.tcpFlags = fields.tcpFlags ?? 0;
  packet.transportStart = 0;
  packet.end = packet.bytes.length;
  packet.ipEnd = packet.end;
  packet.wireBytes = 100;
  packet.timeMs = timeMs;
  packet.events.length = 0;
  return packet;
}

class Harness {
  readonly table: FlowTable;
  readonly packet = new Packet();
  ended: [number, string][] = [];

  constructor(options: Partial<FlowTableOptions> = {}) {
    this.table = new FlowTable(SEED, (slot, reason) => this.ended.push([slot, reason]), { ...SMALL, ...options });
  }

  see(fields: Fields): number {
    return this.table.lookup(setPacket(this.packet, fields));
  }

  /** The slot and direction that the packet gets. */
  at(fields: Fields): [number, number] {
    this.see(fields);
    return [this.packet.flow, this.packet.direction];
  }
}

describe('lookup', () => {
  test('both directions meet in one slot, and the first packet’s way is to the server', () => {
    for (const version of [4, 6] as const) {
      for (const [a, b] of [
        [0xc0a8_0001, 0x0a00_0001],
        [0x0a00_0001, 0xc0a8_0001],
        [5, 5],
      ] as const) {
        const { table, packet } = new Harness();
        const there: Fields = { version, protocol: tcp, from: [a, 40_000], to: [b, 80], timeMs: 5 };
        const back: Fields = { version, protocol: tcp, from: [b, 80], to: [a, 40_000], timeMs: 9 };
        expect(table.lookup(setPacket(packet, there))).toBe(LOOKUP.new);
        const slot = packet.flow;
        expect(packet.direction).toBe(TO_SERVER);
        expect(table.lookup(setPacket(packet, back))).toBe(LOOKUP.known);
        expect([packet.flow, packet.direction]).toEqual([slot, TO_CLIENT]);
        expect(table.lookup(setPacket(packet, there))).toBe(LOOKUP.known);
        expect([packet.flow, packet.direction]).toEqual([slot, TO_SERVER]);
        expect(table.size).toBe(1);
        expect([table.clientPort(slot), table.serverPort(slot)]).toEqual([40_000, 80]);
        expect(table.addresses[slot * 8 + 3]).toBe(a);
        expect(table.addresses[slot * 8 + 7]).toBe(b);
        expect([table.firstSeenMs[slot], table.lastSeenMs[slot]]).toEqual([5, 5]);
        expect([...table.packets.slice(slot * 2, slot * 2 + 2)]).toEqual([2, 1]);
        expect([...table.bytes.slice(slot * 2, slot * 2 + 2)]).toEqual([200, 100]);
        expect([table.ipVersion(slot), table.protocol(slot), table.vlanId(slot)]).toEqual([version, tcp, -1]);
      }
    }
  });

  test('all parts of the key tell flows apart', () => {
    const harness = new Harness({ maxTcpFlows: 20, maxUdpFlows: 20 });
    const variants: Fields[] = [
      {},
      { vlan: 0 },
      { vlan: 4095 },
      { version: 6 },
      { protocol: tcp },
      { from: [3, 1000] },
      { to: [3, 53] },
      { from: [1, 1001] },
      { to: [2, 54] },
      { from: [1, 53], to: [2, 1000] },
      { tunnelDepth: 1 },
      { tunnelDepth: 16, protocol: 0xff },
    ];
    const slots = variants.map((fields) => harness.at(fields)[0]);
    expect(new Set(slots).size).toBe(variants.length);
    expect(harness.table.vlanId(slots[2]!)).toBe(4095);
    const { table } = harness;
    expect(slots.slice(-3).map((slot) => [table.tunnelDepth(slot), table.protocol(slot)])).toEqual([
      [0, udp],
      [1, udp],
      [16, 0xff],
    ]);
    expect(variants.map((fields) => harness.at(fields)[0])).toEqual(slots);
  });

  test('what is no IP packet, and fragments, belong to no flow', () => {
    const { table, packet } = new Harness();
    setPacket(packet, {}).isFragment = true;
    expect(table.lookup(packet)).toBe(LOOKUP.none);
    expect(packet.flow).toBe(NO_FLOW);
    setPacket(packet, {}).ipVersion = 0;
    expect(table.lookup(packet)).toBe(LOOKUP.none);
    expect(table.size).toBe(0);
  });

  test.each([
    ['ICMP', icmp, 8, 0],
    ['ICMPv6', icmpv6, 128, 129],
  ])('%s echo: answers meet their question, whatever the identifier', (_, protocol, question, answer) => {
    const harness = new Harness();
    const ask = (from = 1, to = 2): Fields => ({
      protocol,
      version: protocol === icmp ? 4 : 6,
      icmpType: question,
      from: [from, 0],
      to: [to, 0],
    });
    const reply = (from = 2, to = 1): Fields => ({ ...ask(from, to), icmpType: answer });
    const [one] = harness.at(ask());
    expect(harness.at({ ...ask(), icmpCode: 1 })[0]).not.toBe(one);
    expect(harness.at(reply())).toEqual([one, TO_CLIENT]);
    // The other host asks: a flow of its own.
    expect(harness.at(ask(2, 1))[0]).not.toBe(one);
    // On loopback only the type tells which way it goes.
    const [self] = harness.at(ask(9, 9));
    expect(harness.at(reply(9, 9))).toEqual([self, TO_CLIENT]);
    expect([harness.table.clientPort(one), harness.table.serverPort(one)]).toEqual([0, 0]);
  });

  test('other ICMP messages are one flow per direction, type and code', () => {
    const harness = new Harness();
    const unreachable = { protocol: icmp, icmpType: 3, icmpCode: 1 };
    const [flow] = harness.at(unreachable);
    expect(harness.at(unreachable)[0]).toBe(flow);
    expect(harness.at({ ...unreachable, icmpCode: 3 })[0]).not.toBe(flow);
    expect(harness.at({ ...unreachable, icmpType: 11 })[0]).not.toBe(flow);
    expect(harness.at({ ...unreachable, from: [2, 0], to: [1, 0] })[0]).not.toBe(flow);
  });
});

describe('ids', () => {
  test('are below 2^53, different for all flows of all workers, and stable during the flow', () => {
    const ids = new Set<number>();
    for (const worker of [0, 1, 255]) {
      const harness = new Harness({ worker });
      for (let i = 0; i < 1000; i++) {
        const [slot] = harness.at({ from: [i, 1] });
        const id = harness.table.flowId(slot);
        harness.see({ from: [i, 1] });
        expect(harness.table.flowId(slot)).toBe(id);
        expect(Number.isSafeInteger(id) && id >= 0).toBe(true);
        ids.add(id);
        harness.table.release(slot);
      }
    }
    expect(ids.size).toBe(3000);
  });
});

describe('caps', () => {
  test.each([
    ['flow.tcp_limit', tcp],
    ['flow.udp_limit', udp],
    ['flow.other_limit', icmp],
  ])('%s: new flows are refused, existing ones and other protocols go on', (event, protocol) => {
    const harness = new Harness();
    for (let i = 0; i < 4; i++) expect(harness.see({ protocol, from: [i, 1] })).toBe(LOOKUP.new);
    expect(harness.see({ protocol, from: [9, 1] })).toBe(LOOKUP.full);
    expect(harness.packet.events).toEqual([event]);
    expect(FLOW_EVENTS).toHaveProperty([event]);
    expect(harness.packet.flow).toBe(NO_FLOW);
    expect(harness.see({ protocol, from: [0, 1] })).toBe(LOOKUP.known);
    expect(harness.see({ protocol: protocol === tcp ? udp : tcp, from: [9, 1] })).toBe(LOOKUP.new);
    harness.table.release(harness.at({ protocol, from: [2, 1] })[0]);
    expect(harness.see({ protocol, from: [9, 1] })).toBe(LOOKUP.new);
  });

  test('a flow that expired makes room at once', () => {
    const harness = new Harness();
    for (let i = 0; i < 4; i++) harness.see({ from: [i, 1], timeMs: i });
    expect(harness.see({ from: [9, 1], timeMs: DEFAULT_FLOW_TIMEOUTS.udpNewMs })).toBe(LOOKUP.new);
    expect(harness.ended).toEqual([[harness.packet.flow, 'timeout']]);
  });

  test('a TCP connection that is over makes room for another', () => {
    const harness = new Harness();
    for (let i = 0; i < 4; i++) harness.see({ protocol: tcp, from: [i, 1] });
    const [over] = harness.at({ protocol: tcp, from: [2, 1] });
    expect(harness.see({ protocol: tcp, from: [9, 1] })).toBe(LOOKUP.full);
    harness.table.setTimeoutClass(over, TIMEOUT_CLASS.tcpClosed);
    expect(harness.see({ protocol: tcp, from: [9, 1] })).toBe(LOOKUP.new);
    expect(harness.ended).toEqual([[over, 'evicted']]);
    expect(harness.table.flags[over]).toBe(0);
  });

  test('one that is condemned makes room too, and begins condemned when it is met again, once', () => {
    const harness = new Harness();
    const { table, packet } = harness;
    for (let i = 0; i < 4; i++) {
      const [slot] = harness.at({ protocol: tcp, from: [i, 1], timeMs: i });
      table.setTimeoutClass(slot, TIMEOUT_CLASS.tcpEstablished);
      if (i === 2) {
        table.flags[slot] = FLOW_FLAG.condemned;
        table.condemn(slot);
      }
    }
    expect(harness.see({ protocol: tcp, from: [9, 1], timeMs: 251 })).toBe(LOOKUP.full);
    expect(harness.see({ protocol: tcp, from: [9, 1], timeMs: 252 })).toBe(LOOKUP.new);
    expect(harness.ended).toEqual([[packet.flow, 'evicted']]);
    expect(table.flags[packet.flow]).toBe(0);
    table.release(packet.flow);
    expect(harness.see({ protocol: tcp, from: [2, 53], to: [2, 1], timeMs: 253 })).toBe(LOOKUP.new);
    expect([table.flags[packet.flow], table.timeoutClass(packet.flow)]).toEqual([
      FLOW_FLAG.condemned,
      TIMEOUT_CLASS.tcpCondemned,
    ]);
    table.setTimeoutClass(packet.flow, TIMEOUT_CLASS.tcpEstablished);
    table.release(packet.flow);
    harness.see({ protocol: tcp, from: [2, 1], timeMs: 254 });
    expect(table.flags[packet.flow]).toBe(0);
  });

  test('half-open connections have a limit of their own', () => {
    const counts = new FlowCounts();
    const harness = new Harness({ maxHalfOpenFlows: 2, counts });
    const [first] = harness.at({ protocol: tcp, from: [1, 1] });
    harness.see({ protocol: tcp, from: [2, 1] });
    expect(harness.see({ protocol: tcp, from: [3, 1] })).toBe(LOOKUP.full);
    expect(harness.packet.events).toEqual(['flow.half_open_limit']);
    harness.table.setTimeoutClass(first, TIMEOUT_CLASS.tcpEstablished);
    expect(harness.see({ protocol: tcp, from: [3, 1] })).toBe(LOOKUP.new);
    expect([counts.total(FLOW_KIND.halfOpen), counts.total(FLOW_KIND.tcp)]).toEqual([2, 3]);
    harness.table.forEach((slot) => {
      harness.table.release(slot);
    });
    expect([counts.total(FLOW_KIND.halfOpen), counts.total(FLOW_KIND.tcp)]).toEqual([0, 0]);
  });

  test('are shared by workers with the same cells, and a dead worker’s flows are taken out', () => {
    const cells = FlowCounts.sharedCells(2);
    const one = new Harness({ counts: new FlowCounts(cells, 0) });
    const two = new Harness({ counts: new FlowCounts(cells, 1) });
    for (let i = 0; i < 3; i++) expect(one.see({ from: [i, 1] })).toBe(LOOKUP.new);
    expect(two.see({ from: [9, 1] })).toBe(LOOKUP.new);
    expect(two.see({ from: [10, 1] })).toBe(LOOKUP.full);
    const supervisor = new FlowCounts(cells, 0);
    expect(supervisor.total(FLOW_KIND.udp)).toBe(4);
    supervisor.forget(0);
    expect(supervisor.total(FLOW_KIND.udp)).toBe(1);
    for (let i = 10; i < 13; i++) expect(two.see({ from: [i, 1] })).toBe(LOOKUP.new);
    expect(two.see({ from: [14, 1] })).toBe(LOOKUP.full);
  });

  describe('a connection that was silent for long', () => {
    const silentAt = DEFAULT_FLOW_TIMEOUTS.tcpEstablishedMs;
    const established = (options: Partial<FlowTableOptions> = {}): Harness => {
      const harness = new Harness(options);
      for (let i = 0; i < 4; i++) {
        const [slot] = harness.at({ protocol: tcp, from: [i, 1], timeMs: i });
        harness.table.setTimeoutClass(slot, TIMEOUT_CLASS.tcpEstablished);
      }
      return harness;
    };

    test('is set aside, and established again with its next packet', () => {
      const harness = established();
      expect(harness.table.expire(silentAt, 10)).toBe(1);
      expect(harness.ended).toEqual([]);
      const [slot] = harness.at({ protocol: tcp, from: [0, 1], timeMs: silentAt + 1 });
      expect(harness.table.timeoutClass(slot)).toBe(TIMEOUT_CLASS.tcpEstablished);
      expect(harness.table.expire(DEFAULT_FLOW_TIMEOUTS.tcpSilentMs, 2)).toBe(2);
      expect(harness.table.expire(DEFAULT_FLOW_TIMEOUTS.tcpSilentMs + 3, 10)).toBe(4);
      expect(harness.ended.map(([, reason]) => reason)).toEqual(['timeout', 'timeout', 'timeout']);
      expect(harness.table.timeoutClass(slot)).toBe(TIMEOUT_CLASS.tcpSilent);
    });

    test('is forgotten where nobody would look into it', () => {
      const harness = established({ onSilent: () => false });
      harness.table.expire(silentAt + 3, 10);
      expect(harness.ended).toHaveLength(4);
    });

    test('makes room for a new one, the oldest first, before any that is just being opened', () => {
      const harness = established();
      harness.table.release(harness.at({ protocol: tcp, from: [3, 1], timeMs: 3 })[0]);
      harness.see({ protocol: tcp, from: [8, 1], timeMs: silentAt - 1000 });
      const [first] = harness.at({ protocol: tcp, from: [0, 1], timeMs: 3 });
      harness.ended = [];
      expect(harness.see({ protocol: tcp, from: [9, 1], timeMs: silentAt + 2 })).toBe(LOOKUP.new);
      expect(harness.packet.events).toEqual([]);
      expect(harness.table.timeoutClass(first)).toBe(TIMEOUT_CLASS.tcpEstablished);
      expect(harness.ended).toEqual([[harness.packet.flow, 'timeout']]);
    });

    test('counts no more for its source', () => {
      const harness = established({ maxFlowsPerSource: 1 });
      expect(harness.see({ protocol: tcp, from: [2, 2], timeMs: 300 })).toBe(LOOKUP.full);
      harness.table.release(harness.at({ protocol: tcp, from: [3, 1], timeMs: 3 })[0]);
      harness.table.expire(silentAt + 2, 10);
      expect(harness.see({ protocol: tcp, from: [2, 2], timeMs: silentAt + 2 })).toBe(LOOKUP.new);
    });

    test('fails to be set aside only once', () => {
      const harness = established({
        onSilent: () => {
          throw new Error('a mistake of ours');
        },
      });
      for (let i = 0; i < 4; i++) expect(() => harness.table.expire(silentAt + 3, 10)).toThrow('a mistake of ours');
      expect(harness.table.expire(silentAt + 3, 10)).toBe(0);
    });
  });

  describe('of several workers', () => {
    const sharing = () => {
      const cells = FlowCounts.sharedCells(2);
      const [one, two] = [0, 1].map((worker) => new Harness({ counts: new FlowCounts(cells, worker) }));
      return { one: one!, two: two!, counts: new FlowCounts(cells, 0) };
    };

    test.each([
      ['half-open connections', tcp, FLOW_KIND.tcp],
      ['UDP without an answer', udp, FLOW_KIND.udp],
      ['ICMP', icmp, FLOW_KIND.other],
    ])('a flood that one has keeps no new flow out of the other: %s', (_, protocol, kind) => {
      const { one, two, counts } = sharing();
      for (let i = 0; i < 4; i++) one.see({ protocol, from: [i, 1], timeMs: i });
      expect(two.see({ protocol, from: [10, 1], timeMs: 300 })).toBe(LOOKUP.full);
      one.table.expire(300, 10);
      for (const i of [10, 11]) expect(two.see({ protocol, from: [i, 1], timeMs: 300 })).toBe(LOOKUP.new);
      expect(counts.total(kind)).toBe(6);
      // Whoever has what is spared brings the number back.
      for (const i of [20, 21]) expect(one.see({ protocol, from: [i, 1], timeMs: 301 })).toBe(LOOKUP.new);
      expect(counts.total(kind)).toBe(4);
      expect(one.ended).toHaveLength(4);
    });

    test('what goes on is not given up, and none has more than all may have', () => {
      const { one, two } = sharing();
      for (let i = 0; i < 3; i++) {
        const [slot] = one.at({ protocol: tcp, from: [i, 1] });
        one.table.setTimeoutClass(slot, TIMEOUT_CLASS.tcpEstablished);
      }
      const [last] = one.at({ protocol: tcp, from: [3, 1] });
      one.table.expire(300, 10);
      expect(two.see({ protocol: tcp, from: [10, 1], timeMs: 300 })).toBe(LOOKUP.new);
      expect(two.see({ protocol: tcp, from: [11, 1], timeMs: 300 })).toBe(LOOKUP.full);
      one.table.setTimeoutClass(last, TIMEOUT_CLASS.tcpEstablished);
      expect(one.see({ protocol: tcp, from: [12, 1], timeMs: 900 })).toBe(LOOKUP.full);
    });

    test('a worker that died offers nothing', () => {
      const { one, two, counts } = sharing();
      for (let i = 0; i < 4; i++) one.see({ protocol: tcp, from: [i, 1] });
      one.table.expire(300, 10);
      counts.forget(0);
      for (let i = 0; i < 4; i++) expect(two.see({ protocol: tcp, from: [i, 1], timeMs: 300 })).toBe(LOOKUP.new);
      expect(two.see({ protocol: tcp, from: [9, 1], timeMs: 300 })).toBe(LOOKUP.full);
    });
  });

  describe('what nobody has answered makes room, the oldest first', () => {
    test.each([
      ['half-open connections', tcp],
      ['UDP without an answer', udp],
      ['ICMP', icmp],
    ])('%s', (_name, protocol) => {
      const harness = new Harness();
      for (let i = 0; i < 4; i++) harness.see({ protocol, from: [i, 1], timeMs: i });
      expect(harness.see({ protocol, from: [8, 1], timeMs: 249 })).toBe(LOOKUP.full);
      expect(harness.see({ protocol, from: [9, 1], timeMs: 250 })).toBe(LOOKUP.new);
      expect(harness.packet.events).toEqual(['flow.recycled']);
      expect(harness.ended).toEqual([[harness.packet.flow, 'recycled']]);
      expect(harness.see({ protocol, from: [0, 1], timeMs: 250 })).toBe(LOOKUP.full);
      expect(harness.see({ protocol, from: [1, 1], timeMs: 250 })).toBe(LOOKUP.known);
    });

    test('but nothing that goes on', () => {
      const harness = new Harness();
      for (let i = 0; i < 4; i++) {
        const [slot] = harness.at({ protocol: tcp, from: [i, 1] });
        harness.table.setTimeoutClass(slot, TIMEOUT_CLASS.tcpEstablished);
        harness.see({ from: [i, 1] });
        harness.see({ from: [2, 53], to: [i, 1] });
      }
      expect(harness.see({ protocol: tcp, from: [9, 1], timeMs: 5000 })).toBe(LOOKUP.full);
      expect(harness.see({ protocol: udp, from: [9, 1], timeMs: 5000 })).toBe(LOOKUP.full);
      expect(harness.ended).toEqual([]);
    });

    test('what is condemned before it was established is among it, and no half-open connection', () => {
      const counts = new FlowCounts();
      const harness = new Harness({ maxHalfOpenFlows: 4, counts });
      for (let i = 0; i < 4; i++) {
        const [slot] = harness.at({ protocol: tcp, from: [i, 1], timeMs: i });
        harness.table.flags[slot] = FLOW_FLAG.condemned;
        harness.table.condemn(slot);
      }
      expect(counts.total(FLOW_KIND.halfOpen)).toBe(0);
      expect(harness.see({ protocol: tcp, from: [9, 1], timeMs: 249 })).toBe(LOOKUP.full);
      expect(harness.see({ protocol: tcp, from: [9, 1], timeMs: 250 })).toBe(LOOKUP.new);
      // The next packet of the one that made room is judged like any other.
      expect(harness.see({ protocol: tcp, from: [0, 1], timeMs: 251 })).toBe(LOOKUP.new);
      expect(harness.table.flags[harness.packet.flow]).toBe(0);
    });

    test('also where time has gone back since', () => {
      const harness = new Harness();
      for (let i = 0; i < 4; i++) harness.see({ protocol: tcp, from: [i, 1], timeMs: 86_400_000 + i });
      for (let i = 10; i < 12; i++) expect(harness.see({ protocol: tcp, from: [i, 1], timeMs: 1000 })).toBe(LOOKUP.new);
    });

    test('not for a half-open limit: it is there to spare the server', () => {
      const harness = new Harness({ maxHalfOpenFlows: 2 });
      for (let i = 0; i < 2; i++) harness.see({ protocol: tcp, from: [i, 1] });
      expect(harness.see({ protocol: tcp, from: [9, 1], timeMs: 5000 })).toBe(LOOKUP.full);
    });
  });

  describe('by source', () => {
    const limited = { maxTcpFlows: 50, maxUdpFlows: 50, maxOtherFlows: 50, maxFlowsPerSource: 3 };

    test('a source that has enough gets no more, others do', () => {
      const harness = new Harness(limited);
      for (let port = 1; port <= 3; port++) harness.see({ from: [1, port] });
      expect(harness.see({ protocol: tcp, from: [1, 9] })).toBe(LOOKUP.full);
      expect(harness.packet.events).toEqual(['flow.source_limit']);
      expect(harness.see({ from: [1, 2] })).toBe(LOOKUP.known);
      expect(harness.see({ from: [2, 9] })).toBe(LOOKUP.new);
      harness.table.release(harness.at({ from: [1, 2] })[0]);
      expect(harness.see({ from: [1, 9] })).toBe(LOOKUP.new);
    });

    test('connections that are over do not count, however often their ports serve again', () => {
      const harness = new Harness({ ...limited, maxHalfOpenPerSource: 2 });
      const { table, packet } = harness;
      const open = (port: number): number => {
        const [slot] = harness.at({ protocol: tcp, from: [1, port] });
        table.setTimeoutClass(slot, TIMEOUT_CLASS.tcpEstablished);
        return slot;
      };
      for (let port = 1; port <= 9; port++) table.setTimeoutClass(open(port), TIMEOUT_CLASS.tcpClosed);
      const syn: Fields = { protocol: tcp, from: [1, 1], tcpFlags: TCP_FLAG.syn };
      const [again] = harness.at(syn);
      table.restart(again, packet, TO_SERVER);
      table.setTimeoutClass(again, TIMEOUT_CLASS.tcpEstablished);
      for (const port of [11, 12]) open(port);
      expect(harness.see({ protocol: tcp, from: [1, 13] })).toBe(LOOKUP.full);
      // Nor do they help to have more.
      expect(harness.see({ ...syn, from: [1, 2] })).toBe(LOOKUP.full);
      expect(packet.events).toEqual(['flow.source_limit']);
      expect(packet.flow).toBe(NO_FLOW);
      expect(harness.see({ ...syn, from: [1, 2], tcpFlags: TCP_FLAG.ack })).toBe(LOOKUP.known);
      table.release(again);
      expect(harness.see({ protocol: tcp, from: [1, 13] })).toBe(LOOKUP.new);
      table.forEach((slot) => {
        table.release(slot);
      });
      for (let port = 1; port <= 2; port++) expect(harness.see({ protocol: tcp, from: [1, port] })).toBe(LOOKUP.new);
      expect(harness.see({ protocol: tcp, from: [1, 3] })).toBe(LOOKUP.full);
    });

    test('half-open connections have a cap of their own', () => {
      const harness = new Harness({ ...limited, maxFlowsPerSource: null, maxHalfOpenPerSource: 2 });
      const [first] = harness.at({ protocol: tcp, from: [1, 1] });
      harness.see({ protocol: tcp, from: [1, 2] });
      expect(harness.see({ protocol: tcp, from: [1, 3] })).toBe(LOOKUP.full);
      expect(harness.packet.events).toEqual(['flow.source_half_open_limit']);
      expect(harness.see({ from: [1, 3] })).toBe(LOOKUP.new);
      harness.table.setTimeoutClass(first, TIMEOUT_CLASS.tcpEstablished);
      expect(harness.see({ protocol: tcp, from: [1, 3] })).toBe(LOOKUP.new);
      expect(harness.see({ protocol: tcp, from: [1, 4] })).toBe(LOOKUP.full);
      harness.table.release(first);
      expect(harness.see({ protocol: tcp, from: [1, 4] })).toBe(LOOKUP.full);
    });

    test('an IPv6 network of 64 bits is one source', () => {
      const harness = new Harness(limited);
      for (let host = 1; host <= 3; host++) harness.see({ version: 6, from: [host, 1] });
      expect(harness.see({ version: 6, from: [9, 1] })).toBe(LOOKUP.full);
      expect(harness.see({ version: 4, from: [1, 1] })).toBe(LOOKUP.new);
    });

    test('what this host sends is not counted', () => {
      const harness = new Harness(limited);
      harness.packet.outInterface = 2;
      for (let port = 1; port <= 9; port++) expect(harness.see({ from: [1, port] })).toBe(LOOKUP.new);
    });
  });

  test('a row that the cells do not have is the caller’s mistake', () => {
    expect(() => new FlowCounts(FlowCounts.sharedCells(2), 2)).toThrow(RangeError);
  });
});

describe('timeouts', () => {
  test('a flow ends when its class’s time has passed since its last packet', () => {
    const harness = new Harness();
    const [slot] = harness.at({ timeMs: 1000 });
    harness.see({ timeMs: 11_000 });
    expect(harness.table.expire(40_999, 100)).toBe(0);
    expect(harness.table.expire(41_000, 100)).toBe(1);
    expect(harness.ended).toEqual([[slot, 'timeout']]);
    expect(harness.table.size).toBe(0);
  });

  test('of thousands of connections that are over, the oldest go early, but none at once', () => {
    const harness = new Harness({ maxTcpFlows: 10_000 });
    const { table } = harness;
    const slots = Array.from(
      { length: 5_000 },
      (_, i) => harness.at({ protocol: tcp, from: [1, 1 + i], timeMs: i / 10 })[0],
    );
    for (const slot of slots) table.setTimeoutClass(slot, TIMEOUT_CLASS.tcpClosed);
    expect(table.expire(499, 1_000)).toBe(0);
    expect(table.expire(600, 1_000)).toBe(904);
    expect(table.size).toBe(4_096);
    expect(harness.ended.map(([slot]) => slot)).toEqual(slots.slice(0, 904));
    expect(table.expire(9_000, 1_000)).toBe(0);
  });

  test('UDP with an answer lives longer', () => {
    const harness = new Harness();
    const [slot] = harness.at({});
    expect(harness.table.timeoutClass(slot)).toBe(TIMEOUT_CLASS.udpNew);
    harness.see({ from: [2, 53], to: [1, 1000] });
    expect(harness.table.timeoutClass(slot)).toBe(TIMEOUT_CLASS.udpReplied);
    expect(harness.table.expire(DEFAULT_FLOW_TIMEOUTS.udpRepliedMs - 1, 100)).toBe(0);
    expect(harness.table.expire(DEFAULT_FLOW_TIMEOUTS.udpRepliedMs, 100)).toBe(1);
  });

  test('the work of one call is bounded, and no class keeps another from its turn', () => {
    const harness = new Harness({ maxTcpFlows: 100, maxUdpFlows: 100 });
    for (let i = 0; i < 90; i++) harness.see({ protocol: tcp, from: [i, 1] });
    const [slot] = harness.at({ protocol: udp });
    let calls = 0;
    while (harness.table.size > 0 && calls++ < 100) {
      const { size } = harness.table;
      expect(harness.table.expire(1e9, 3)).toBe(Math.min(3, size));
    }
    const place = harness.ended.findIndex(([ended]) => ended === slot);
    // Nine classes take turns, three flows each time.
    expect(place).toBeGreaterThanOrEqual(0);
    expect(place).toBeLessThan(9 * 3);
    expect(harness.ended.length).toBe(91);
  });

  test('time that goes back keeps nothing from expiring', () => {
    const harness = new Harness();
    harness.see({ from: [1, 1], timeMs: 1e12 });
    harness.see({ from: [2, 1], timeMs: 5000 });
    expect(harness.table.expire(6000, 100)).toBe(0);
    expect(harness.table.expire(5000 + DEFAULT_FLOW_TIMEOUTS.udpNewMs, 100)).toBe(1);
    expect(harness.table.expire(6000 + DEFAULT_FLOW_TIMEOUTS.udpNewMs, 100)).toBe(1);
    expect(harness.table.size).toBe(0);
  });
});

describe('changing flows', () => {
  test('reverse swaps client and server with all that is counted', () => {
    const harness = new Harness();
    const [slot] = harness.at({ from: [1, 1000], to: [2, 53] });
    harness.see({ from: [1, 1000], to: [2, 53] });
    harness.see({ from: [2, 53], to: [1, 1000] });
    harness.table.reverse(slot);
    expect([harness.table.clientPort(slot), harness.table.serverPort(slot)]).toEqual([53, 1000]);
    expect([...harness.table.packets.slice(slot * 2, slot * 2 + 2)]).toEqual([1, 2]);
    expect(harness.at({ from: [1, 1000], to: [2, 53] })).toEqual([slot, TO_CLIENT]);
    expect(harness.at({ from: [2, 53], to: [1, 1000] })).toEqual([slot, TO_SERVER]);
    harness.table.release(slot);
    expect(harness.table.size).toBe(0);
  });

  test('restart gives the slot to a new flow, with the packet in hand', () => {
    const harness = new Harness();
    const there: Fields = { protocol: tcp, from: [1, 1000], to: [2, 80] };
    const [slot] = harness.at(there);
    const id = harness.table.flowId(slot);
    harness.table.setTimeoutClass(slot, TIMEOUT_CLASS.tcpClosed);
    harness.table.flags[slot] = FLOW_FLAG.alerted;
    harness.see({ protocol: tcp, from: [2, 80], to: [1, 1000], timeMs: 77 });
    harness.table.restart(slot, harness.packet, TO_SERVER);
    expect(harness.ended).toEqual([[slot, 'reused']]);
    expect(harness.packet.direction).toBe(TO_SERVER);
    expect(harness.table.flowId(slot)).not.toBe(id);
    expect(harness.table.clientPort(slot)).toBe(80);
    expect(harness.table.flags[slot]).toBe(0);
    expect(harness.table.firstSeenMs[slot]).toBe(77);
    expect(harness.table.timeoutClass(slot)).toBe(TIMEOUT_CLASS.tcpNew);
    expect([...harness.table.packets.slice(slot * 2, slot * 2 + 2)]).toEqual([1, 0]);
    expect(harness.at(there)).toEqual([slot, TO_CLIENT]);
  });
});

/** What the table should do, the plain way. */
class Model {
  readonly flows = new Map<string, { client: string; lastSeenMs: number; isReplied: boolean }>();

  see(from: string, to: string, timeMs: number): { result: number; direction: number } {
    this.expire(timeMs);
    const key = [from, to].sort().join(' ');
    const flow = this.flows.get(key);
    if (flow === undefined) {
      if (this.flows.size >= 6) this.recycle(timeMs);
      if (this.flows.size >= 6) return { result: LOOKUP.full, direction: TO_SERVER };
      this.flows.set(key, { client: from, lastSeenMs: timeMs, isReplied: false });
      return { result: LOOKUP.new, direction: TO_SERVER };
    }
    flow.lastSeenMs = timeMs;
    // The map keeps its entries in the order of use.
    this.flows.delete(key);
    this.flows.set(key, flow);
    const direction = flow.client === from ? TO_SERVER : TO_CLIENT;
    if (direction === TO_CLIENT) flow.isReplied = true;
    return { result: LOOKUP.known, direction };
  }

  recycle(nowMs: number): void {
    const unanswered = [...this.flows].find(([, { isReplied }]) => !isReplied);
    if (unanswered !== undefined && nowMs - unanswered[1].lastSeenMs >= 250) this.flows.delete(unanswered[0]);
  }

  expire(nowMs: number): void {
    for (const [key, { lastSeenMs, isReplied }] of this.flows) {
      if (nowMs - lastSeenMs >= (isReplied ? 300_000 : 30_000)) this.flows.delete(key);
    }
  }
}

test('agrees with a plain map over any packets', () => {
  const endpoint = fc.tuple(fc.constantFrom(1, 2, 0xffff_ffff), fc.constantFrom(1, 2, 0xffff));
  const step = fc.record({
    from: endpoint,
    to: endpoint,
    pauseMs: fc.constantFrom(0, 1, 100, 250, 20_000, 40_000, 300_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.constantFrom<4 | 6>(4, 6), (steps, version) => {
      const harness = new Harness({ maxUdpFlows: 6 });
      const model = new Model();
      let timeMs = 0;
      for (const { from, to, pauseMs } of steps) {
        timeMs += pauseMs;
        harness.table.expire(timeMs, 1000);
        const expected = model.see(from.join(':'), to.join(':'), timeMs);
        expect(harness.see({ version, from, to, timeMs })).toBe(expected.result);
        if (expected.result !== LOOKUP.full) expect(harness.packet.direction).toBe(expected.direction);
        expect(harness.table.size).toBe(model.flows.size);
      }
      const slots: number[] = [];
      harness.table.forEach((slot) => {
        slots.push(slot);
      });
      expect(new Set(slots).size).toBe(model.flows.size);
    }),
    { numRuns: fuzzRuns(300) },
  );
});

test('chains stay short however the addresses are chosen', async () => {
  // Ports that count up and addresses that differ in one bit: what a weak hash puts into one bucket.
  const growth = await growthOf((scale) => {
    const count = 6000 * scale;
    const table = new FlowTable(SEED, () => {}, { maxTcpFlows: count, maxUdpFlows: 1, maxOtherFlows: 1 });
    const packet = setPacket(new Packet(), { protocol: tcp });
    return () => {
      for (let i = 0; i < count; i++) {
        packet.source[3] = (1 << (i % 32)) >>> 0;
        packet.sourcePort = i;
        table.lookup(packet);
      }
      expect(table.size).toBe(count);
    };
  });
  expect(growth).toBeLessThan(LINEAR);
});
