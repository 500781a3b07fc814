import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Decoder } from '../../src/wire/decode.ts';
import { ORDINARY_WIRE_EVENTS, REMARKABLE_WIRE_EVENTS, UNRAISED_EVENTS, WIRE_EVENTS } from '../../src/wire/events.ts';
import { CHECKSUM, LINK, type LinkType, type Packet } from '../../src/wire/packet.ts';
import '../support/fuzz.ts';
import { buildIcmp, buildIp, buildTcp, buildUdp, framed, hex } from '../support/packets.ts';
import { decoded } from './decoded.ts';

const V6 = { source: 'fd00::1', destination: 'fd00::2' } as const;
const VALID: readonly (readonly [string, Uint8Array, LinkType])[] = [
  ['TCP', buildTcp({ options: hex('0101080a 00000001 00000002'), payload: 'hello' }), LINK.rawIp],
  ['TCP over IPv6', buildTcp({ ...V6, options: hex('020405b4 0402'), payload: 'hello' }), LINK.rawIp],
  ['UDP', buildUdp({ payload: 'hello', ipOptions: hex('94040000 00000000') }), LINK.rawIp],
  ['UDP in VLANs', buildUdp({ payload: 'hello', vlans: [5, 100] }), LINK.ethernet],
  [
    'UDP behind extension headers',
    buildUdp({
      ...V6,
      payload: 'hello',
      extensions: [
        { protocol: 0, bytes: hex('00 00 05 02 0000 00 00') },
        { protocol: 43, bytes: hex('00 02 02 00 00000000 20010db8000000000000000000000009') },
        { protocol: 60, bytes: hex('00 00 04 01 00 00 00 00'.replace('04 01 00', '05 02 00')) },
      ],
    }),
    LINK.rawIp,
  ],
  ['ICMP', buildIcmp({ type: 3, code: 4, payload: buildUdp() }), LINK.rawIp],
  ['ICMPv6', buildIcmp({ ...V6, type: 2, payload: buildUdp(V6) }), LINK.rawIp],
  ['SCTP', buildIp({ protocol: 132, payload: hex('9c40 0050 00000001 00000000 0102') }), LINK.rawIp],
  ['a fragment', buildIp({ protocol: 6, payload: 'x'.repeat(40), fragmentOffsetBytes: 80 }), LINK.rawIp],
  ['an IPv6 fragment', buildIp({ ...V6, protocol: 6, payload: 'x'.repeat(40), moreFragments: true }), LINK.rawIp],
];

const IGNORED_OUTSIDE_FRAGMENTS = {
  fragmentOffsetBytes: 0,
  hasMoreFragments: false,
  fragmentId: 0,
  fragmentHeadersEnd: 0,
  fragmentNextHeaderAt: 0,
};

/** What holds for every packet, whatever its bytes are. */
function expectSound(packet: Packet): void {
  expect(packet.ipStart).toBeGreaterThanOrEqual(packet.start);
  expect(packet.transportStart).toBeGreaterThanOrEqual(packet.ipStart);
  expect(packet.payloadStart).toBeGreaterThanOrEqual(packet.transportStart);
  expect(packet.payloadEnd).toBeGreaterThanOrEqual(packet.payloadStart);
  expect(packet.ipEnd).toBeGreaterThanOrEqual(packet.payloadEnd);
  expect(packet.end).toBeGreaterThanOrEqual(packet.ipEnd);
  expect(packet.missingBytes).toBeGreaterThanOrEqual(0);
  expect(new Set(packet.events).size).toBe(packet.events.length);
  for (const event of packet.events) expect(WIRE_EVENTS).toHaveProperty([event]);
  if (packet.isUnreadable) {
    expect(packet.events.length).toBeGreaterThan(0);
    expect(packet).toMatchObject({ payloadBytes: 0, missingBytes: 0, sourcePort: 0, tcpFlags: 0, icmpType: 0 });
  }
}

