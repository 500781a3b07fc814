/**
 * Counts what a million packets leave on the heap, and collections, which would hide it. Several rounds: the engine
 * allocates too, while it optimises, but decoding would do so in each of them.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { parseAddressRange } from '../../src/base/address-range.ts';
import { AddressSet } from '../../src/base/address-set.ts';
import { PortSet } from '../../src/base/port-set.ts';
import { Decoder } from '../../src/wire/decode.ts';
import { CHECKSUM } from '../../src/wire/packet.ts';
import { buildIcmp, buildTcp, buildUdp, framed, hex } from '../support/packets.ts';

/** What is printed, as JSON. */
export interface Allocations {
  readonly rounds: readonly { readonly growthBytes: number; readonly collections: number }[];
  /** How often an address or a port was in a set: they were looked at. */
  readonly members: number;
  /** Of the last packet. */
  readonly events: readonly string[];
}

const ROUNDS = 8;
const PACKETS = 1_000_000;
/** Observers hear of a collection some time after it. */
const OBSERVED_MS = 20;
const V6 = { source: 'fd00::1', destination: 'fd00::2' };

const frames = [
  buildTcp({ options: hex('0101080a f0000001 f0000002'), payload: 'x'.repeat(64), sequence: 0xfedcba98 }),
  buildTcp({ ...V6, flags: 'S', options: hex('020405b4 0402 080a 00000001 f0000000 0103 0307') }),
  buildUdp({ payload: 'x'.repeat(64), source: '203.0.113.1' }),
  buildUdp({ ...V6, extensions: [{ protocol: 0, bytes: hex('00 00 05 02 0000 00 00') }] }),
  buildIcmp({ payload: 'ping' }),
];
const decoder = new Decoder();
const packet = framed(frames[0]!);
const home = AddressSet.of(['10.0.0.0/8', '203.0.113.0/24', 'fd00::/8'].map((range) => parseAddressRange(range)!));
const ports = PortSet.of([[80, 90]]);
let members = 0;
let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });

const rounds: { growthBytes: number; collections: number }[] = [];
for (let round = 0; round < ROUNDS; round++) {
  globalThis.gc!();
  await pause(OBSERVED_MS);
  collections = 0;
  const before = process.memoryUsage().heapUsed;
  decode(PACKETS);
  const growthBytes = process.memoryUsage().heapUsed - before;
  await pause(OBSERVED_MS);
  rounds.push({ growthBytes, collections });
}
console.log(JSON.stringify({ rounds, members, events: [...packet.events] } satisfies Allocations));

function decode(count: number): void {
  for (let i = 0; i < count; i++) {
    const bytes = frames[i % frames.length]!;
    packet.setBytes(bytes);
    packet.checksum = i % 2 === 0 ? CHECKSUM.trusted : CHECKSUM.unverified;
    decoder.decode(packet);
    if (packet.ipVersion !== 0 && home.contains(packet.ipVersion, packet.source)) members++;
    if (ports.contains(packet.destinationPort)) members++;
  }
}
