import { createHash } from 'node:crypto';
import { latin1 } from '../../src/base/bytes.ts';
import type { Packet } from '../../src/wire/packet.ts';
import { buildIcmp, buildTcp, buildUdp } from '../support/packets.ts';
import { decoded } from '../wire/decoded.ts';
import type { Traffic } from './support.ts';

/** What a keyword must say of some traffic. */
export interface TrafficCase {
  readonly options: string;
  readonly protocol?: string;
  readonly matches: readonly Traffic[];
  readonly misses: readonly Traffic[];
}

const payloads = (...texts: readonly (string | Uint8Array)[]): Traffic[] => texts.map((payload) => ({ payload }));
const inBuffer = (name: string, ...texts: readonly string[]): Traffic[] =>
  texts.map((text) => ({ buffers: { [name]: text }, payload: '' }));
const inHttp2 = (name: string, match: string, miss: string) => ({
  matches: inBuffer(`http2.${name}`, match),
  misses: inBuffer(`http2.${name}`, miss),
});
const packets = (...list: readonly Partial<Packet>[]): Traffic[] => list.map((packet) => ({ packet }));
const content = (
  options: string,
  matching: readonly (string | Uint8Array)[],
  missing: readonly (string | Uint8Array)[],
) => ({
  options,
  matches: payloads(...matching),
  misses: payloads(...missing),
});
const onPackets = (options: string, matching: readonly Partial<Packet>[], missing: readonly Partial<Packet>[]) => ({
  options,
  matches: packets(...matching),
  misses: packets(...missing),
});

/** An IPv4 header of these bytes, at an odd place. */
function ipv4(header: Readonly<Record<number, number>>, headerBytes = 20): Partial<Packet> {
  const bytes = new Uint8Array(64);
  bytes[5] = 0x40 | (headerBytes / 4);
  for (const [at, byte] of Object.entries(header)) bytes[5 + Number(at)] = byte;
  return { ipVersion: 4, bytes, ipStart: 5, ipEnd: 5 + headerBytes };
}

/** IPv4 hosts of 192.0.2.0/24; 0 is one elsewhere. */
function between(sourceHost: number, destinationHost: number): Partial<Packet> {
  const address = (host: number) => Uint32Array.of(0, 0, 0, host === 0 ? 0x0a000001 : 0xc0000200 + host);
  return { ipVersion: 4, source: address(sourceHost), destination: address(destinationHost) };
}

function echo(protocol: number, icmpType: number, fields: readonly number[]): Partial<Packet> {
  const bytes = Uint8Array.of(icmpType, 0, 0, 0, ...fields);
  return { ipVersion: 4, protocol, icmpType, bytes, transportStart: 0, ipEnd: bytes.length };
}

const UUID = '41424344-4546-4748-494a-4b4c4d4e4f50';
const UUID_BYTES = 'ABCDEFGHIJKLMNOP';

/** A call of program 258, version 2, procedure 9, with some bytes changed. */
function rpcCall(protocol: number, changes: Readonly<Record<number, number>> = {}): Partial<Packet> {
  const call = Uint8Array.of(1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 1, 2, 0, 0, 0, 2, 0, 0, 0, 9);
  for (const [at, byte] of Object.entries(changes)) call[Number(at)] = byte;
  const bytes = protocol === 6 ? Uint8Array.of(0x80, 0, 0, 24, ...call) : call;
  return { ipVersion: 4, protocol, bytes, payloadStart: 0, payloadEnd: bytes.length };
}

function fileSize(bytes: number, isTruncated = false): string {
  const size = Buffer.alloc(9);
  size.writeBigUInt64BE(BigInt(bytes));
  size[8] = isTruncated ? 1 : 0;
  return latin1(size);
}

const tcp = (fields: Partial<Packet>): Partial<Packet> => ({ ipVersion: 4, protocol: 6, ...fields });
/** The dates of a certificate, as `tls.cert_validity` holds them. */
function validity(notBefore: string, notAfter: string, packetTime = '2024-01-01T00:00:00Z'): Traffic {
  const dates = new Uint8Array(Float64Array.of(Date.parse(notBefore), Date.parse(notAfter)).buffer);
  return { buffers: { 'tls.cert_validity': latin1(dates) }, packet: { timeMs: Date.parse(packetTime) } };
}

const oldModifier = (name: string, buffer: string): [string, TrafficCase[]] => [
  name,
  [
    { options: `content:"ab"; ${name};`, matches: inBuffer(buffer, 'xaby'), misses: inBuffer(buffer, 'xby') },
    { options: `content:"ab"; ${name};`, matches: inBuffer(buffer, 'ab'), misses: payloads('ab') },
  ],
];
const sticky = (name: string, buffer: string): [string, TrafficCase[]] => [
  name,
  [{ options: `${name}; content:"ab";`, matches: inBuffer(buffer, 'xaby'), misses: inBuffer(buffer, 'xby') }],
];

/** A TCP header without options. */
const TCP_FIXED = [0, 1, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0, 1, 0, 0, 0, 0];

/** A transport header and its payload; `headerBytes` is where the payload begins. */
function withHeader(protocol: number, content: readonly number[], headerBytes: number): Partial<Packet> {
  const bytes = Uint8Array.of(0x41, ...content);
  return {
    ipVersion: 4,
    protocol,
    bytes,
    transportStart: 1,
    payloadStart: 1 + headerBytes,
    payloadEnd: bytes.length,
    ipEnd: bytes.length,
  };
}

function ipv6Header(at = 9): Uint8Array {
  const bytes = new Uint8Array(41);
  bytes[1] = 0x60;
  bytes.set([0xab, 0xcd], at);
  return bytes;
}

/** A header with the bytes ab cd. */
const header = (name: string, packet: Partial<Packet>): [string, TrafficCase[]] => [
  name,
  [
    onPackets(`${name}; content:"|ab cd|";`, [packet], [{ ...packet, isFragment: true, ipVersion: 0 }]),
    onPackets(`${name}; content:!"|ab cd|";`, [], [packet]),
    onPackets(`${name}; content:"|ab cd|"; content:"|41|"; distance:0;`, [], [packet]),
  ],
];

/** The whole packet is decoded; the second one has a bit of its payload, or header, wrong. */
const CHECKSUM_KEYWORDS = (
  [
    ['ipv4-csum', buildUdp({}), 8],
    ['tcpv4-csum', buildTcp({ payload: 'abc' }), -1],
    ['tcpv6-csum', buildTcp({ source: '2001:db8::1', destination: '2001:db8::2', payload: 'abc' }), -1],
    ['udpv4-csum', buildUdp({ payload: 'abc' }), -1],
    ['udpv6-csum', buildUdp({ source: '2001:db8::1', destination: '2001:db8::2', payload: 'abc' }), -1],
    ['icmpv4-csum', buildIcmp({ payload: 'abc' }), -1],
    ['icmpv6-csum', buildIcmp({ source: '2001:db8::1', destination: '2001:db8::2', payload: 'abc' }), -1],
  ] as const
).map(([name, whole, at]): [string, TrafficCase[]] => {
  const wrong = whole.slice();
  wrong[at < 0 ? whole.length + at : at]! ^= 1;
  const [good, bad] = [decoded(whole), decoded(wrong)];
  return [name, [onPackets(`${name}:valid;`, [good], [bad]), onPackets(`${name}:invalid;`, [bad], [good])]];
});

