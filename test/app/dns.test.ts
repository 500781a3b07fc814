import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createDns } from '../../src/app/dns/dns.ts';
import { DNS_EVENTS } from '../../src/app/dns/events.ts';
import { DnsMessage, MAX_QUESTIONS } from '../../src/app/dns/message.ts';
import { MAX_OPEN_QUERIES } from '../../src/app/dns/parser.ts';
import type { AppProtocol, Transaction } from '../../src/app/protocol.ts';
import { fromLatin1, latin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { fuzzRuns } from '../support/fuzz.ts';
import { datagrams, playPackets } from '../support/play.ts';
import { joined, message, name, question, record, withLength } from './dns-messages.ts';
import { channel } from './support.ts';
import { cut, type Piece, type Trace, trace } from './trace.ts';

const DNS = createDns() as AppProtocol;
const ANSWER = 0x8180;

const query = (text = 'www.Example.com', id = 1): Uint8Array => message({ id }, question(text));
const answer = (id = 1): Uint8Array =>
  message(
    { id, flags: ANSWER, counts: [1, 1, 0, 0] },
    question('www.Example.com'),
    record('@12', 1, Uint8Array.of(192, 0, 2, 1)),
  );
const asked = (bytes: Uint8Array): Piece => ({ direction: TO_SERVER, bytes });
const answered = (bytes: Uint8Array): Piece => ({ direction: TO_CLIENT, bytes });
const overUdp = (...pieces: Piece[]): Trace => trace(DNS, pieces, -1, 53, 'udp');
const overTcp = (pieces: readonly Piece[], gapBehind = -1): Trace => trace(DNS, pieces, gapBehind, 53, 'tcp');
const letters = (labels: number, labelBytes: number): string => Array(labels).fill('x'.repeat(labelBytes)).join('.');
const eventsOf = ({ lines }: Trace): string[] => lines.flatMap((line) => line.split(' ! ')[1] ?? []);

const shownEvents = new Set<string>();
function expectEvents(traced: Trace, ...events: string[]): void {
  expect(eventsOf(traced)).toEqual(events);
  for (const event of events) shownEvents.add(event);
}

describe('names', () => {
  const read = (...parts: Uint8Array[]): string | null => {
    const bytes = new DnsMessage(message({ counts: [0, 0, 0, 0] }, ...parts)).readName(12);
    return bytes === null ? null : latin1(bytes);
  };

  test('are labels with dots between them, in the case in which they came', () => {
    expect(read(name('www.Example.com'))).toBe('www.Example.com');
    expect(read(name(''))).toBe('');
    expect(read(name('a b.\xff'))).toBe('a b.\xff');
  });

  test('go on where a pointer leads', () => {
    expect(read(name('mail@19'), Uint8Array.of(0), name('example.com'))).toBe('mail');
    expect(read(name('mail@19'), name('example.com'))).toBe('mail.example.com');
  });

  test('may end with the message, and cannot be cut within a label or a pointer', () => {
    expect(read(name('abc').subarray(0, 4))).toBe('abc');
    expect(read(name('abc').subarray(0, 3))).toBeNull();
    expect(read(Uint8Array.of(0xc0))).toBeNull();
    expect(read(name('a@500'))).toBeNull();
  });

  test('have no label of more than 63 bytes', () => {
    expect(read(name('x'.repeat(63)))).toBe('x'.repeat(63));
    expect(read(Uint8Array.of(64), fromLatin1('x'.repeat(64)), Uint8Array.of(0))).toBeNull();
    expect(read(Uint8Array.of(0x80, 0))).toBeNull();
  });

  test('end where they loop, and are bounded', () => {
    const looping = new DnsMessage(message({ counts: [1, 0, 0, 0] }, name('@12'), Uint8Array.of(0, 1, 0, 1)));
    expect([looping.hasNameLoop, looping.hasLongName, looping.questions[0]?.name.length]).toEqual([true, false, 0]);
    const growing = new DnsMessage(message({}, question(`${'x'.repeat(60)}@12`)));
    expect(growing.hasLongName).toBe(true);
    expect(growing.questions[0]?.name.length).toBeLessThanOrEqual(1025);
  });

  test('of 255 bytes are as long as a name can be', () => {
    const labels = ['x'.repeat(63), 'x'.repeat(63), 'x'.repeat(63)].join('.');
    expect(new DnsMessage(query(`${labels}.${'x'.repeat(61)}`)).hasLongName).toBe(false);
    expect(new DnsMessage(query(`${labels}.${'x'.repeat(62)}`)).hasLongName).toBe(true);
  });
});

describe('transactions', () => {
  test('pair a query with its answer by its id', () => {
    const traced = overUdp(asked(query('a', 7)), asked(query('b', 8)), answered(answer(8)), answered(answer(7)));
    expect(traced.lines).toEqual([
      ...['0 client head', '0 client complete', '1 client head', '1 client complete'],
      ...['1 server head', '1 server complete', '0 server head', '0 server complete'],
    ]);
    expect(Object.fromEntries(traced.buffers)).toEqual({
      ...{ '0 client dns.query': 'a', '0 client dns.opcode': '\0', '0 server dns.opcode': '\0' },
      ...{ '1 client dns.query': 'b', '1 client dns.opcode': '\0', '1 server dns.opcode': '\0' },
    });
  });

  test('a query that is sent again is another one', () => {
    const traced = overUdp(asked(query()), asked(query()), answered(answer()));
    expect(traced.lines).toEqual([
      ...['0 client head', '0 client complete', '1 client head', '1 client complete', '0 server complete'],
      ...['1 server head', '1 server complete'],
    ]);
  });

  test('each question is one more name', () => {
    const traced = overUdp(asked(message({ counts: [2, 0, 0, 0] }, question('a'), question('b@12'))));
    expect(traced.buffers.get('0 client dns.query#1')).toBe('b.a');
    expectEvents(traced, 'dns.too_many_questions');
  });

  test('only so many queries wait, and are told of once', () => {
    const ids = Array.from({ length: MAX_OPEN_QUERIES + 3 }, (_, id) => id);
    const traced = overUdp(...ids.map((id) => asked(query('a', id))), answered(answer(2)), answered(answer(3)));
    expectEvents(traced, 'dns.too_many_open_queries', 'dns.unsolicited_response');
    expect(traced.lines).toContain('3 server head');
  });

  test('only so many questions are looked at', () => {
    const many = Array.from({ length: 2 * MAX_QUESTIONS }, () => question('@12'));
    const { questions, isMalformed } = new DnsMessage(
      message({ counts: [many.length + 1, 0, 0, 0] }, question('a'), ...many),
    );
    expect([questions.length, isMalformed]).toEqual([MAX_QUESTIONS, false]);
  });
});

describe('events', () => {
  test('messages that cannot be read', () => {
    expectEvents(overUdp(asked(query().subarray(0, 11))), 'dns.malformed_data');
    expectEvents(overUdp(asked(query().subarray(0, -1))), 'dns.malformed_data');
    expectEvents(
      overUdp(asked(query()), answered(answer().subarray(0, -1)), answered(answer())),
      ...['dns.malformed_data', 'dns.unsolicited_response'],
    );
    const cutRecord = record('@12', 2, name('@12')).subarray(0, -1);
    const withCutRecord = (flags: number, ...counts: [number, number, number]): Trace =>
      overUdp(asked(query()), answered(message({ flags, counts: [1, ...counts] }, question('a'), cutRecord)));
    expectEvents(withCutRecord(ANSWER, 1, 0, 0), 'dns.malformed_data');
    expectEvents(withCutRecord(ANSWER, 0, 1, 0), 'dns.malformed_data');
    expectEvents(withCutRecord(ANSWER, 0, 0, 1), 'dns.invalid_additionals');
    expectEvents(withCutRecord(ANSWER, 1, 0, 1), 'dns.malformed_data');
  });

  test('records behind those that are read', () => {
    const asking = (...records: Uint8Array[]): Trace =>
      overUdp(asked(message({ counts: [1, 0, 0, 1] }, question('a'), ...records)));
    expectEvents(asking(), 'dns.invalid_additionals');
    expectEvents(asking(record('a', 41, Uint8Array.of(1, 2)).subarray(0, -1)), 'dns.invalid_additionals');
    expectEvents(asking(record('a', 41, Uint8Array.of(1, 2))));
    // A name that leads nowhere is none of those that are looked into.
    expectEvents(asking(record('@19', 41, Uint8Array.of())));
  });

  test('messages that do not belong there', () => {
    expectEvents(overUdp(asked(answer())), 'dns.not_request');
    expectEvents(overUdp(asked(query()), answered(query())), 'dns.not_response');
    expectEvents(overUdp(answered(answer())), 'dns.unsolicited_response');
  });

  test('headers that no one sends', () => {
    expectEvents(overUdp(asked(message({ flags: 0x0040 }, question('a')))), 'dns.z_flag_set');
    expectEvents(overUdp(asked(message({ flags: 0x3800 }, question('a')))), 'dns.invalid_opcode');
  });

  test('names that no server takes', () => {
    const loop = message({}, question('@12'));
    expectEvents(overUdp(asked(loop)), 'dns.infinite_loop', 'dns.request_name_invalid');
    const long = message({}, question(`${'x'.repeat(60)}@12`));
    expectEvents(overUdp(asked(long)), 'dns.name_too_long', 'dns.request_name_invalid');
    const answerThatLoops = message({ flags: ANSWER }, question('@12'));
    expectEvents(overUdp(asked(query()), answered(answerThatLoops)), 'dns.infinite_loop');
    const longerThanAllowed = message({}, question(new Array(5).fill('x'.repeat(60)).join('.')));
    expectEvents(overUdp(asked(longerThanAllowed)), 'dns.request_name_invalid');
  });

  test.each([
    ['a pointer to itself, in the data of an answer', 5, name('a@36'), ['dns.infinite_loop']],
    ['pointers in a circle', 5, joined(name('@36'), name('@34')), ['dns.too_many_labels', 'dns.name_too_long']],
    ['a label in a circle', 12, name('abcdefghij@34'), ['dns.name_too_long']],
    ['the second name of a zone', 6, joined(name('b'), name('@37')), ['dns.infinite_loop']],
    ['behind a preference', 15, joined(Uint8Array.of(0, 1), name('@36')), ['dns.infinite_loop']],
    ['behind a port', 33, joined(new Uint8Array(6), name('@40')), ['dns.infinite_loop']],
    ['no name where none belongs', 1, name('@34'), []],
  ] as const)('names of records: %s', (_, type, data, events) => {
    // The data lies behind the header (12), the question's name and tail (10), the record's pointer and tail (12).
    const bytes = message({ flags: ANSWER, counts: [1, 1, 0, 0] }, question('a.bc'), record('@12', type, data));
    expectEvents(overUdp(asked(query()), answered(bytes)), ...events);
  });

  test.each([
    ['to each other', question('@14', 0xc00c), 4000, record('@12', 6, joined(name('@12'), name('@12')))],
    ['to a long name', question(letters(252, 1)), 4000, record('@12', 6, joined(name('@12'), name('@12')))],
    ['to a long name, in a small message', question(letters(252, 1)), 40, record('@12', 6, name('@12'))],
  ])('names of records that are pointers %s cost no more than a long message', (_, asked, count, repeated) => {
    const parts = Array.from({ length: count }, () => repeated);
    const counting = new ReadCount(message({ flags: ANSWER, counts: [1, count, 0, 0] }, asked, ...parts));
    expect(new DnsMessage(counting.bytes)).toMatchObject({ isMalformed: false, hasTooManyLabels: true });
    expect(counting.perByte).toBeLessThan(30);
  });

  test.each([
    ['a long name', question(letters(16, 63)), question('@12')],
    ['a label in a circle', question('abcdefg@12'), question('@12')],
  ])('questions that point to %s cost no more than a long message', (_, first, repeated) => {
    const parts = Array.from({ length: MAX_QUESTIONS - 1 }, () => repeated);
    const counting = new ReadCount(message({ counts: [MAX_QUESTIONS, 0, 0, 0] }, first, ...parts));
    const { questions, isMalformed } = new DnsMessage(counting.bytes);
    expect(isMalformed).toBe(false);
    expect(questions.length).toBeGreaterThan(1);
    expect(questions.at(-1)!.name).toEqual(questions[1]!.name);
    expect(counting.perByte).toBeLessThan(30);
  });

  test('a reverse zone is read to its end', () => {
    const nibbles = '0.1.2.3.4.5.6.7.8.9.a.b.c.d.e.f.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa';
    const records = Array.from({ length: 2000 }, (_, n) => record(`${n % 10}@14`, 12, name('@20')));
    const zone = message({ flags: ANSWER, counts: [1, 2000, 0, 0] }, question(nibbles), ...records);
    expect(new DnsMessage(zone)).toMatchObject({ isMalformed: false, hasTooManyLabels: false, hasCutName: false });
  });

  test('bytes that nobody saw', () => {
    expectEvents(overTcp([asked(withLength(query())), asked(withLength(query()))], 0), 'dns.gap');
  });

  test('each event was shown', () => {
    expect(Object.keys(DNS_EVENTS).filter((event) => !shownEvents.has(event))).toEqual([]);
  });
});

describe('over TCP', () => {
  const pieces = [
    asked(joined(withLength(query('a', 1)), withLength(query('b', 2)), Uint8Array.of(0, 0), withLength(query('c', 3)))),
    answered(joined(withLength(answer(3)), withLength(answer(1)))),
    answered(withLength(answer(2))),
  ];

  test('messages say the same however they are cut', () => {
    const whole = overTcp(pieces);
    expect(whole.lines.filter((line) => line.endsWith('head'))).toHaveLength(6);
    for (const bytes of [1, 2, 3, 7, 13, 29]) expect(overTcp(cut(pieces, bytes))).toEqual(whole);
  });

  test('a message that the connection ends in is malformed', () => {
    const traced = overTcp([asked(withLength(query()).subarray(0, -1))]);
    expect(traced.lines).toEqual(['- client ! dns.malformed_data']);
  });

  test('goes on behind a gap within a message, and at what looks like one behind others', () => {
    const bytes = joined(withLength(query('lost')), withLength(query('next')));
    const split = [asked(bytes.subarray(0, 10)), asked(bytes.subarray(10, 15)), asked(bytes.subarray(15))];
    expect(overTcp(split, 1).buffers.get('0 client dns.query')).toBe('next');
    const lost = [asked(bytes.subarray(0, 30)), asked(new Uint8Array(5)), asked(withLength(query('found')))];
    expect(overTcp(lost, 0).buffers.get('0 client dns.query')).toBe('found');
  });
});

describe('is recognised', () => {
  const probe = (
    bytes: Uint8Array,
    port: number,
    transport: 'tcp' | 'udp' = 'udp',
    direction: Direction = TO_SERVER,
  ): string => DNS.probe(direction, bytes, 0, bytes.length, channel(transport, port));

  test('on its own port by a header', () => {
    expect(probe(query(), 53)).toBe('yes');
    expect(probe(joined(query(), Uint8Array.of(1)), 53)).toBe('yes');
    expect(probe(fromLatin1('GET / HTTP/1.1\r\n\r\n'), 53)).toBe('no');
    expect(probe(message({ counts: [0, 0, 0, 0] }), 53)).toBe('no');
    expect(probe(message({ flags: 0x8181, counts: [0, 0, 0, 0] }), 53)).toBe('yes');
    expect(probe(Uint8Array.of(1, 2, 3), 53)).toBe('no');
  });

  test('on other ports by a whole message', () => {
    expect(probe(query(), 4000)).toBe('yes');
    expect(probe(answer(), 4000)).toBe('no');
    expect(probe(answer(), 4000, 'udp', TO_CLIENT)).toBe('yes');
    expect(probe(joined(query(), Uint8Array.of(1)), 4000)).toBe('no');
    expect(probe(query(), 5353)).toBe('no');
  });

  test('over TCP as soon as it can be told', () => {
    const bytes = withLength(query());
    for (const [port, enough] of [
      [53, 14],
      [4000, bytes.length],
    ] as const) {
      for (let end = 1; end < enough; end++) expect(probe(bytes.subarray(0, end), port, 'tcp'), `${end}`).toBe('more');
      expect(probe(bytes.subarray(0, enough), port, 'tcp')).toBe('yes');
    }
    expect(probe(fromLatin1('G'), 4000, 'tcp')).toBe('no');
  });
});

test("EVE has Suricata's fields", () => {
  const asking: Record<string, unknown>[] = [];
  const sink = { onProgress: (tx: Transaction) => void asking.push(DNS.describe(tx)), onEvent: () => {} };
  DNS.open(sink, channel('udp')).consume(TO_SERVER, query('www.Example.com', 0x1234), 0, query().length);
  expect(asking[0]).toEqual({
    query: [{ type: 'query', id: 0x1234, rrname: 'www.Example.com', rrtype: 'A', tx_id: 0, opcode: 0 }],
  });
  const { described } = overUdp(
    answered(
      message(
        { id: 0x1234, flags: 0x8583, counts: [1, 8, 1, 0] },
        question('www.Example.com'),
        record('@12', 5, name('web@16')),
        record('@12', 1, Uint8Array.of(192, 0, 2, 1)),
        record('@12', 28, Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)),
        record('@12', 15, joined(Uint8Array.of(0, 10), name('mx'))),
        record('@12', 16, fromLatin1('\x05hello\x05world')),
        record('@12', 33, joined(Uint8Array.of(0, 1, 0, 2, 0x14, 0x66), name('sip'))),
        record('@12', 44, Uint8Array.of(1, 2, 0xab, 0xcd)),
        record('@12', 999, Uint8Array.of(1)),
        record(
          '',
          6,
          joined(
            name('ns'),
            name('admin'),
            Uint8Array.from({ length: 20 }, (_, i) => (i % 4 === 3 ? i : 0)),
          ),
        ),
      ),
    ),
  );
  const rr = { rrname: 'www.Example.com', ttl: 60 };
  expect(described.get(0)).toEqual({
    answer: {
      ...{ version: 2, type: 'answer', id: 0x1234, flags: '8583', qr: true, aa: true, rd: true, ra: true, opcode: 0 },
      ...{ rrname: 'www.Example.com', rrtype: 'A', rcode: 'NXDOMAIN' },
      answers: [
        { ...rr, rrtype: 'CNAME', rdata: 'web.Example.com' },
        { ...rr, rrtype: 'A', rdata: '192.0.2.1' },
        { ...rr, rrtype: 'AAAA', rdata: '2001:0db8:0000:0000:0000:0000:0000:0001' },
        { ...rr, rrtype: 'MX', rdata: 'mx' },
        { ...rr, rrtype: 'TXT', rdata: 'hello' },
        { ...rr, rrtype: 'SRV', srv: { priority: 1, weight: 2, port: 5222, name: 'sip' } },
        { ...rr, rrtype: 'SSHFP', sshfp: { fingerprint: 'ab:cd', algo: 1, type: 2 } },
        { ...rr, rrtype: '999' },
      ],
      grouped: {
        CNAME: ['web.Example.com'],
        A: ['192.0.2.1'],
        AAAA: ['2001:0db8:0000:0000:0000:0000:0000:0001'],
        MX: ['mx'],
        TXT: ['hello'],
        SRV: [{ priority: 1, weight: 2, port: 5222, name: 'sip' }],
        SSHFP: [{ fingerprint: 'ab:cd', algo: 1, type: 2 }],
      },
      authorities: [
        {
          ...{ rrname: '', rrtype: 'SOA', ttl: 60 },
          soa: { mname: 'ns', rname: 'admin', serial: 3, refresh: 7, retry: 11, expire: 15, minimum: 19 },
        },
      ],
    },
  });
});

