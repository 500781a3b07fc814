import { beforeAll, describe, expect, test } from 'vitest';
import type { AppProtocol } from '../../src/app/protocol.ts';
import { MAX_MESSAGE_BYTES } from '../../src/app/tls/handshake-reader.ts';
import { MAX_PROTOCOLS } from '../../src/app/tls/hello.ts';
import { MAX_CERTIFICATES } from '../../src/app/tls/parser.ts';
import { createTls } from '../../src/app/tls/tls.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { conversation, playPackets } from '../support/play.ts';
import { channel } from './support.ts';
import { IDENTITY, recordHandshake } from './tls-handshake.ts';
import { cut, expectSoundWhenChanged, type Piece, type Trace, trace } from './trace.ts';

const TLS = createTls() as AppProtocol;
const SUBJECT =
  'C=DE, ST=Hessen, L=Frankfurt, streetAddress=Zeil 1, O=Gr\xc3\xbcn GmbH, OU=Web + CN=shop.example, ' +
  'Email=web@shop.example, businessCategory=Private Organization';
const SERVER_NAME = { servername: 'shop.example' };

/** What OpenSSL really sends: recorded once, since every handshake has other random bytes. */
const recorded: Record<'tls12' | 'clientCertificate' | 'tls13' | 'retried', Piece[]> = {
  tls12: [],
  clientCertificate: [],
  tls13: [],
  retried: [],
};

beforeAll(async () => {
  recorded.tls12 = await recordHandshake(
    { ...SERVER_NAME, maxVersion: 'TLSv1.2', ALPNProtocols: ['h2', 'http/1.1'] },
    { ALPNProtocols: ['h2'] },
  );
  recorded.clientCertificate = await recordHandshake(
    { ...IDENTITY, maxVersion: 'TLSv1.2' },
    { requestCert: true, rejectUnauthorized: false },
  );
  recorded.tls13 = await recordHandshake(SERVER_NAME);
  recorded.retried = await recordHandshake({ ...SERVER_NAME, ecdhCurve: 'X25519:P-256' });
});

