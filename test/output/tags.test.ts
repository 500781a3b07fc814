import { describe, expect, test } from 'vitest';
import type { FlowSlot } from '../../src/flow/slot.ts';
import { FlowTable } from '../../src/flow/table.ts';
import type { EventSink } from '../../src/output/event.ts';
import { Tags } from '../../src/output/tags.ts';
import type { Rule } from '../../src/rules/rule.ts';
import { Packet } from '../../src/wire/packet.ts';
import { ruleOf } from '../support/rules.ts';

/** What is remembered shows in what is recorded. */
class Host {
  recorded = 0;
  readonly tags: Tags;
  readonly #packet = new Packet();

  constructor() {
    const sink: Partial<EventSink> = {
      record: () => {
        this.recorded++;
      },
    };
    this.tags = new Tags(sink as EventSink, new FlowTable([1, 2], () => {}));
    this.#packet.ipVersion = 4;
    this.#packet.bytes = new Uint8Array(20);
    this.#packet.end = 20;
  }

  at(timeMs: number, source = 1, flow = -1): Packet {
    const packet = this.#packet;
    packet.timeMs = timeMs;
    packet.source[3] = source;
    packet.destination[3] = 99;
    packet.flow = flow as FlowSlot;
    return packet;
  }

  /** Is this packet recorded? */
  takes(packet: Packet): boolean {
    const before = this.recorded;
    this.tags.packet(packet);
    return this.recorded > before;
  }
}

const rule = (text: string): Rule => ruleOf(`alert ip any any -> any any (${text} sid:1;)`);
const MINUTE_MS = 60_000;

describe('a tagged host', () => {
  test('that is silent for ten minutes is forgotten', () => {
    const host = new Host();
    host.tags.note(rule('tag:host,1000,packets,src;'), host.at(0));
    host.tags.expire(9 * MINUTE_MS);
    expect(host.takes(host.at(9 * MINUTE_MS))).toBe(true);
    host.tags.expire(18 * MINUTE_MS);
    expect(host.takes(host.at(18 * MINUTE_MS))).toBe(true);
    host.tags.expire(29 * MINUTE_MS);
    expect(host.takes(host.at(29 * MINUTE_MS))).toBe(false);
  });

  test('makes room when its time is over, though nothing came', () => {
    const host = new Host();
    const isTagged = rule('tag:host,5,seconds,src;');
    for (let source = 0; source < 4096; source++) host.tags.note(isTagged, host.at(0, source));
    host.tags.note(rule('tag:host,1000,seconds,src;'), host.at(0, 5000));
    host.tags.expire(MINUTE_MS);
    for (let source = 6000; source < 10_000; source++) host.tags.note(isTagged, host.at(MINUTE_MS, source));
    expect(host.takes(host.at(MINUTE_MS, 5000))).toBe(true);
  });
});

test('a tagged flow is forgotten with its end, and the one that takes its slot is not recorded', () => {
  const host = new Host();
  host.tags.note(rule('tag:session,1000,packets;'), host.at(0, 1, 3));
  expect(host.takes(host.at(1, 1, 3))).toBe(true);
  host.tags.release(3 as FlowSlot);
  expect(host.takes(host.at(2, 2, 3))).toBe(false);
});