/** For each keyword that looks at traffic. */
export const TRAFFIC_CASES: ReadonlyMap<string, readonly TrafficCase[]> = new Map<string, TrafficCase[]>([
  [
    'decode-event',
    [
      onPackets(
        'decode-event:ipv4.trunc_pkt;',
        [{ events: ['ipv4.src_multicast', 'ipv4.trunc_pkt'] }],
        [{}, { events: ['ipv6.trunc_pkt'] }],
      ),
    ],
  ],
  [
    'stream-event',
    [
      onPackets(
        'stream-event:pkt_invalid_ack;',
        [{ events: ['stream.pkt_invalid_ack'] }],
        [{}, { events: ['stream.rst_invalid_ack'] }],
      ),
      onPackets(
        'stream-event:est_synack_resend_with_diff_ack;',
        [{ events: ['stream.est_synack_resend_with_different_ack'] }],
        [{}],
      ),
    ],
  ],
  [
    'engine-event',
    [
      onPackets('engine-event:decoder.udp.len_invalid;', [{ events: ['udp.len_invalid'] }], [{}]),
      onPackets('engine-event:stream.fin_syn;', [{ events: ['stream.fin_syn'] }], [{}]),
    ],
  ],
  [
    'content',
    [
      content('content:"abc";', ['abc', 'xxabcxx', 'ababc'], ['', 'ab', 'aBc', 'ab c']),
      content('content:!"abc";', ['', 'ab', 'ABC'], ['abc', 'xabc']),
      content('content:"a|62 63|d|0D0a|";', ['abcd\r\n'], ['a|62 63|d', 'abcd\n']),
      content('content:"\\"\\;\\:\\\\\\|";', ['x";:\\|x'], ['";:|']),
      content('content:"|00|"; content:"|ff|";', [Uint8Array.of(255, 0)], [Uint8Array.of(255), Uint8Array.of(0)]),
      content('content:"ü";', [Uint8Array.of(0xc3, 0xbc)], [Uint8Array.of(0xfc)]),
      content('content:!"|00|";', ['a'], ['\0']),
    ],
  ],
  ['nocase', [content('content:"aBc|4A|"; nocase;', ['abcj', 'ABCJ', 'xAbCj'], ['abdj', 'ab[j'])]],
  ['rawbytes', [content('content:"abc"; rawbytes;', ['xabc'], ['xab'])]],
  [
    'offset',
    [
      content('content:"abc"; offset:2;', ['xxabc', 'abcabc', 'xxxxabc'], ['abc', 'xabc']),
      content('content:"b"; offset:1; depth:2;', ['ab', 'aab'], ['b', 'aaab']),
      content('content:"b"; depth:2; offset:1;', ['ab', 'aab'], ['b', 'aaab']),
      content('content:!"b"; offset:1;', ['ba', ''], ['ab']),
      content('byte_extract:1,0,o; content:"b"; offset:o;', ['\x02xb', '\x01b'], ['\x03xb', '\x02b']),
    ],
  ],
  [
    'depth',
    [
      content('content:"abc"; depth:3;', ['abc', 'abcx'], ['xabc', 'ab']),
      content('content:"abc"; depth:5;', ['xxabc'], ['xxxabc']),
      content('content:!"abc"; depth:4;', ['xxabc', ''], ['xabc']),
      content('byte_extract:1,0,d; content:"b"; depth:d;', ['\x03xb'], ['\x02xb']),
    ],
  ],
  [
    'startswith',
    [
      content('content:"ab"; startswith;', ['abc', 'ab'], ['xab', 'a']),
      content('content:!"ab"; startswith;', ['xab', ''], ['ab']),
    ],
  ],
  [
    'endswith',
    [
      content('content:"ab"; endswith;', ['ab', 'xab', 'abab'], ['abx', 'b']),
      content('content:!"ab"; endswith;', ['abx', ''], ['ab', 'abxab']),
      content('content:"x"; content:"ab"; distance:1; endswith;', ['x-ab', 'x-abab'], ['xab', 'x-abc']),
      content('content:"ab"; startswith; endswith;', ['ab'], ['abab', 'xab']),
      content('content:"ab"; depth:4; endswith;', ['xxab'], ['xxxab']),
    ],
  ],
  [
    'distance',
    [
      content('content:"a"; content:"b"; distance:0;', ['ab', 'a--b'], ['ba', 'a']),
      content('content:"a"; content:"b"; distance:2;', ['a--b', 'a---b', 'ab-b'], ['a-b', 'ab']),
      content('content:"bc"; content:"ab"; distance:-3;', ['abc', 'xbcab'], ['xbc']),
      content('content:"a"; content:"b"; distance:-9;', ['ba'], ['a']),
      content('content:"a"; content:!"b"; distance:1;', ['ab', 'a'], ['a-b']),
      content('byte_extract:1,0,d; content:"b"; distance:d;', ['\x01xb'], ['\x02xb']),
    ],
  ],
  [
    'within',
    [
      content('content:"a"; content:"b"; within:1;', ['ab', 'a-ab'], ['a-b', 'ba']),
      content('content:"a"; content:"bc"; within:4;', ['a--bc'], ['a---bc']),
      content('content:"a"; content:"b"; distance:1; within:2;', ['a-b', 'a--b'], ['ab', 'a---b']),
      content('content:"a"; content:!"b"; within:2;', ['a--b', 'a', 'a-b a--'], ['a-b', 'ab']),
      content('content:"a"; content:!"b"; distance:1; within:1;', ['ab', 'a--b'], ['a-b']),
      content('byte_extract:1,0,w; content:"b"; within:w;', ['\x02xb'], ['\x01xb']),
    ],
  ],
  ['fast_pattern', [content('content:"abc"; fast_pattern:1,2; content:"x";', ['xabc'], ['xbc'])]],
  [
    'pcre',
    [
      content('pcre:"/a[0-9]+b/";', ['a12b'], ['ab', 'A1B']),
      content('pcre:"/a.b/is";', ['A\nB'], ['ab']),
      content('pcre:!"/a/";', ['b', ''], ['ba']),
      content('content:"x"; pcre:"/^a/R";', ['-xa', 'x-xa'], ['x-a', 'ax']),
      content('pcre:"/^b$/m";', ['a\nb\nc'], ['a\nbb']),
      content('pcre:"/a b/x";', ['ab'], ['a b']),
      content('pcre:"/bc/A";', ['bcd'], ['abc']),
      content('pcre:"/c$/E";', ['c'], ['c\n']),
      content('pcre:"/a(.+)b/G"; content:"c"; within:1;', ['a-bc-b'], ['a-b-b']),
      content('pcre:"/\\x22\\//B";', ['"/'], ['/']),
      content('pcre:/a\\/b/;', ['a/b'], ['ab']),
      content('pcre:!/a/i;', ['b'], ['A']),
      content('pcre:"/(a)b/, flow:name"; content:"c"; within:1;', ['abc'], ['ab c']),
      { options: 'pcre:"/^ab$/U";', matches: inBuffer('http.uri', 'ab'), misses: inBuffer('http.uri', 'abc') },
      { options: 'pcre:"/^ab$/Q";', matches: inBuffer('http.response_body', 'ab'), misses: payloads('ab') },
      {
        options: 'file.data; pcre:"/ab/Q";',
        matches: inBuffer('file.data', 'ab'),
        misses: inBuffer('http.response_body', 'ab'),
      },
      {
        options: 'http.uri; content:"a"; pcre:"/^b/UR";',
        matches: inBuffer('http.uri', 'ab'),
        misses: inBuffer('http.uri', 'a-b'),
      },
    ],
  ],
  [
    'isdataat',
    [
      content('isdataat:3;', ['abcd'], ['abc', '']),
      content('isdataat:!3;', ['abc'], ['abcd']),
      content('content:"a"; isdataat:2,relative;', ['abc', 'xabcd'], ['ab', 'a']),
      content('content:"a"; isdataat:!2,relative;', ['ab', 'a', 'abcabca'], ['abc']),
      content('content:"a"; isdataat:!1,relative;', ['ba', 'aba'], ['ab']),
      content('content:"a"; isdataat:1,relative,rawbytes;', ['ab'], ['a']),
      content('byte_extract:1,0,n; isdataat:n;', ['\x02ab'], ['\x02a']),
      {
        options: 'content:"a"; http_uri; isdataat:1,relative;',
        matches: inBuffer('http.uri', 'ab'),
        misses: inBuffer('http.uri', 'a'),
      },
    ],
  ],
  [
    'dsize',
    [
      onPackets('dsize:5;', [{ payloadStart: 3, payloadEnd: 8 }], [{ payloadStart: 3, payloadEnd: 7 }]),
      onPackets('dsize:!5;', [{ payloadEnd: 4 }], [{ payloadEnd: 5 }]),
      onPackets('dsize:>5;', [{ payloadEnd: 6 }], [{ payloadEnd: 5 }]),
      onPackets('dsize:>=5;', [{ payloadEnd: 5 }], [{ payloadEnd: 4 }]),
      onPackets('dsize:<5;', [{ payloadEnd: 4 }, {}], [{ payloadEnd: 5 }]),
      onPackets('dsize:<=5;', [{ payloadEnd: 5 }], [{ payloadEnd: 6 }]),
      onPackets('dsize:5<>8;', [{ payloadEnd: 6 }, { payloadEnd: 7 }], [{ payloadEnd: 5 }, { payloadEnd: 8 }]),
      onPackets('dsize:!5-8;', [{ payloadEnd: 5 }, { payloadEnd: 8 }], [{ payloadEnd: 6 }, { payloadEnd: 7 }]),
      onPackets('dsize:1kb;', [{ payloadEnd: 1024 }], [{ payloadEnd: 1 }]),
    ],
  ],
  [
    'bsize',
    [
      {
        options: 'http.uri; bsize:3;',
        matches: inBuffer('http.uri', 'abc'),
        misses: inBuffer('http.uri', 'ab', 'abcd'),
      },
      { options: 'http.uri; bsize:0;', matches: inBuffer('http.uri', ''), misses: inBuffer('http.uri', 'a') },
      {
        options: 'http.uri; bsize:2<>5;',
        matches: inBuffer('http.uri', 'abc', 'abcd'),
        misses: inBuffer('http.uri', 'ab', 'abcde'),
      },
    ],
  ],
  [
    'byte_test',
    [
      content('byte_test:2,>,256,1;', ['x\x01\x01', 'x\xff\0'], ['x\x01\0', 'x\0\x05', 'x\x01', '']),
      content('byte_test:2,=,256,0,little;', ['\0\x01'], ['\x01\0']),
      content('byte_test:1,&,0x80,0;', ['\x81'], ['\x7f']),
      content('byte_test:1,!&,0x80,0;', ['\x7f'], ['\x81', '']),
      content('byte_test:1,^,5,0;', ['\x06'], ['\x05']),
      content('byte_test:1,<=,5,0;', ['\x05'], ['\x06']),
      content('byte_test:1,>=,5,0;', ['\x05'], ['\x04']),
      content('byte_test:1,!=,5,0;', ['\x06'], ['\x05']),
      content('byte_test:1,!,5,0;', ['\x06'], ['\x05']),
      content('byte_test:1,!<,5,0;', ['\x05'], ['\x04']),
      content('content:"a"; byte_test:1,=,0x62,1,relative;', ['a-b', 'a--a-b'], ['ab', 'a-', '']),
      content('content:"b"; byte_test:1,=,0x61,-2,relative;', ['ab'], ['-b', 'b']),
      content('byte_test:3,=,123,0,string,dec;', ['123', '1234'], ['124', '12', 'abc']),
      // As many digits as there are.
      content('byte_test:0,>,4000,0,string,dec;', ['4001', '100000\r\n'], ['4000', '40x', 'x', '']),
      content('byte_test:4,=,255,0,string,hex;', ['00ff', '0xFF', ' ff-'], ['00fg', '----']),
      content('byte_test:3,=,8,0,string,oct;', ['010'], ['008']),
      content('byte_test:4,=,16,0,string;', ['0x10', '020-', '16--'], ['10--']),
      content('byte_test:1,=,3,0,bitmask 0x0c;', ['\x0c', '\xff'], ['\x08']),
      content(
        'byte_test:8,=,0xfffffffffffffffe,0;',
        [Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 254)],
        [new Uint8Array(8).fill(255)],
      ),
      content(
        'byte_test:8,&,0x8000000000000000,0;',
        [Uint8Array.of(128, 0, 0, 0, 0, 0, 0, 0)],
        [Uint8Array.of(127, 255, 255, 255, 255, 255, 255, 255)],
      ),
      content(
        'byte_test:20,=,18446744073709551615,0,string,dec;',
        ['18446744073709551615'],
        ['18446744073709551616', '08446744073709551615'],
      ),
      content('byte_extract:1,0,v; byte_test:1,=,v,1;', ['\x07\x07'], ['\x07\x08']),
    ],
  ],
  [
    'byte_jump',
    [
      content('byte_jump:1,0; content:"b"; within:1;', ['\x02xxb', '\0b'], ['\x02xb', '\x01b', '\xff']),
      content('byte_jump:2,0,little; content:"b"; within:1;', ['\x01\0xb'], ['\0\x01xb']),
      content('content:"l"; byte_jump:1,0,relative; content:"b"; within:1;', ['l\x01xb', 'l\xffl\x01xb'], ['l\x02xb']),
      content('byte_jump:1,0,multiplier 2; content:"b"; within:1;', ['\x01xxb'], ['\x01xb']),
      content('byte_jump:1,0,align; content:"b"; within:1;', ['\x01xxxxb', '\0b'], ['\x01xb']),
      content('byte_jump:1,0,post_offset -1; content:"b"; within:1;', ['\x02xb'], ['\x02xxb']),
      content('byte_jump:1,0,from_beginning; content:"b"; within:1;', ['\x02-b'], ['\x02--b']),
      content('byte_jump:0,0,from_end,post_offset -1; content:"b"; within:1;', ['xxb'], ['xbx']),
      content('byte_jump:2,0,string,dec; content:"b"; within:1;', ['02xxb', '2-xb'], ['02xb', 'xxb']),
      content('byte_jump:1,0;', ['\x01xx', '\x02xx'], ['\x03xx']),
    ],
  ],
  [
    'byte_extract',
    [
      content('byte_extract:1,0,n; content:"b"; offset:n; depth:1;', ['\x02-b'], ['\x03-b', '\x02b']),
      content(
        'content:"a"; byte_extract:1,0,n,relative; content:"b"; distance:n; within:1;',
        ['a\x01-b', 'a\x09a\x01-b'],
        ['a\x01b'],
      ),
      content('byte_extract:1,0,n,multiplier 2; content:"b"; offset:n;', ['\x02---b'], ['\x02--b']),
      content('byte_extract:1,0,n,align 4; content:"b"; offset:n;', ['\x01---b'], ['\x01--b']),
      content('byte_extract:2,0,n,string,dec; content:"b"; offset:n;', ['05---b'], ['05--b', 'x']),
      content('byte_extract:1,0,n; content:"b"; within:1;', ['-b'], ['--b']),
      {
        options: 'http.uri; byte_extract:1,0,n; content:"b"; offset:n;',
        matches: inBuffer('http.uri', '\x02-b'),
        misses: inBuffer('http.uri', '\x02b'),
      },
    ],
  ],
  [
    'byte_math',
    [
      content('byte_math:bytes 1,offset 0,oper +,rvalue 1,result n; content:"b"; offset:n;', ['\x01-b'], ['\x01b']),
      content(
        'byte_math:bytes 1,offset 0,oper -,rvalue 1,result n; content:"b"; offset:n;',
        ['\x03-b'],
        ['\x04-b', '\0b'],
      ),
      content('byte_math:bytes 1,offset 0,oper *,rvalue 2,result n; content:"b"; offset:n;', ['\x01-b'], ['\x01b']),
      content('byte_math:bytes 1,offset 0,oper /,rvalue 2,result n; content:"b"; offset:n;', ['\x05-b'], ['\x06-b']),
      content('byte_math:bytes 1,offset 0,oper <<,rvalue 1,result n; content:"b"; offset:n;', ['\x01-b'], ['\x01b']),
      content('byte_math:bytes 1,offset 0,oper >>,rvalue 1,result n; content:"b"; offset:n;', ['\x05-b'], ['\x06-b']),
      content('byte_extract:1,0,d; byte_math:bytes 1,offset 1,oper /,rvalue d,result n;', ['\x02\x04'], ['\0\x04']),
      content(
        'content:"a"; byte_math:bytes 1,offset 0,oper +,rvalue 0,result n,relative,bitmask 0x0f; content:"b"; distance:n; within:1;',
        ['a\xf1-b'],
        ['a\xf1b'],
      ),
    ],
  ],
  [
    'iprep',
    [
      onPackets('iprep:src,CnC,>,30;', [between(2, 0)], [between(1, 2), between(0, 2)]),
      onPackets('iprep:dst,CnC,=,10;', [between(0, 1)], [between(1, 0), between(1, 2)]),
      onPackets('iprep:any,CnC,<,30;', [between(0, 1), between(1, 2)], [between(2, 2), between(0, 0)]),
      onPackets('iprep:both,CnC,!=,10;', [between(2, 3)], [between(2, 1), between(2, 0)]),
      onPackets('iprep:src,CnC,isset;', [between(1, 0)], [between(0, 1)]),
      onPackets('iprep:src,CnC,isnotset;', [between(0, 1)], [between(1, 0)]),
    ],
  ],
  [
    'geoip',
    [
      onPackets('geoip:src,DE;', [between(1, 0), between(1, 2)], [between(2, 1), between(0, 1)]),
      onPackets('geoip:dst,de,AT;', [between(0, 1)], [between(1, 0), between(1, 2)]),
      onPackets('geoip:CH;', [between(0, 2), between(2, 0)], [between(0, 1)]),
      onPackets('geoip:any, DE, CH;', [between(0, 2), between(1, 0)], [between(0, 0)]),
      onPackets('geoip:both,DE,CH;', [between(1, 2), between(1, 1)], [between(0, 1)]),
      // Of an address without a country, nobody says that it is in another one.
      onPackets('geoip:src,!DE,AT;', [between(2, 1)], [between(1, 2), between(0, 1)]),
      onPackets(
        'geoip:src,DE;',
        [{ ipVersion: 6, source: Uint32Array.of(0x20010db8, 0x00010000, 0, 7), destination: new Uint32Array(4) }],
        [{ ipVersion: 6, source: Uint32Array.of(0x20010db8, 0x00020000, 0, 7), destination: new Uint32Array(4) }],
      ),
    ],
  ],
  [
    'asn1',
    [
      content(
        'asn1:oversize_length 3;',
        [
          ...['\x04\x04abcd', '0\x08\x02\x01a\x04\x03bcd', '\x05\0\x04\x81\x04abcd', '0\x80\x04\x04abcd\0\0'],
          `\x1f${'\xff'.repeat(7)}\x01\x04abcd`,
        ],
        [
          `\x1f${'\xff'.repeat(8)}\x01\x04abcd`,
          ...['\x04\x03abcd', '\x04\x05abcd', '0\x80\x04\x03abc', '', '\x1f\xff', '\x04\x84\xff\xff\xff\xff'],
        ],
      ),
      content('asn1:bitstring_overflow, absolute_offset 1;', ['-\x03\x01\xff'], ['-\x03\x01\x07', '\x03\x01\xff', '']),
      content(
        'asn1:double_overflow;',
        [`\x09\x82\x01\x01\x01${'5'.repeat(256)}`],
        [`\x09\x82\x01\0\x01${'5'.repeat(255)}`, `\x09\x82\x01\x01\x80${'5'.repeat(256)}`],
      ),
      content(
        'content:"id"; asn1:oversize_length 3, relative_offset 1;',
        ['id-\x04\x04abcd', 'id-ididid-\x04\x04abcd'],
        ['id\x04\x04abcd', 'id'],
      ),
      content('content:"|04|"; asn1:oversize_length 3, relative_offset -1;', ['--\x04\x04abcd'], ['--\x04\x03abc']),
    ],
  ],
  [
    'ttl',
    [
      onPackets('ttl:64;', [{ ttl: 64 }], [{ ttl: 63 }]),
      onPackets('ttl:<5;', [{ ttl: 4 }], [{ ttl: 5 }]),
      onPackets('ttl:5-9;', [{ ttl: 6 }, { ttl: 8 }], [{ ttl: 5 }, { ttl: 9 }]),
    ],
  ],
  [
    'id',
    [onPackets('id:258;', [ipv4({ 4: 1, 5: 2 })], [ipv4({ 4: 2, 5: 1 }), { ...ipv4({ 4: 1, 5: 2 }), ipVersion: 6 }])],
  ],
  [
    'tos',
    [onPackets('tos:x10;', [ipv4({ 1: 16 })], [ipv4({ 1: 10 })]), onPackets('tos:!16;', [ipv4({})], [ipv4({ 1: 16 })])],
  ],
  [
    'sameip',
    [
      onPackets(
        'sameip;',
        [{ ipVersion: 4, source: Uint32Array.of(0, 0, 0, 9), destination: Uint32Array.of(0, 0, 0, 9) }],
        [
          { ipVersion: 4, source: Uint32Array.of(0, 0, 0, 9), destination: Uint32Array.of(0, 0, 0, 8) },
          { ipVersion: 6, source: Uint32Array.of(1, 0, 0, 9), destination: Uint32Array.of(0, 0, 0, 9) },
        ],
      ),
    ],
  ],
  [
    'ip_proto',
    [
      onPackets('ip_proto:47;', [{ protocol: 47 }], [{ protocol: 6 }]),
      onPackets('ip_proto:!tcp;', [{ protocol: 17 }], [{ protocol: 6 }]),
      onPackets('ip_proto:>100;', [{ protocol: 101 }], [{ protocol: 100 }]),
      onPackets('ip_proto:<2;', [{ protocol: 1 }], [{ protocol: 2 }]),
    ],
  ],
  [
    'fragbits',
    [
      onPackets('fragbits:M;', [ipv4({ 6: 0x20 })], [ipv4({ 6: 0x60 }), ipv4({})]),
      onPackets('fragbits:+M;', [ipv4({ 6: 0x60 })], [ipv4({ 6: 0x40 })]),
      onPackets('fragbits:*MD;', [ipv4({ 6: 0x40 })], [ipv4({ 6: 0x80 })]),
      onPackets('fragbits:!D;', [ipv4({ 6: 0x20 })], [ipv4({ 6: 0x40 }), { ipVersion: 6 }]),
    ],
  ],
  ['fragoffset', [onPackets('fragoffset:>0;', [ipv4({ 6: 0x20, 7: 1 })], [ipv4({ 6: 0x20 })])]],
  [
    'ipopts',
    [
      onPackets(
        'ipopts:lsrr;',
        [ipv4({ 20: 1, 21: 7, 22: 3, 24: 131, 25: 4 }, 28)],
        [ipv4({ 20: 131 }), ipv4({ 20: 7, 21: 0, 22: 131 }, 24)],
      ),
      onPackets('ipopts:any;', [ipv4({ 20: 1 }, 24)], [ipv4({})]),
      onPackets('ipopts:rr;', [ipv4({ 20: 7, 21: 3 }, 24)], [ipv4({ 20: 0, 21: 7 }, 24), ipv4({ 23: 68 }, 24)]),
    ],
  ],
  [
    'flags',
    [
      onPackets(
        'flags:S;',
        [tcp({ tcpFlags: 0x02 })],
        [tcp({ tcpFlags: 0x12 }), tcp({}), { protocol: 17, tcpFlags: 2 }],
      ),
      onPackets('flags:SA+;', [tcp({ tcpFlags: 0x1a })], [tcp({ tcpFlags: 0x02 })]),
      onPackets('flags:*SF;', [tcp({ tcpFlags: 0x11 })], [tcp({ tcpFlags: 0x10 })]),
      onPackets('flags:!SF;', [tcp({ tcpFlags: 0x02 })], [tcp({ tcpFlags: 0x03 })]),
      onPackets('flags:S,12;', [tcp({ tcpFlags: 0xc2 })], [tcp({ tcpFlags: 0xd2 })]),
      onPackets('flags:0;', [tcp({})], [tcp({ tcpFlags: 1 })]),
    ],
  ],
  [
    'seq',
    [onPackets('seq:4294967295;', [tcp({ sequence: 0xffff_ffff })], [tcp({ sequence: 1 }), { sequence: 0xffff_ffff }])],
  ],
  ['ack', [onPackets('ack:0;', [tcp({ acknowledgement: 0 })], [tcp({ acknowledgement: 1 })])]],
  ['window', [onPackets('window:!512;', [tcp({ window: 511 })], [tcp({ window: 512 })])]],
  [
    'tcp.mss',
    [
      onPackets(
        'tcp.mss:<536;',
        [withHeader(6, [...TCP_FIXED, 2, 4, 1, 0], 24)],
        [
          withHeader(6, [...TCP_FIXED, 2, 4, 5, 0xb4], 24),
          withHeader(6, TCP_FIXED, 20),
          withHeader(17, [...TCP_FIXED, 2, 4, 1, 0], 24),
        ],
      ),
    ],
  ],
  [
    'base64_decode',
    [
      content('base64_decode;', ['YQ=='], ['', '??', 'Y']),
      content(
        'content:"d="; base64_decode:bytes 4,offset 1,relative; base64_data; content:"abc";',
        ['d=-YWJjZA'],
        ['d=YWJj', 'd=-YWI?'],
      ),
      content('base64_decode:offset 2; base64_data; content:"b"; endswith;', ['--YWI=YWJj'], ['YWJj']),
    ],
  ],
  [
    'base64_data',
    [
      content('base64_decode; base64_data; content:"a"; content:"c"; distance:1; within:1;', ['YWJj'], ['YWNi', 'abc']),
      content('base64_decode; base64_data; content:!"b"; pkt_data; content:"Y";', ['YWFj'], ['YWJj', 'ZGRk']),
    ],
  ],
  header('ip.src', { ...ipv4({ 12: 0xab, 13: 0xcd }), transportStart: 25 }),
  header('ip.dst', { ipVersion: 6, bytes: ipv6Header(25), ipStart: 1, transportStart: 41, ipEnd: 41 }),
  header('tcp.hdr', withHeader(6, [...TCP_FIXED.slice(0, -2), 0xab, 0xcd, 1, 2], 20)),
  header('udp.hdr', withHeader(17, [0, 1, 0, 2, 0, 9, 0xab, 0xcd, 1], 8)),
  header('icmpv4.hdr', withHeader(1, [8, 0, 0, 0, 0xab, 0xcd, 0, 1, 2], 8)),
  header('icmpv6.hdr', withHeader(58, [128, 0, 0, 0, 0xab, 0xcd, 0, 1, 2], 8)),
  header('ipv4.hdr', ipv4({ 4: 0xab, 5: 0xcd })),
  header('ipv6.hdr', { ipVersion: 6, bytes: ipv6Header(), ipStart: 1, transportStart: 41, ipEnd: 41 }),
  ...CHECKSUM_KEYWORDS,
  [
    'itype',
    [
      onPackets(
        'itype:8;',
        [
          { protocol: 1, icmpType: 8 },
          { protocol: 58, icmpType: 8 },
        ],
        [{ protocol: 1 }, { protocol: 6, icmpType: 8 }],
      ),
    ],
  ],
  ['icode', [onPackets('icode:>2;', [{ protocol: 1, icmpCode: 3 }], [{ protocol: 1, icmpCode: 2 }])]],
  [
    'icmp_id',
    [
      onPackets(
        'icmp_id:258;',
        [echo(1, 8, [1, 2, 0, 0]), echo(58, 128, [1, 2, 0, 0])],
        [echo(1, 3, [1, 2, 0, 0]), echo(1, 8, [1, 2]), echo(58, 8, [1, 2, 0, 0])],
      ),
    ],
  ],
  [
    'icmpv6.mtu',
    [
      onPackets(
        'icmpv6.mtu:<1280;',
        [echo(58, 2, [0, 0, 4, 0])],
        [echo(58, 2, [0, 0, 5, 0]), echo(58, 128, [0, 0, 4, 0])],
      ),
    ],
  ],
  [
    'l3_proto',
    [
      onPackets('l3_proto:ipv4;', [{ ipVersion: 4 }], [{ ipVersion: 6 }, { ipVersion: 0 }]),
      onPackets('l3_proto:ip6;', [{ ipVersion: 6 }], [{ ipVersion: 4 }]),
    ],
  ],
  [
    'rpc',
    [
      onPackets('rpc:258,*,9;', [rpcCall(17), rpcCall(6)], [rpcCall(17, { 7: 1 }), rpcCall(17, { 11: 3 }), rpcCall(1)]),
      onPackets(
        'rpc:258, 2, 9;',
        [rpcCall(17)],
        [rpcCall(17, { 19: 3 }), rpcCall(17, { 23: 8 }), rpcCall(17, { 15: 3 })],
      ),
    ],
  ],
  [
    'icmp_seq',
    ['icmp_seq:258;', 'icmp_seq:"258";'].map((options) =>
      onPackets(options, [echo(1, 0, [0, 0, 1, 2])], [echo(1, 0, [1, 2, 0, 0])]),
    ),
  ],
  [
    'flow',
    [
      onPackets('flow:only_frag;', [{ isFragment: true }], [{}]),
      onPackets('flow:no_frag;', [{}], [{ isFragment: true }]),
    ],
  ],
  [
    'urilen',
    [
      { options: 'urilen:3;', matches: inBuffer('http.uri', '/ab'), misses: inBuffer('http.uri', '/a') },
      {
        options: 'urilen:2<>5,norm;',
        matches: inBuffer('http.uri', '/ab'),
        misses: inBuffer('http.uri', '/a', '/abcd'),
      },
      { options: 'urilen:>2,raw;', matches: inBuffer('http.uri.raw', '/ab'), misses: inBuffer('http.uri.raw', '/a') },
    ],
  ],
  [
    'pkt_data',
    [
      {
        options: 'http.uri; content:"a"; pkt_data; content:"b";',
        matches: [{ buffers: { 'http.uri': 'a' }, payload: 'b' }],
        misses: [
          { buffers: { 'http.uri': 'ab' }, payload: '' },
          { buffers: { 'http.uri': 'b' }, payload: 'b' },
        ],
      },
    ],
  ],
  [
    'uricontent',
    [{ options: 'uricontent:"ab"; nocase;', matches: inBuffer('http.uri', '/AB'), misses: inBuffer('http.uri', '/a') }],
  ],
  oldModifier('http_uri', 'http.uri'),
  oldModifier('http_raw_uri', 'http.uri.raw'),
  oldModifier('http_header', 'http.header'),
  oldModifier('http_raw_header', 'http.header.raw'),
  oldModifier('http_method', 'http.method'),
  oldModifier('http_cookie', 'http.cookie'),
  oldModifier('http_user_agent', 'http.user_agent'),
  oldModifier('http_host', 'http.host'),
  oldModifier('http_raw_host', 'http.host.raw'),
  oldModifier('http_client_body', 'http.request_body'),
  oldModifier('http_server_body', 'http.response_body'),
  oldModifier('http_stat_code', 'http.stat_code'),
  oldModifier('http_stat_msg', 'http.stat_msg'),
  [
    'dns.opcode',
    [
      { options: 'dns.opcode:4;', matches: inBuffer('dns.opcode', '\x04'), misses: inBuffer('dns.opcode', '\x00') },
      { options: 'dns.opcode:!0;', matches: inBuffer('dns.opcode', '\x04'), misses: inBuffer('dns.opcode', '\x00') },
    ],
  ],
  [
    'http2.frametype',
    [
      { options: 'http2.frametype:GOAWAY;', ...inHttp2('frametype', '\x07', '\x06') },
      { options: 'http2.frametype:rststream;', ...inHttp2('frametype', '\x03', '\x04') },
      { options: 'http2.frametype:9;', ...inHttp2('frametype', '\x09', '\x00') },
    ],
  ],
  [
    'http2.errorcode',
    [
      { options: 'http2.errorcode: CANCEL;', ...inHttp2('errorcode', '\0\0\0\x08', '\0\0\0\x00') },
      { options: 'http2.errorcode:65536;', ...inHttp2('errorcode', '\0\x01\0\0', '\0\0\0\x01') },
    ],
  ],
  ['http2.priority', [{ options: 'http2.priority:>100;', ...inHttp2('priority', '\x65', '\x64') }]],
  ['http2.window', [{ options: 'http2.window:<256;', ...inHttp2('window', '\0\0\0\xff', '\0\0\x01\0') }]],
  [
    'http2.size_update',
    [{ options: 'http2.size_update:4096;', ...inHttp2('size_update', '\0\0\x10\0', '\0\0\0\x10') }],
  ],
  [
    'http2.settings',
    [
      {
        options: 'http2.settings:SETTINGS_ENABLE_PUSH=0;',
        ...inHttp2('settings', '\0\x02\0\0\0\0', '\0\x02\0\0\0\x01'),
      },
      {
        options: 'http2.settings:SETTINGS_MAX_FRAME_SIZE>16384;',
        ...inHttp2('settings', '\0\x05\0\0\x40\x01', '\0\x05\0\0\x40\x00'),
      },
      {
        options: 'http2.settings:settings_header_table_size;',
        ...inHttp2('settings', '\0\x01\0\0\0\0', '\0\x02\0\0\0\0'),
      },
    ],
  ],
  [
    'websocket.opcode',
    [
      {
        options: 'websocket.opcode:ping;',
        matches: inBuffer('websocket.opcode', '\x09'),
        misses: inBuffer('websocket.opcode', '\x0a'),
      },
      {
        options: 'websocket.opcode:>8;',
        matches: inBuffer('websocket.opcode', '\x09'),
        misses: inBuffer('websocket.opcode', '\x08'),
      },
    ],
  ],
  [
    'websocket.flags',
    [
      {
        options: 'websocket.flags:fin,!comp;',
        matches: inBuffer('websocket.flags', '\x80', '\xa0'),
        misses: inBuffer('websocket.flags', '\xc0', '\x00'),
      },
      {
        options: 'websocket.flags:&0x40=0x40;',
        matches: inBuffer('websocket.flags', '\xc0', '\x40'),
        misses: inBuffer('websocket.flags', '\x80'),
      },
      {
        options: 'websocket.flags:128;',
        matches: inBuffer('websocket.flags', '\x80'),
        misses: inBuffer('websocket.flags', '\xc0'),
      },
    ],
  ],
  [
    'websocket.mask',
    [
      {
        options: 'websocket.mask:>0;',
        matches: inBuffer('websocket.mask', '\xff\0\0\0'),
        misses: inBuffer('websocket.mask', '\0\0\0\0'),
      },
      {
        options: 'websocket.mask:&0xff000000=0xff000000;',
        matches: inBuffer('websocket.mask', '\xff\0\0\x01'),
        misses: inBuffer('websocket.mask', '\x7f\0\0\x01'),
      },
    ],
  ],
  [
    'ssh.protoversion',
    [
      {
        options: 'ssh.protoversion:2_compat;',
        matches: inBuffer('ssh.proto', '2.0', '1.99'),
        misses: inBuffer('ssh.proto', '1.5'),
      },
      { options: 'ssh.protoversion:"2.0";', matches: inBuffer('ssh.proto', '2.0'), misses: inBuffer('ssh.proto', '2') },
    ],
  ],
  [
    'ssh.softwareversion',
    [
      {
        options: 'ssh.softwareversion:"PuTTY_1.0";',
        matches: inBuffer('ssh.software', 'PuTTY_1.0'),
        misses: inBuffer('ssh.software', 'PuTTY_1.0.1', 'PuTTY'),
      },
    ],
  ],
  [
    'tls.version',
    [
      {
        options: 'tls.version:1.2;',
        matches: inBuffer('tls.version', '\x03\x03'),
        misses: inBuffer('tls.version', '\x03\x01'),
      },
      {
        options: 'tls.version:"1.3";',
        matches: inBuffer('tls.version', '\x03\x04', '\x7f\x1c'),
        misses: inBuffer('tls.version', '\x03\x03'),
      },
      {
        options: 'tls.version:0x7f1c;',
        matches: inBuffer('tls.version', '\x7f\x1c'),
        misses: inBuffer('tls.version', '\x03\x04'),
      },
    ],
  ],
  [
    'ssl_version',
    [
      {
        options: 'ssl_version:sslv2,TLS1.3;',
        matches: inBuffer('tls.version', '\x00\x02', '\x7f\x1c', '\x03\x04'),
        misses: inBuffer('tls.version', '\x03\x03'),
      },
      {
        options: 'ssl_version:!tls1.0,!sslv3;',
        matches: inBuffer('tls.version', '\x03\x03'),
        misses: inBuffer('tls.version', '\x03\x00', '\x03\x01'),
      },
    ],
  ],
  [
    'ssl_state',
    [
      {
        options: 'ssl_state:server_hello|server_keyx;',
        matches: inBuffer('ssl_state', '\x02', '\x02\x04'),
        misses: inBuffer('ssl_state', '', '\x01', '\x03'),
      },
      {
        options: 'ssl_state:!server_hello;',
        matches: inBuffer('ssl_state', '\x01', '\x02\x04'),
        misses: inBuffer('ssl_state', '', '\x02'),
      },
    ],
  ],
  [
    'tls.subject',
    [
      {
        options: 'tls.subject:"O=a, CN=b";',
        matches: inBuffer('tls.cert_subject', 'C=x, O=a, CN=b'),
        misses: inBuffer('tls.cert_subject', 'O=A, CN=b'),
      },
      {
        options: 'tls.subject:!"CN=b";',
        matches: inBuffer('tls.cert_subject', 'CN=a'),
        misses: inBuffer('tls.cert_subject', 'CN=b'),
      },
    ],
  ],
  [
    'tls.issuerdn',
    [
      {
        options: 'tls.issuerdn:"CN=b";',
        matches: inBuffer('tls.cert_issuer', 'CN=b'),
        misses: inBuffer('tls.cert_issuer', 'CN=a'),
      },
    ],
  ],
  [
    'tls.fingerprint',
    [
      {
        options: 'tls.fingerprint:"0A:1b";',
        matches: inBuffer('tls.cert_fingerprint', '0a:1b'),
        misses: inBuffer('tls.cert_fingerprint', '0a:1b:2c', '11:0a:1b'),
      },
    ],
  ],
  [
    'tls.cert_chain_len',
    [
      {
        options: 'tls.cert_chain_len:>2;',
        matches: inBuffer('tls.cert_chain_len', '\x00\x03'),
        misses: inBuffer('tls.cert_chain_len', '\x00\x02'),
      },
    ],
  ],
  [
    'tls_cert_notbefore',
    [
      {
        options: 'tls_cert_notbefore:<2024-05;',
        matches: [validity('2024-04-30T23:59:59Z', '2030-01-01')],
        misses: [validity('2024-05-01T00:00:00Z', '2030-01-01')],
      },
      {
        options: 'tls_cert_notbefore:2024-05-01 10:30;',
        matches: [validity('2024-05-01T10:30:00Z', '2030-01-01')],
        misses: [validity('2024-05-01T10:30:01Z', '2030-01-01')],
      },
    ],
  ],
  [
    'tls_cert_notafter',
    [
      {
        options: 'tls_cert_notafter:>2024-05-01T10;',
        matches: [validity('2020-01-01', '2024-05-01T10:00:01Z')],
        misses: [validity('2020-01-01', '2024-05-01T10:00:00Z')],
      },
      {
        options: 'tls_cert_notafter:2024<>2025;',
        matches: [validity('2020-01-01', '2024-01-01T00:00:01Z')],
        misses: [validity('2020-01-01', '2024-01-01'), validity('2020-01-01', '2025-01-01')],
      },
    ],
  ],
  [
    'tls_cert_expired',
    [
      {
        options: 'tls_cert_expired;',
        matches: [validity('2020-01-01', '2023-12-31T23:59:59Z')],
        misses: [validity('2020-01-01', '2024-01-01'), validity('2025-01-01', '2030-01-01')],
      },
    ],
  ],
  [
    'tls_cert_valid',
    [
      {
        options: 'tls_cert_valid;',
        matches: [validity('2020-01-01', '2024-01-01'), validity('2024-01-01', '2030-01-01')],
        misses: [validity('2020-01-01', '2023-12-31T23:59:59Z'), validity('2025-01-01', '2030-01-01')],
      },
    ],
  ],
  [
    'ftpbounce',
    [
      {
        options: 'ftpbounce;',
        matches: [
          { buffers: { 'ftp.port_address': '\xc0\x00\x02\x03' }, packet: { ...between(1, 2), direction: 0 } },
          { buffers: { 'ftp.port_address': '\xc0\x00\x02\x01' }, packet: { ...between(1, 2), direction: 1 } },
        ],
        misses: [
          { buffers: { 'ftp.port_address': '\xc0\x00\x02\x01' }, packet: { ...between(1, 2), direction: 0 } },
          { buffers: { 'ftp.port_address': '\xc0\x00\x02\x02' }, packet: { ...between(1, 2), direction: 1 } },
        ],
      },
    ],
  ],
  [
    'ftpdata_command',
    [
      {
        options: 'ftpdata_command:retr;',
        matches: inBuffer('ftpdata_command', '\x01'),
        misses: inBuffer('ftpdata_command', '\x02'),
      },
      {
        options: 'ftpdata_command:STOR;',
        matches: inBuffer('ftpdata_command', '\x02'),
        misses: inBuffer('ftpdata_command', '\x01'),
      },
    ],
  ],
  [
    'smb.version',
    [
      {
        options: 'smb.version:2;',
        matches: inBuffer('smb.version', '\x02'),
        misses: inBuffer('smb.version', '\x01'),
      },
    ],
  ],
  [
    'dcerpc.opnum',
    [
      {
        options: 'dcerpc.opnum:3, 260-300;',
        matches: inBuffer('dcerpc.opnum', '\x00\x03', '\x01\x04', '\x01\x2c'),
        misses: inBuffer('dcerpc.opnum', '\x00\x04', '\x01\x03', '\x01\x2d'),
      },
      {
        options: 'dce_opnum:7;',
        matches: inBuffer('dcerpc.opnum', '\x00\x07'),
        misses: inBuffer('dcerpc.opnum', '\x07\x00'),
      },
    ],
  ],
  [
    'dcerpc.iface',
    [
      {
        options: `dcerpc.iface:${UUID};`,
        matches: inBuffer('dcerpc.iface', `${UUID_BYTES}\x00\x01\x01`),
        misses: inBuffer('dcerpc.iface', `X${UUID_BYTES.slice(1)}\x00\x01\x01`, `${UUID_BYTES}\x00\x01\x00`),
      },
      {
        options: `dce_iface:${UUID.toUpperCase()},>2,any_frag;`,
        matches: inBuffer('dcerpc.iface', `${UUID_BYTES}\x00\x03\x00`, `${UUID_BYTES}\x01\x00\x01`),
        misses: inBuffer('dcerpc.iface', `${UUID_BYTES}\x00\x02\x01`),
      },
      {
        options: `dcerpc.iface:${UUID}, !4;`,
        matches: inBuffer('dcerpc.iface', `${UUID_BYTES}\x00\x03\x01`),
        misses: inBuffer('dcerpc.iface', `${UUID_BYTES}\x00\x04\x01`),
      },
    ],
  ],
  [
    'filename',
    [{ options: 'filename:"a.B";', matches: inBuffer('file.name', 'xA.b.c'), misses: inBuffer('file.name', 'ab') }],
  ],
  [
    'fileext',
    [
      {
        options: 'fileext:"exe";',
        matches: inBuffer('file.name', 'a.EXE'),
        misses: inBuffer('file.name', 'exe', 'a.exe '),
      },
      { options: 'fileext:!exe;', matches: inBuffer('file.name', 'a.txt'), misses: inBuffer('file.name', 'a.exe') },
    ],
  ],
  sticky('file.name', 'file.name'),
  [
    'filemagic',
    [
      {
        options: 'filemagic:"pdf";',
        matches: inBuffer('file.magic', 'PDF document, version 1.6'),
        misses: inBuffer('file.magic', 'data'),
      },
      {
        options: 'filemagic:!"executable";',
        matches: inBuffer('file.magic', 'ASCII text'),
        misses: inBuffer('file.magic', 'MS-DOS executable'),
      },
    ],
  ],
  sticky('file.magic', 'file.magic'),
  [
    'filesize',
    [
      {
        options: 'filesize:1KB<>2KB;',
        matches: inBuffer('file.size', fileSize(1025), fileSize(2047)),
        misses: inBuffer('file.size', fileSize(1024), fileSize(2048), fileSize(1500, true)),
      },
      {
        options: 'filesize:>5GB;',
        matches: inBuffer('file.size', fileSize(5 * 2 ** 30 + 1), fileSize(6 * 2 ** 30, true)),
        misses: inBuffer('file.size', fileSize(5 * 2 ** 30), fileSize(1, true)),
      },
      {
        options: 'filesize:!7;',
        matches: inBuffer('file.size', fileSize(8)),
        misses: inBuffer('file.size', fileSize(7), fileSize(8, true)),
      },
    ],
  ],
  ...(['md5', 'sha1', 'sha256'] as const).map((algorithm): [string, TrafficCase[]] => {
    const buffer = `file.${algorithm}`;
    const digest = (text: string): string => latin1(createHash(algorithm).update(text).digest());
    return [
      `file${algorithm}`,
      [
        {
          options: `file${algorithm}: known-bad.txt;`,
          matches: inBuffer(buffer, digest('abc')),
          misses: inBuffer(buffer, digest('abd'), ''),
        },
        {
          options: `file${algorithm}:!known-bad.txt;`,
          matches: inBuffer(buffer, digest('abd')),
          misses: inBuffer(buffer, digest('abc'), ''),
        },
      ],
    ];
  }),
  [
    'filestore',
    [
      { options: 'filestore;', matches: inBuffer('file.name', 'x'), misses: [{ payload: 'x' }] },
      { options: 'filestore:request,flow;', matches: inBuffer('file.name', ''), misses: [{ payload: 'x' }] },
    ],
  ],
  sticky('tls.cert_subject', 'tls.cert_subject'),
  sticky('tls.cert_issuer', 'tls.cert_issuer'),
  sticky('tls.certs', 'tls.certs'),
  [
    'tls.cert_fingerprint',
    [
      {
        options: 'tls.cert_fingerprint; content:"0A:1B";',
        matches: inBuffer('tls.cert_fingerprint', '0a:1b'),
        misses: inBuffer('tls.cert_fingerprint', '0a1b'),
      },
    ],
  ],
  sticky('http.uri', 'http.uri'),
  sticky('http.uri.raw', 'http.uri.raw'),
  sticky('http.header', 'http.header'),
  sticky('http.header.raw', 'http.header.raw'),
  sticky('http.method', 'http.method'),
  sticky('http.cookie', 'http.cookie'),
  sticky('http.user_agent', 'http.user_agent'),
  sticky('http.host', 'http.host'),
  sticky('http.host.raw', 'http.host.raw'),
  sticky('http.request_body', 'http.request_body'),
  sticky('http.response_body', 'http.response_body'),
  sticky('http.stat_code', 'http.stat_code'),
  sticky('http.stat_msg', 'http.stat_msg'),
  sticky('file.data', 'file.data'),
  sticky('file_data', 'file.data'),
  sticky('dcerpc.stub_data', 'dcerpc.stub_data'),
  sticky('ssh.proto', 'ssh.proto'),
  sticky('ssh.software', 'ssh.software'),
  sticky('dns.query', 'dns.query'),
  sticky('dns_query', 'dns.query'),
]);