describe('real handshakes', () => {
  const shown = (traced: Trace, pattern: RegExp): Record<string, string> =>
    Object.fromEntries([...traced.buffers].filter(([key]) => pattern.test(key)));

  test('TLS 1.2 shows names, protocols and the certificates', () => {
    const traced = trace(TLS, recorded.tls12);
    expect(traced.lines).toEqual(['0 client head', '0 server head', '0 server complete', '0 client complete']);
    expect(shown(traced, /sni|alpn|cert_|altname|version|state/)).toMatchObject({
      '0 client tls.sni': 'shop.example',
      '0 client tls.alpn': 'h2',
      '0 client tls.alpn#1': 'http/1.1',
      '0 client tls.version': '\x03\x03',
      '0 client ssl_state': '\x01\x03',
      '0 server tls.alpn': 'h2',
      '0 server tls.version': '\x03\x03',
      '0 server ssl_state': '\x02\x04',
      '0 server tls.cert_subject': SUBJECT,
      '0 server tls.cert_issuer': 'C=FR, O=Example Authority, CN=Test CA',
      '0 server tls.cert_serial': '00:E7:F9:B6',
      '0 server tls.cert_fingerprint': '33:c5:15:52:be:f6:94:e8:88:05:e6:ec:9b:10:fa:f8:c5:21:90:f8',
      '0 server tls.subjectaltname': 'shop.example',
      '0 server tls.subjectaltname#1': 'www.shop.example',
      '0 server tls.cert_chain_len': '\x00\x02',
    });
    expect([...traced.buffers.keys()].filter((key) => /tls\.certs/.test(key))).toHaveLength(2);
    expect(traced.isDone).toBe(true);
    expect(traced.described.get(0)).toMatchObject({
      subject: Buffer.from(SUBJECT, 'latin1').toString('utf8'),
      issuerdn: 'C=FR, O=Example Authority, CN=Test CA',
      serial: '00:E7:F9:B6',
      sni: 'shop.example',
      version: 'TLS 1.2',
      notbefore: '2026-11-22T06:23:58',
      notafter: '2100-10-25T06:23:58',
      client_alpns: ['h2', 'http/1.1'],
      server_alpns: ['h2'],
    });
  });

  test("the client's certificate is its own", () => {
    const traced = trace(TLS, recorded.clientCertificate);
    expect(shown(traced, /client tls\.cert_(subject|serial)|client ssl_state/)).toEqual({
      '0 client tls.cert_subject': SUBJECT,
      '0 client tls.cert_serial': '00:E7:F9:B6',
      '0 client ssl_state': '\x01\x03',
    });
    expect(shown(traced, /sni/)).toEqual({});
  });

  test('TLS 1.3 shows the hellos, and nothing that is encrypted', () => {
    const traced = trace(TLS, recorded.tls13);
    expect(traced.lines).toEqual(['0 client head', '0 server head', '0 server complete', '0 client complete']);
    expect(shown(traced, /cert/)).toEqual({});
    expect(shown(traced, /sni|version/)).toEqual({
      '0 client tls.sni': 'shop.example',
      '0 client tls.version': '\x03\x04',
      '0 server tls.version': '\x03\x04',
    });
    expect(traced.isDone).toBe(true);
  });

  test('a retried hello is the same handshake', () => {
    const hellos = recorded.retried.filter(({ direction, bytes }) => direction === TO_SERVER && bytes[5] === 1);
    expect(hellos.length + recorded.retried.length).toBeGreaterThan(recorded.tls13.length + 1);
    expect(trace(TLS, recorded.retried).lines).toEqual(trace(TLS, recorded.tls13).lines);
  });

  test.each(Object.keys(recorded) as (keyof typeof recorded)[])('%s is the same however it is cut', (name) => {
    const whole = trace(TLS, recorded[name]);
    for (const bytes of [1, 2, 5, 9, 100]) {
      expect(trace(TLS, cut(recorded[name], bytes)), `pieces of ${bytes}`).toEqual({ ...whole });
    }
  });

  test.each(Object.keys(recorded) as (keyof typeof recorded)[])('%s may break off anywhere', (name) => {
    for (const [index, { direction, bytes }] of recorded[name].entries()) {
      const before = recorded[name].slice(0, index);
      for (let end = 0; end < bytes.length; end += 3) {
        const { lines } = trace(TLS, [...before, { direction, bytes: bytes.subarray(0, end) }]);
        expect(new Set(lines).size).toBe(lines.length);
        expect(lines.filter((line) => line.includes('!'))).toEqual([]);
      }
    }
  });

  test.each(Object.keys(recorded) as (keyof typeof recorded)[])('%s with changed bytes never throws', (name) => {
    expectSoundWhenChanged(TLS, recorded[name], { runs: 100, of: outcome });
  });

  /** A finished parser is not fed further: which piece that falls on depends on the pieces. */
  const outcome = ({ lines, buffers }: Trace): unknown => [lines, [...buffers]];

  test('a gap ends what can be told of its direction', () => {
    const { lines } = trace(TLS, recorded.tls12, 1);
    expect(lines).toEqual(['0 client head', '0 client complete']);
  });
});

