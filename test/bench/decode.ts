// Packets for each second of processor time of Decoder.decode. Processor time, since the machine may be shared.

import { Decoder } from '../../src/wire/decode.ts';
import { CHECKSUM, type ChecksumState, LINK } from '../../src/wire/packet.ts';
import { buildTcp, buildUdp, framed, hex } from '../support/packets.ts';

const ROUNDS = 5;
const PACKETS_PER_ROUND = 2_000_000;

const timestamps = hex('0101080a 00000001 00000002');
const cases: readonly (readonly [string, Uint8Array, ChecksumState])[] = [
  ['TCP 1448 bytes, trusted checksum', buildTcp({ options: timestamps, payload: 'x'.repeat(1448) }), CHECKSUM.trusted],
  ['TCP over IPv6, trusted checksum', buildTcp({ source: 'fd00::1', destination: 'fd00::2' }), CHECKSUM.trusted],
  ['UDP 64 bytes, trusted checksum', buildUdp({ payload: 'x'.repeat(64) }), CHECKSUM.trusted],
  ['TCP 64 bytes, checksum verified', buildTcp({ payload: 'x'.repeat(64) }), CHECKSUM.unverified],
  [
    'TCP 1448 bytes, checksum verified',
    buildTcp({ options: timestamps, payload: 'x'.repeat(1448) }),
    CHECKSUM.unverified,
  ],
  ['TCP 65,000 bytes, checksum verified', buildTcp({ payload: 'x'.repeat(65_000) }), CHECKSUM.unverified],
];

for (const [name, bytes, checksum] of cases) {
  const decoder = new Decoder();
  const packet = framed(bytes, { linkType: LINK.rawIp, checksum });
  const packets = Math.ceil(PACKETS_PER_ROUND / (checksum === CHECKSUM.trusted ? 1 : Math.max(1, bytes.length / 100)));
  let best = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < packets; i++) decoder.decode(packet);
    const { user, system } = process.cpuUsage(before);
    const seconds = (user + system) / 1e6;
    best = Math.max(best, packets / seconds);
  }
  if (packet.events.length > 0) throw new Error(`${name}: ${packet.events.join(' ')}`);
  const gigabytes = (best * bytes.length) / 1e9;
  console.log(
    `${name.padEnd(40)} ${(best / 1e6).toFixed(2).padStart(7)} M packets/s ${gigabytes.toFixed(2).padStart(7)} GB/s`,
  );
}