test('EVE shows the first records of an answer whose names are all long', () => {
  const many = (first: string) =>
    message(
      { flags: ANSWER, counts: [1, 30, 30, 0] },
      question(first),
      ...Array.from({ length: 60 }, () => record('@12', 6, joined(name('@12'), name('@12'), new Uint8Array(20)))),
    );
  const shown = (first: string): number[] => {
    const { answer } = overUdp(answered(many(first))).described.get(0) as { answer: Record<string, unknown[]> };
    return [answer.answers!.length, answer.authorities?.length ?? 0, JSON.stringify(answer).length];
  };
  expect(shown('www.example.com').slice(0, 2)).toEqual([30, 30]);
  const [answers, authorities, characters] = shown(letters(16, 63));
  expect([answers, authorities]).toEqual([3, 0]);
  expect(characters).toBeLessThan(24_000);
});

describe('whatever the bytes', () => {
  const messages = [query(), answer(), message({ counts: [2, 0, 0, 0] }, question('a'), question('b@12'))];
  const mutated = fc
    .tuple(fc.constantFrom(...messages), fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 6 }), fc.nat(80))
    .map(([bytes, changes, cutAt]) => {
      const changed = bytes.slice(0, 1 + cutAt);
      for (const [at, value] of changes) if (at < changed.length) changed[at] = value;
      return changed;
    });
  const sent = fc.array(fc.tuple(fc.constantFrom(TO_SERVER, TO_CLIENT), mutated), { maxLength: 6 });

  test('datagrams never throw, and names are bounded', () => {
    fc.assert(
      fc.property(sent, (list) => {
        const traced = overUdp(...list.map(([direction, bytes]) => ({ direction, bytes })));
        for (const content of traced.buffers.values()) expect(content.length).toBeLessThanOrEqual(1025);
      }),
      { numRuns: fuzzRuns(300) },
    );
  });

  test('a stream says the same however it is cut', () => {
    fc.assert(
      fc.property(sent, fc.integer({ min: 1, max: 40 }), (list, pieceBytes) => {
        const pieces = list.map(([direction, bytes]) => ({ direction, bytes: withLength(bytes) }));
        expect(overTcp(cut(pieces, pieceBytes))).toEqual(overTcp(pieces));
      }),
      { numRuns: fuzzRuns(200) },
    );
  });
});