describe('fingerprints', () => {
  // The example of the JA4 specification: ciphers and extensions of a Chrome.
  const ciphers = '130113021303c02bc02fc02cc030cca9cca8c013c014009c009d002f0035';
  const extensions = [
    '001b 0002 0000',
    '0000 0008 0006 00 0003 612e62',
    '0033 0000',
    '0010 0005 0003 02 6832',
    '4469 0000',
    '0017 0000',
    '002d 0000',
    '000d 0012 0010 04030804040105030805050108060601',
    '0005 0000',
    '0023 0000',
    '0012 0000',
    '002b 0007 06 aaaa 0304 0303',
    'ff01 0001 00',
    '000b 0002 01 00',
    '000a 000a 0008 5a5a 001d 0017 0018',
    '0015 0000',
    '6a6a 0000',
  ];
  const hello = clientHello({ ciphers: `2a2a${ciphers}`, extensions: extensions.join('') });

  test('JA3 and JA4 leave out GREASE', () => {
    const { buffers } = trace(TLS, [{ direction: TO_SERVER, bytes: hello }]);
    expect(buffers.get('0 client ja4.hash')).toBe('t13d1516h2_8daaf6152771_e5627efa2ab1');
    expect(buffers.get('0 client ja3.string')).toBe(
      '771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53,' +
        '27-0-51-16-17513-23-45-13-5-35-18-43-65281-11-10-21,29-23-24,0',
    );
    expect(buffers.get('0 client ja3.hash')).toMatch(/^[0-9a-f]{32}$/);
    expect(buffers.get('0 client tls.sni')).toBe('a.b');
    expect(buffers.get('0 client tls.version')).toBe('\x03\x04');
  });

  test('a hello without extensions has them empty', () => {
    const { buffers, lines } = trace(TLS, [{ direction: TO_SERVER, bytes: clientHello({ ciphers: '0035' }) }]);
    expect(lines).toEqual(['0 client head', '0 client complete']);
    expect(buffers.get('0 client ja3.string')).toBe('771,53,,,');
    expect(buffers.get('0 client ja4.hash')).toMatch(/^t12i010000_[0-9a-f]{12}_000000000000$/);
  });
});

