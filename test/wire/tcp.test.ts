import { describe, expect, test } from 'vitest';
import { CHECKSUM } from '../../src/wire/packet.ts';
import { TcpOptions } from '../../src/wire/tcp.ts';
import { buildIp, buildTcp, hex } from '../support/packets.ts';
import { decoded, payloadOf } from './decoded.ts';

const V6 = { source: 'fd00::1', destination: 'fd00::2' } as const;

describe('TCP', () => {
  test('the fields of a segment', () => {
    // A SYN of Linux 6.1 to port 80, as it stood on the wire.
    const syn = hex(`4500 003c 1c46 4000 4006 0a6e 0a00 0001 0a00 0002
      c350 0050 f2345678 87654321 a0c2 faf0 0000 0000 020405b4 0402 080a 00000001 00000000 0103 0307`);
    expect(decoded(syn, { checksum: CHECKSUM.trusted })).toMatchObject({
      protocol: 6,
      sourcePort: 50_000,
      destinationPort: 80,
      sequence: 0xf2345678,
      acknowledgement: 0x87654321,
      tcpFlags: 0xc2,
      window: 64_240,
      payloadBytes: 0,
      events: [],
    });
  });

  test('the payload begins behind the options', () => {
    const packet = decoded(buildTcp({ options: hex('0101080a 00000001 00000002'), payload: 'GET /' }));
    expect(packet.payloadStart).toBe(20 + 32);
    expect(Buffer.from(payloadOf(packet)).toString()).toBe('GET /');
  });

  test.each([
    ['IPv4', {}],
    ['IPv6', V6],
  ])('a header that is cut, over %s', (_, addresses) => {
    const segment = buildTcp(addresses).subarray(addresses === V6 ? 40 : 20);
    for (let length = 0; length < 20; length++) {
      const bytes = buildIp({ ...addresses, protocol: 6, payload: segment.subarray(0, length) });
      expect(decoded(bytes)).toMatchObject({
        events: ['tcp.pkt_too_small'],
        isUnreadable: true,
        protocol: 6,
        sourcePort: 0,
        payloadBytes: 0,
      });
    }
  });

  test.each([
    [0x00, 'tcp.hlen_too_small'],
    [0x40, 'tcp.hlen_too_small'],
    [0x60, 'tcp.invalid_optlen'],
    [0xf0, 'tcp.invalid_optlen'],
  ])('a data offset byte of %i in a segment of 23 bytes', (offset, event) => {
    const bytes = buildTcp({ payload: 'abc' });
    bytes[32] = offset;
    expect(decoded(bytes, { checksum: CHECKSUM.trusted })).toMatchObject({ events: [event], isUnreadable: true });
  });

  test('a data offset beyond what was captured', () => {
    const bytes = buildTcp({ options: hex('01010101 01010101'), payload: 'abc' });
    expect(decoded(bytes.subarray(0, 44), { wireBytes: bytes.length })).toMatchObject({
      events: ['capture.trunc_pkt'],
      isUnreadable: true,
    });
    bytes[32] = 0xf0;
    expect(decoded(bytes.subarray(0, 44), { wireBytes: bytes.length }).events).toEqual(['tcp.invalid_optlen']);
  });
});

describe('TCP flags', () => {
  test.each([
    ['', ['tcp.no_flags']],
    ['EC', ['tcp.no_flags']],
    ['SF', ['tcp.syn_fin']],
    ['SFA', ['tcp.syn_fin']],
    ['SR', ['tcp.syn_rst']],
    ['RF', ['tcp.rst_fin']],
    ['RFA', ['tcp.rst_fin']],
    ['FSRPAU', ['tcp.syn_fin', 'tcp.syn_rst', 'tcp.rst_fin']],
    ['S', []],
    ['SA', []],
    ['A', []],
    ['PA', []],
    ['F', []],
    ['FA', []],
    ['FPAU', []],
    ['R', []],
    ['RA', []],
    ['RPA', []],
    // ECN (RFC 3168) and AccECN (RFC 9768) in the handshake and after it.
    ['SEC', []],
    ['SAE', []],
    ['SAC', []],
    ['SAEC', []],
    ['AE', []],
    ['AC', []],
    ['PAEC', []],
  ])('"%s"', (flags, events) => {
    expect(decoded(buildTcp({ flags })).events).toEqual(events);
  });

  test('the bit that AccECN took over from NS, and the reserved ones', () => {
    for (const bits of [0x01, 0x0e]) {
      const bytes = buildTcp({ flags: 'SEC' });
      bytes[32]! |= bits;
      expect(decoded(bytes, { checksum: CHECKSUM.trusted }).events).toEqual([]);
    }
  });

  test('port 0', () => {
    expect(decoded(buildTcp({ sourcePort: 0 })).events).toEqual(['tcp.port_zero']);
    expect(decoded(buildTcp({ destinationPort: 0 })).events).toEqual(['tcp.port_zero']);
  });

  test('data in a SYN with a Fast Open cookie, and without', () => {
    const options = hex('020405b4 2208 0102030405060708 0101'.replace('2208', '220a'));
    expect(decoded(buildTcp({ flags: 'S', options, payload: 'GET / HTTP/1.1' })).events).toEqual([]);
    expect(decoded(buildTcp({ flags: 'S', options: hex('2202 0101') })).events).toEqual([]);
    expect(decoded(buildTcp({ flags: 'S', payload: 'x' })).events).toEqual([]);
  });

  test('any segment size', () => {
    for (const mss of ['0000', '0001', '0080', 'ffff']) {
      expect(decoded(buildTcp({ flags: 'S', options: hex(`0204 ${mss}`) })).events).toEqual([]);
    }
  });
});