describe('in the pipeline', () => {
  const turn = (direction: Direction, bytes: Uint8Array) => ({ direction, bytes });

  test('rules look into queries, and drop them', () => {
    const rules = 'drop dns any any -> any any (msg:"x"; dns.query; content:"example"; nocase; sid:1;)';
    const packets = datagrams([turn(TO_SERVER, query('www.Example.com')), turn(TO_SERVER, query('b', 2))]);
    const { alerts, dropped, appProtocols } = playPackets(packets, { rules, mode: 'prevent' });
    expect([alerts, dropped, appProtocols]).toEqual([[1], [1, 2], ['dns']]);
  });

  test('a query is not of an established flow, a second one may be', () => {
    const rules = 'alert dns any any -> any any (flow:established,to_server; dns.query; content:"a"; sid:1;)';
    const turns = [turn(TO_SERVER, query('a1', 1)), turn(TO_CLIENT, answer(1)), turn(TO_SERVER, query('a2', 2))];
    expect(playPackets(datagrams(turns), { rules }).alerts).toEqual([1]);
  });

  test('a query whose name loops is dropped, an answer is not', () => {
    const loop = message({}, question('@12'));
    expect(playPackets(datagrams([turn(TO_SERVER, loop)])).dropReasons).toEqual(['dns.request_name_invalid']);
    const answerThatLoops = message({ flags: ANSWER }, question('@12'));
    const turns = [turn(TO_SERVER, query()), turn(TO_CLIENT, answerThatLoops), turn(TO_CLIENT, answer())];
    expect(playPackets(datagrams(turns)).dropped).toEqual([]);
  });

  test('a datagram with a bad checksum is dropped, or read where the check of it is told only to report', () => {
    const [packet] = datagrams([turn(TO_SERVER, query())]);
    packet![20 + 7]! ^= 1;
    const rules = 'alert dns any any -> any any (dns.query; content:"com"; sid:1;)';
    expect(playPackets([packet!], { rules, config: { checks: { policy: 'report' } } }).alerts).toEqual([1]);
    expect(playPackets([packet!], { rules }).dropReasons).toEqual(['udp.invalid_checksum']);
  });
});

/** How often the bytes of a message are looked at. */
class ReadCount {
  readonly bytes: Uint8Array;
  #reads = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = new Proxy(bytes, {
      get: (target, key) => {
        if (typeof key === 'string' && /^\d/.test(key)) this.#reads++;
        return Reflect.get(target, key, target);
      },
    });
  }

  get perByte(): number {
    return this.#reads / this.bytes.length;
  }
}