describe('deviations', () => {
  const eventsOf = (...bytes: readonly Uint8Array[]): string[] =>
    trace(
      TLS,
      bytes.map((piece) => ({ direction: TO_SERVER, bytes: piece })),
    ).lines.flatMap((line) => /! (.*)/.exec(line)?.[1] ?? []);
  const name = '0000 0006 0004 00 0001 61';

  test.each([
    ['tls.invalid_record_version', record(22, '0100', '0x0200')],
    ['tls.invalid_record_type', record(99, '00')],
    ['tls.invalid_record_length', fromHex(`160303${'ffff'}`)],
    ['tls.error_message_encountered', fromHex('8003 00 0001')],
    ['tls.invalid_handshake_message', record(22, '63000000')],
    ['tls.invalid_handshake_message', record(22, '02000000')],
    ['tls.handshake_invalid_length', clientHello({ ciphers: '003500' })],
    ['tls.handshake_invalid_length', clientHello({ extensions: '000a 0009 00' })],
    ['tls.multiple_sni_extensions', clientHello({ extensions: `${name}${name}` })],
    ['tls.invalid_sni_type', clientHello({ extensions: '0000 0006 0004 01 0001 61' })],
    ['tls.invalid_sni_length', clientHello({ extensions: '0000 0005 0003 00 0000' })],
    ['tls.invalid_sni_length', clientHello({ extensions: '0000 0006 0004 00 00ff 61' })],
    ['tls.invalid_certificate', record(22, '0b000007 000004 000009 30')],
    ['tls.invalid_handshake_message', record(22, '84ffffff 41')],
    ['tls.certificate_invalid_length', record(22, '0b000008 000005 000002 3005')],
    ['tls.certificate_invalid_length', record(22, '0b000008 000005 000002 3000')],
    ['tls.certificate_invalid_length', record(22, '0b00000f 00000c 000009 30053084fffffffa04')],
    ['tls.invalid_certificate', record(22, '0b00000f 00000c 000009 30063084fffffffa04')],
    ['tls.certificate_invalid_der', record(22, '0b00000a 000007 000004 30020400')],
  ])('%s', (event, bytes) => {
    expect(eventsOf(bytes)).toEqual([event]);
    expect(eventsOf(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual([event]);
  });

  test.each([
    ['of no bytes', '00'],
    ['of one byte', '0161'],
  ])('more application protocols than anybody offers, %s', (_, protocol) => {
    const offer = (count: number): Uint8Array => {
      const size = (count * protocol.length) / 2;
      const list = `${hex16(size)}${protocol.repeat(count)}`;
      return clientHello({ extensions: `0010 ${hex16(size + 2)} ${list}` });
    };
    expect(eventsOf(offer(MAX_PROTOCOLS))).toEqual([]);
    expect(eventsOf(offer(MAX_PROTOCOLS + 1))).toEqual(['tls.too_many_protocols']);
    const parser = TLS.open({ onProgress: () => {}, onEvent: () => {} }, channel());
    const bytes = offer(2000);
    parser.consume(TO_SERVER, bytes, 0, bytes.length);
    expect(parser.heldBytes).toBeGreaterThan(bytes.length);
    expect(parser.heldBytes).toBeLessThan(20_000);
  });

  test('more certificates than anybody has', () => {
    const empty = (count: number): Uint8Array =>
      record(22, `0b 00${hex16(3 * count + 3)} 00${hex16(3 * count)} ${'000000'.repeat(count)}`);
    // The first cannot be read, and is not one of them.
    const [fault] = eventsOf(empty(1));
    expect(eventsOf(empty(MAX_CERTIFICATES + 1))).toEqual([fault]);
    expect(eventsOf(empty(MAX_CERTIFICATES + 2))).toEqual([fault, 'tls.too_many_certificates']);
    expect(eventsOf(empty(4000))).toEqual([fault, 'tls.too_many_certificates']);
    const parser = TLS.open({ onProgress: () => {}, onEvent: () => {} }, channel());
    parser.consume(TO_SERVER, empty(4000), 0, empty(4000).length);
    expect(parser.heldBytes).toBeGreaterThan(12_000);
  });

  test.each([
    ['a key exchange that is sent again', '10000000', 2],
    ['a certificate that cannot be read', '0b000008 000005 000002 3005', 1],
  ])('%s is no progress', (_, message, expected) => {
    let calls = 0;
    const parser = TLS.open({ onProgress: () => calls++, onEvent: () => {} }, channel());
    for (const bytes of [clientHello({}), record(22, message.repeat(1000))]) {
      parser.consume(TO_SERVER, bytes, 0, bytes.length);
    }
    expect(calls).toBe(expected);
  });

  test('a record that ends within the header of a message; what follows is read', () => {
    const cut = ['tls.invalid_ssl_record', 'tls.invalid_handshake_message'];
    expect(eventsOf(record(22, '0100'))).toEqual(cut);
    expect(eventsOf(record(22, '0000 0000 01'))).toEqual(cut);
    expect(eventsOf(record(22, ''), record(22, '0000 0000'))).toEqual([]);
  });

  test('a second hello may not name another server', () => {
    const first = clientHello({ extensions: name });
    expect(eventsOf(first, first)).toEqual([]);
    expect(eventsOf(first, clientHello({ extensions: name.replace('61', '62') }))).toEqual(['tls.server_name_changed']);
  });

  test('a message over the limit is reported at its header, and skipped', () => {
    const long = record(22, `01${(MAX_MESSAGE_BYTES + 1).toString(16).padStart(6, '0')}`);
    expect(eventsOf(long)).toEqual(['tls.handshake_message_too_long']);
    const rest = Array.from({ length: 9 }, (_, i) => record(22, '00'.repeat(i < 8 ? 16_384 : 1)));
    expect(eventsOf(long, ...rest, clientHello({}))).toEqual(['tls.handshake_message_too_long']);
  });

  test('a message that is long, and never comes, needs no memory', () => {
    const parser = TLS.open({ onProgress: () => {}, onEvent: () => {} }, channel());
    const before = process.memoryUsage().arrayBuffers;
    const bytes = record(22, `01${MAX_MESSAGE_BYTES.toString(16).padStart(6, '0')}00`);
    parser.consume(TO_SERVER, bytes, 0, bytes.length);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MAX_MESSAGE_BYTES / 2);
  });
});

describe('heartbeats', () => {
  const question = (payloadBytes: number, recordBytes: number): string =>
    `01${payloadBytes.toString(16).padStart(4, '0')}${'00'.repeat(recordBytes - 3)}`;
  const hello = clientHello({ extensions: '000f 0001 01' });
  const serverHello = record(22, `02${helloBody('', '0035 00 0005 000f 0001 01')}`);
  const eventsOf = (...pieces: readonly (readonly [Direction, Uint8Array])[]): string[] =>
    trace(
      TLS,
      [[TO_SERVER, hello] as const, [TO_CLIENT, serverHello] as const, ...pieces].map(([direction, bytes]) => ({
        direction,
        bytes,
      })),
    ).lines.flatMap((line) => /! (.*)/.exec(line)?.[1] ?? []);

  test('one that asks for more than it brings is Heartbleed', () => {
    const attack = record(24, question(16_384, 3));
    expect(eventsOf([TO_SERVER, attack])).toEqual(['tls.heartbeat_message', 'tls.overflow_heartbeat_message']);
    const packets = conversation([
      { direction: TO_SERVER, bytes: hello },
      { direction: TO_CLIENT, bytes: serverHello },
      { direction: TO_SERVER, bytes: attack },
    ]);
    const { dropReasons } = playPackets(packets);
    expect(dropReasons[0]).toBe('tls.overflow_heartbeat_message');
  });

  test('honest ones alternate', () => {
    const honest = record(24, question(8, 8 + 3 + 16));
    const answer = record(24, question(8, 8 + 3 + 16).replace(/^01/, '02'));
    expect(eventsOf([TO_SERVER, honest], [TO_CLIENT, answer], [TO_SERVER, honest])).toEqual(['tls.heartbeat_message']);
    expect(eventsOf([TO_SERVER, honest], [TO_SERVER, honest])).toEqual([
      'tls.heartbeat_message',
      'tls.invalid_heartbeat_message',
    ]);
    const withoutPadding = record(24, question(8, 8 + 3));
    expect(eventsOf([TO_SERVER, withoutPadding])).toContain('tls.invalid_heartbeat_message');
  });

  test('encrypted ones are compared by their length, also behind the handshake', () => {
    const changeCipher = record(20, '01');
    const data = record(23, '00'.repeat(30));
    const encrypted = (bytes: number): Uint8Array => record(24, '00'.repeat(bytes));
    const begin = [
      [TO_SERVER, changeCipher],
      [TO_CLIENT, changeCipher],
      [TO_SERVER, data],
    ] as const;
    expect(eventsOf(...begin, [TO_SERVER, encrypted(40)], [TO_CLIENT, encrypted(40)])).toEqual([]);
    expect(eventsOf(...begin, [TO_SERVER, encrypted(40)], [TO_CLIENT, encrypted(4000)])).toEqual([
      'tls.dataleak_heartbeat_mismatch',
    ]);
  });
});

describe('SSLv2', () => {
  const ssl2Hello = (version: string): Uint8Array =>
    fromHex(`8022 01 ${version} 0009 0000 0010 010080 020080 000035 ${'11'.repeat(16)}`);

  test('a hello in its form may open TLS', () => {
    const { lines, buffers } = trace(TLS, [
      { direction: TO_SERVER, bytes: ssl2Hello('0301') },
      { direction: TO_SERVER, bytes: record(22, '10000000') },
    ]);
    expect(lines).toEqual(['0 client head', '0 client complete']);
    expect(buffers.get('0 client tls.version')).toBe('\x03\x01');
    expect(buffers.get('0 client ssl_state')).toBe('\x01\x03');
  });

  test('SSLv2 itself is known by its version, and followed no further', () => {
    const { buffers, isDone } = trace(TLS, [
      { direction: TO_SERVER, bytes: ssl2Hello('0002') },
      { direction: TO_CLIENT, bytes: fromHex('8005 04 00 01 00 02') },
    ]);
    expect(buffers.get('0 client tls.version')).toBe('\x00\x02');
    expect(buffers.get('0 server tls.version')).toBe('\x00\x02');
    expect(isDone).toBe(true);
  });

  test('a message whose lengths contradict each other is none', () => {
    const bytes = fromHex(`8022 01 0002 0008 0000 0010 010080 020080 000035 ${'11'.repeat(16)}`);
    expect(trace(TLS, [{ direction: TO_SERVER, bytes }]).lines).toEqual(['0 client ! tls.invalid_sslv2_header']);
  });
});

describe('recognition', () => {
  const probe = (direction: Direction, bytes: Uint8Array) => TLS.probe(direction, bytes, 0, bytes.length, channel());

  test.each([
    [TO_SERVER, '160301', 'yes'],
    [TO_SERVER, '1603', 'more'],
    [TO_SERVER, '170303', 'no'],
    [TO_SERVER, '160200', 'no'],
    [TO_SERVER, '160305', 'no'],
    [TO_SERVER, '474554', 'no'],
    [TO_CLIENT, '160303', 'yes'],
    [TO_CLIENT, '150300', 'yes'],
    [TO_CLIENT, '803003', 'no'],
    [TO_SERVER, '8009 01 0002 0000 0000 0000', 'yes'],
    [TO_SERVER, '8009 01 0002 0000', 'more'],
    [TO_SERVER, '8009 01 0002 0000 0000 0001', 'no'],
    [TO_SERVER, '8009 01 0102 0000 0000 0000', 'no'],
    [TO_SERVER, '8009 02', 'no'],
  ] as const)('%i %s: %s', (direction, hex, answer) => {
    expect(probe(direction, fromHex(hex))).toBe(answer);
  });
});

describe('rules', () => {
  const rules = [
    'alert tls any any -> any any (tls.sni; content:"shop.example"; startswith; endswith; sid:1;)',
    'alert tls any any -> any any (flow:to_client; tls.cert_subject; content:"CN=shop"; sid:2;)',
    'alert tls any any -> any any (tls.cert_issuer; content:!"Example Authority"; sid:3;)',
    'alert tcp any any -> any any (ssl_version:tls1.2; ssl_state:server_hello; sid:4;)',
    'alert ssl any any -> any any (tls.cert_serial; content:"00:e7:f9:b6"; tls.store; sid:5;)',
    'alert tls any any -> any any (tls_cert_valid; sid:6;)',
    'alert tls any any -> any any (flow:to_client; tls.certs; content:"|55 04 03|"; tls.cert_chain_len:2; sid:7;)',
  ].join('\n');

  test.each([1460, 7])('match once in each direction that they concern, in segments of %i', (segmentBytes) => {
    const packets = conversation(recorded.tls12, { serverPort: 8443, segmentBytes });
    const { alerts, appProtocols, anomalies } = playPackets(packets, { rules });
    expect(alerts.sort()).toEqual([1, 2, 4, 5, 7]);
    expect(new Set(appProtocols)).toEqual(new Set(['tls']));
    expect(anomalies).toEqual([]);
  });

  test('on a name block the hello before the server sees it whole', () => {
    const block = 'drop tls any any -> any any (tls.sni; content:"shop.example"; sid:1;)';
    const packets = conversation(recorded.tls13, { serverPort: 443, segmentBytes: 200 });
    const { blockedAlerts, dropped } = playPackets(packets, { rules: block, mode: 'prevent' });
    expect(blockedAlerts).toEqual([1]);
    expect(dropped[0]).toBeLessThanOrEqual(5);
  });
});

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
}

const hex16 = (number: number): string => number.toString(16).padStart(4, '0');

function record(type: number, content: string, version = '0x0301'): Uint8Array {
  const body = fromHex(content);
  const header = [type, ...fromHex(version.slice(2)), body.length >> 8, body.length & 0xff];
  return Uint8Array.from([...header, ...body]);
}

/** Behind the type: length, version, random, session, and what follows. */
function helloBody(session: string, rest: string): string {
  const body = fromHex(
    `0303 ${'42'.repeat(32)} ${(session.length / 2).toString(16).padStart(2, '0')} ${session} ${rest}`,
  );
  return `${body.length.toString(16).padStart(6, '0')}${Buffer.from(body).toString('hex')}`;
}

function clientHello({ ciphers = '0035', extensions }: { ciphers?: string; extensions?: string }): Uint8Array {
  const list = fromHex(ciphers).length.toString(16).padStart(4, '0');
  const size = extensions === undefined ? '' : fromHex(extensions).length.toString(16).padStart(4, '0');
  return record(22, `01${helloBody('', `${list} ${ciphers} 0100 ${size} ${extensions ?? ''}`)}`);
}