describe('every packet', () => {
  test.each(VALID)('%s: nothing is wrong with it', (_, bytes, linkType) => {
    const packet = decoded(bytes, { linkType });
    expect(packet.events).toEqual([]);
    expect(packet.isUnreadable).toBe(false);
    expectSound(packet);
  });

  test.each(VALID)('%s: each shorter frame is cut on the wire, or by the capture', (_, bytes, linkType) => {
    for (let length = 0; length < bytes.length; length++) {
      const short = decoded(bytes.slice(0, length), { linkType });
      expectSound(short);
      expect(short.isUnreadable, `cut at ${length}`).toBe(true);
      expect(short.events.filter((event) => !REMARKABLE_WIRE_EVENTS.has(event))).toHaveLength(1);
      const cut = decoded(bytes.slice(0, length), { linkType, wireBytes: bytes.length });
      expectSound(cut);
      expect(cut.events, `cut at ${length}`).toEqual(['capture.trunc_pkt']);
    }
  });

  test.each(VALID)('%s: the place in the buffer makes no difference', (_, bytes, linkType) => {
    const shifted = new Uint8Array(bytes.length + 200).fill(0x45);
    shifted.set(bytes, 77);
    const packet = decoded(shifted, { linkType, start: 77, end: 77 + bytes.length });
    const plain = decoded(bytes, { linkType });
    for (const field of ['ipStart', 'ipEnd', 'transportStart', 'payloadStart', 'payloadEnd'] as const) {
      expect(packet[field] - 77, field).toBe(plain[field]);
    }
    expect(packet.events).toEqual([]);
    expect(packet.sourcePort).toBe(plain.sourcePort);
  });

  test('random bytes of any link type', () => {
    const linkTypes = Object.values(LINK);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom(...linkTypes),
        fc.nat(2000),
        fc.constantFrom(...Object.values(CHECKSUM)),
        (bytes, linkType, moreBytes, checksum) => {
          expectSound(decoded(bytes, { linkType, wireBytes: bytes.length + moreBytes, checksum }));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('valid packets with some bytes changed', () => {
    const change = fc.record({ at: fc.nat(), value: fc.nat(255) });
    fc.assert(
      fc.property(
        fc.constantFrom(...VALID),
        fc.array(change, { maxLength: 6 }),
        fc.nat(30),
        fc.boolean(),
        ([, bytes, linkType], changes, cutBytes, isCutByCapture) => {
          const copy = bytes.slice(0, Math.max(0, bytes.length - cutBytes));
          for (const { at, value } of changes) if (copy.length > 0) copy[at % copy.length] = value;
          expectSound(decoded(copy, { linkType, wireBytes: isCutByCapture ? bytes.length : copy.length }));
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('bytes before and behind the frame have no influence', () => {
    fc.assert(
      fc.property(fc.constantFrom(...VALID), fc.nat(60), fc.nat(255), ([, bytes, linkType], cutBytes, filler) => {
        const length = Math.max(0, bytes.length - cutBytes);
        const surrounded = new Uint8Array(length + 160).fill(filler);
        surrounded.set(bytes.subarray(0, length), 80);
        const packet = decoded(surrounded, { linkType, start: 80, end: 80 + length });
        const plain = decoded(bytes.slice(0, length), { linkType });
        expect([packet.events, packet.payloadBytes, packet.hasBadChecksum]).toEqual([
          plain.events,
          plain.payloadBytes,
          plain.hasBadChecksum,
        ]);
      }),
    );
  });
});

describe('one packet after the other', () => {
  test('nothing of the one before is left', () => {
    const decoder = new Decoder();
    const bad = buildTcp({ source: '127.0.0.1', flags: 'SF', sourcePort: 0, moreFragments: false });
    const frames = [
      ...VALID,
      ['bad', bad, LINK.rawIp],
      ['ARP', hex(`${'00'.repeat(12)} 0806`), LINK.ethernet],
    ] as const;
    for (const [, before, beforeLink] of frames) {
      for (const [name, bytes, linkType] of frames) {
        const packet = framed(before, { linkType: beforeLink });
        decoder.decode(packet);
        framed(bytes, { linkType }, packet);
        decoder.decode(packet);
        const fresh = framed(bytes, { linkType });
        new Decoder().decode(fresh);
        const ignored = fresh.isFragment ? {} : IGNORED_OUTSIDE_FRAGMENTS;
        const addresses = fresh.ipVersion === 0 ? { source: null, destination: null } : {};
        expect({ ...packet, ...ignored, ...addresses }, name).toEqual({ ...fresh, ...ignored, ...addresses });
      }
    }
  });
});

describe('the list of events', () => {
  test('each has a summary, and those that are told or left alone are among them', () => {
    for (const [event, summary] of Object.entries(WIRE_EVENTS)) {
      expect(event).toMatch(/^([a-z0-9]+\.)?[a-z0-9_]+$/);
      expect(summary.length, event).toBeGreaterThan(10);
    }
    for (const event of REMARKABLE_WIRE_EVENTS) expect(WIRE_EVENTS).toHaveProperty([event]);
    for (const event of ORDINARY_WIRE_EVENTS) {
      expect(WIRE_EVENTS).toHaveProperty([event]);
      expect(REMARKABLE_WIRE_EVENTS.has(event), event).toBe(false);
    }
  });

  test('what is never raised has a reason, and no check', () => {
    for (const [event, reason] of Object.entries(UNRAISED_EVENTS)) {
      expect(WIRE_EVENTS, event).not.toHaveProperty([event]);
      expect(reason.length, event).toBeGreaterThan(10);
    }
  });
});
