import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { Compiled } from '../support/compiled.ts';

/**
 * Counts what a million packets leave on the heap, and collections, which would hide it. Several rounds: the engine
 * allocates too, while it optimises, but decoding would do so in each of them.
 */
const PROGRAM = `
import { PerformanceObserver } from 'node:perf_hooks';
import { AddressSet, parseAddressRange } from './src/base/address-set.js';
import { PortSet } from './src/base/port-set.js';
import { Decoder } from './src/wire/decode.js';
import { CHECKSUM } from './src/wire/packet.js';
import { buildIcmp, buildTcp, buildUdp, framed, hex } from './test/support/packets.js';

const V6 = { source: 'fd00::1', destination: 'fd00::2' };
const frames = [
  buildTcp({ options: hex('0101080a f0000001 f0000002'), payload: 'x'.repeat(64), sequence: 0xfedcba98 }),
  buildTcp({ ...V6, flags: 'S', options: hex('020405b4 0402 080a 00000001 f0000000 0103 0307') }),
  buildUdp({ payload: 'x'.repeat(64), source: '203.0.113.1' }),
  buildUdp({ ...V6, extensions: [{ protocol: 0, bytes: hex('00 00 05 02 0000 00 00') }] }),
  buildIcmp({ payload: 'ping' }),
];
const decoder = new Decoder();
const packet = framed(frames[0]);
const home = AddressSet.of(['10.0.0.0/8', '203.0.113.0/24', 'fd00::/8'].map(parseAddressRange));
const ports = PortSet.of([[80, 90]]);
let members = 0;
function work(count) {
  for (let i = 0; i < count; i++) {
    const bytes = frames[i % frames.length];
    packet.bytes = bytes;
    packet.end = bytes.length;
    packet.wireBytes = bytes.length;
    packet.checksum = i % 2 === 0 ? CHECKSUM.trusted : CHECKSUM.unverified;
    decoder.decode(packet);
    if (home.contains(packet.ipVersion, packet.source)) members++;
    if (ports.contains(packet.destinationPort)) members++;
  }
}

let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });
const turn = () => new Promise((resolve) => setTimeout(resolve, 20));
const rounds = [];
for (let round = 0; round < 8; round++) {
  globalThis.gc();
  await turn();
  collections = 0;
  const before = process.memoryUsage().heapUsed;
  work(1_000_000);
  const growthBytes = process.memoryUsage().heapUsed - before;
  await turn();
  rounds.push({ growthBytes, collections });
}
console.log(JSON.stringify({ rounds, members, events: packet.events }));
`;

/** The smallest object has 16 bytes, so one for every hundredth packet would show. */
const MAX_GROWTH_BYTES = 100_000;

test('a million packets leave nothing on the heap', () => {
  const compiled = new Compiled(
    'src/wire/decode.ts',
    'src/base/address-set.ts',
    'src/base/port-set.ts',
    'test/support/packets.ts',
  );
  try {
    const program = compiled.program('allocation.js', PROGRAM);
    const result = JSON.parse(execFileSync(process.execPath, ['--expose-gc', program], { encoding: 'utf8' }));
    expect(result.events).toEqual([]);
    expect(result.members).toBeGreaterThan(8_000_000);
    const quiet = result.rounds.filter(({ collections }: { collections: number }) => collections === 0);
    expect(quiet.length, JSON.stringify(result.rounds)).toBeGreaterThan(0);
    const growths = quiet.map(({ growthBytes }: { growthBytes: number }) => growthBytes);
    expect(Math.min(...growths)).toBeLessThan(MAX_GROWTH_BYTES);
  } finally {
    compiled.close();
  }
});