describe('TCP checksum', () => {
  test.each([
    ['IPv4', {}],
    ['IPv6', V6],
  ])('over %s', (_, addresses) => {
    for (const payload of ['', 'odd', 'even', 'x'.repeat(1448)]) {
      expect(decoded(buildTcp({ ...addresses, payload }))).toMatchObject({ events: [], hasBadChecksum: false });
    }
    const bytes = buildTcp({ ...addresses, payload: 'decoy' });
    bytes[bytes.length - 1]! ^= 1;
    expect(decoded(bytes)).toMatchObject({
      events: ['tcp.invalid_checksum'],
      hasBadChecksum: true,
      isUnreadable: false,
    });
    for (const checksum of [CHECKSUM.trusted, CHECKSUM.notReady]) {
      expect(decoded(bytes, { checksum })).toMatchObject({ events: [], hasBadChecksum: false });
    }
  });

  test('covers the addresses', () => {
    const bytes = buildTcp();
    // Swapped words keep the sum of the header, so the destination changes by itself.
    bytes[19]! ^= 1;
    expect(decoded(bytes).events).toEqual(['ipv4.invalid_checksum', 'tcp.invalid_checksum']);
  });
});

describe('TcpOptions', () => {
  const options = new TcpOptions();
  const read = (text: string) => {
    const bytes = hex(`ff ${text} ff`);
    return options.read(bytes, 1, bytes.length - 1);
  };

  test('those of a SYN', () => {
    expect(read('020405b4 0402 080a 00000001 f0000000 0103 0307')).toBeNull();
    expect(options).toMatchObject({
      mss: 1460,
      windowScale: 7,
      isSackPermitted: true,
      hasTimestamps: true,
      timestamp: 1,
      timestampEcho: 0xf0000000,
    });
  });

  test('nothing of the segment before is left', () => {
    read('020405b4 0402 080a 00000001 f0000000 0103 0307');
    expect(read('')).toBeNull();
    expect(options).toMatchObject({ mss: -1, windowScale: -1, isSackPermitted: false, hasTimestamps: false });
  });

  test('those of ordinary segments', () => {
    expect(read('0101 080a 89abcdef 01234567')).toBeNull();
    expect(options).toMatchObject({ hasTimestamps: true, timestamp: 0x89abcdef, timestampEcho: 0x01234567, mss: -1 });
  });

  test.each([
    ['a signature', `1312 ${'5a'.repeat(16)} 0101`, true],
    ['an authentication', '1d04 0102', true],
    ['none', '0101 080a 89abcdef 01234567', false],
  ])('who signs: %s', (_name, text, isSigned) => {
    expect(read(text)).toBeNull();
    expect(options.isSigned).toBe(isSigned);
    expect(decoded(buildTcp({ options: hex(text) })).isTcpSigned).toBe(isSigned);
  });

  test.each([
    ['two NOPs and SACK blocks', '0101 050a 00000001 00000002', null],
    ['a SACK without blocks', '0101 0502', null],
    ['end, then garbage', '00 ff ff ff', null],
    ['an unknown option', 'fd 04 0000', null],
    ['a last byte without room for a length', '01 01 01 02', null],
    ['a length of zero', '02 00 05 b4', 'tcp.opt_invalid_len'],
    ['a length of one', '02 01 05 b4', 'tcp.opt_invalid_len'],
    ['a length beyond the header', '02 05 05 b4', 'tcp.opt_invalid_len'],
    ['an unknown option beyond the header', 'fd 09 0000', 'tcp.opt_invalid_len'],
    ['a segment size of three bytes', '02 03 05 00', 'tcp.opt_invalid_len'],
    ['a window scale of four bytes', '03 04 07 00', 'tcp.opt_invalid_len'],
    ['SACK permitted of three bytes', '04 03 00 00', 'tcp.opt_invalid_len'],
    ['a SACK of half a block', '05 06 00000000 0101', 'tcp.opt_invalid_len'],
    ['timestamps of nine bytes', '08 09 00000000 000000 010101', 'tcp.opt_invalid_len'],
    ['two segment sizes', '020405b4 02040010', 'tcp.opt_duplicate'],
    ['two window scales', '030307 030308 0000', 'tcp.opt_duplicate'],
    ['SACK permitted twice', '0402 0402', 'tcp.opt_duplicate'],
    ['SACK twice', '0502 0502', 'tcp.opt_duplicate'],
    ['timestamps twice', '080a 00000001 00000001 080a 00000002 00000002', 'tcp.opt_duplicate'],
    ['a duplicate, then a length of zero', '0402 0402 0200 0000', 'tcp.opt_duplicate'],
  ])('%s', (_, text, event) => {
    expect(read(text)).toBe(event);
    const bytes = buildTcp({ options: hex(text) });
    const packet = decoded(bytes);
    expect(packet.events).toEqual(event === null ? [] : [event]);
    expect(packet.isUnreadable).toBe(false);
  });

  test('where an option comes twice, the first counts', () => {
    read('020405b4 02040010 030307 030308');
    expect(options).toMatchObject({ mss: 1460, windowScale: 7 });
  });

  test('an option of a wrong length is not read, those behind it are', () => {
    expect(read('0203ff 030309')).toBe('tcp.opt_invalid_len');
    expect(options).toMatchObject({ mss: -1, windowScale: 9 });
  });
});
