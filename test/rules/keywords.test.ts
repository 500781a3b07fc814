import { describe, expect, test } from 'vitest';
import { TO_CLIENT } from '../../src/base/direction.ts';
import { defineKeyword, indexByName } from '../../src/rules/keyword.ts';
import { keywordFamilies, keywordIndex } from '../../src/rules/keywords/index.ts';
import { LATER_KEYWORDS, SURICATA_KEYWORDS } from '../../src/rules/known-names.ts';
import { keywordReference } from '../../src/rules/reference.ts';
import { NO_THRESHOLDS } from '../../src/rules/threshold-config.ts';
import { nothing } from '../../src/rules/values.ts';
import { TRAFFIC_CASES } from './keyword-cases.ts';
import { compileText, isMatch, ruleOf, TEST_BUFFERS } from './support.ts';

describe.each([...TRAFFIC_CASES])('%s', (_keyword, cases) => {
  test.each(cases)('$options', ({ options, protocol = 'ip', matches, misses }) => {
    const rule = ruleOf(options, protocol);
    for (const traffic of matches) expect(isMatch(rule, traffic), JSON.stringify(traffic)).toBe(true);
    for (const traffic of misses) expect(isMatch(rule, traffic), JSON.stringify(traffic)).toBe(false);
  });
});

/** Keywords that say something about the rule: what each makes of it. */
const RULE_CASES: ReadonlyMap<string, readonly (readonly [string, object])[]> = new Map<string, [string, object][]>([
  [
    'msg',
    [
      ['msg:"a\\"b\\;c\\:d\\\\e";', { message: 'a"b;c:d\\e' }],
      ['', { message: '' }],
    ],
  ],
  [
    'app-layer-protocol',
    [
      ['app-layer-protocol:ssl;', { shownProtocols: [{ names: ['tls'], isNegated: false }] }],
      ['app-layer-protocol:failed;', { shownProtocols: [{ names: ['failed'], isNegated: false }] }],
      [
        'app-layer-protocol:!http; app-layer-protocol:!dns;',
        {
          shownProtocols: [
            { names: ['http', 'http2'], isNegated: true },
            { names: ['dns'], isNegated: true },
          ],
        },
      ],
      ['', { shownProtocols: [] }],
    ],
  ],
  [
    'gid',
    [
      ['gid:7;', { gid: 7 }],
      ['', { gid: 1 }],
    ],
  ],
  [
    'rev',
    [
      ['rev:3;', { rev: 3 }],
      ['', { rev: 0 }],
    ],
  ],
  [
    'classtype',
    [
      [
        'classtype:trojan-activity;',
        { classtype: 'trojan-activity', category: 'A Network Trojan was detected', priority: 1 },
      ],
      [
        'classtype:misc-activity; classtype:misc-attack;',
        { classtype: 'misc-attack', category: 'Misc Attack', priority: 2 },
      ],
      ['classtype:nobody-knows;', { classtype: 'nobody-knows', category: 'Unknown Classtype', priority: 3 }],
      ['', { classtype: null, category: '', priority: 3 }],
    ],
  ],
  [
    'priority',
    [
      ['priority:4; classtype:trojan-activity;', { priority: 4, category: 'A Network Trojan was detected' }],
      ['priority:9;', { priority: 9, category: '' }],
    ],
  ],
  [
    'reference',
    [
      [
        'reference:cve,2021-44228; reference: URL,example.com/a,b ;',
        {
          references: [
            { type: 'cve', id: '2021-44228' },
            { type: 'url', id: 'example.com/a,b' },
          ],
        },
      ],
    ],
  ],
  [
    'metadata',
    [['metadata:a 1, b two words,a 3, lonely; metadata:b 4;', { metadata: { a: ['1', '3'], b: ['two words', '4'] } }]],
  ],
  ['app-layer-event', [['app-layer-event:http.request_bare_cr;', { appEvents: ['http.request_bare_cr'] }]]],
  ['frame', [['frame:tls.pdu; content:"a";', { frame: 'pdu', inspections: [{ buffer: null }] }]]],
  ['tls.store', [['tls.store;', { protocol: { apps: ['tls'], ipProtocols: [6], name: 'tcp', scope: 'any' } }]]],
  ['target', [['target:dest_ip;', { target: 'dest_ip' }]]],
  [
    'noalert',
    [
      ['noalert;', { isSilent: true }],
      ['', { isSilent: false }],
    ],
  ],
  [
    'alert',
    [
      ['alert;', { isSilent: false }],
      ['', { isSilent: false }],
    ],
  ],
  ['bypass', [['bypass;', { bypassesFlow: true }]]],
  ['flowvar', [['flowvar:user,"root";', { stateUse: [0, 0, 1, 0, 0, 0] }]]],
  ['pktvar', [['pktvar:user,|41|b;', { stateUse: [0, 0, 0, 1, 0, 0] }]]],
  ['prefilter', [['prefilter;', { isSilent: false }]]],
  ['dataset', [['http.host; dataset:isset,hosts,type string;', { inspections: [{ steps: [{ needsEnd: true }] }] }]]],
  ['datarep', [['http.host; datarep:hosts,>,5,type string;', { inspections: [{ steps: [{ needsEnd: true }] }] }]]],
  ['requires', [['requires:version >= 7 < 8;', { isSilent: false }]]],
  [
    'tag',
    [
      [
        'tag:session; tag:host,10,seconds,src;',
        {
          tags: [
            { host: null, amount: 256, metric: 'packets' },
            { host: 'src', amount: 10, metric: 'seconds' },
          ],
        },
      ],
    ],
  ],
  ...[
    ...['dotprefix', 'strip_whitespace', 'compress_whitespace', 'to_lowercase', 'to_uppercase', 'to_md5', 'to_sha1'],
    ...['to_sha256', 'url_decode', 'header_lowercase', 'strip_pseudo_headers'],
  ].map((name): [string, [string, object][]] => [
    name,
    [[`http.uri; ${name}; content:"x";`, { inspections: [{ buffer: { name: `http.uri ${name}` } }] }]],
  ]),
  ['xor', [['http.uri; xor:"0aff"; content:"x";', { inspections: [{ buffer: { name: 'http.uri xor 0aff' } }] }]]],
  [
    'pcrexform',
    [
      [
        'http.uri; pcrexform:"a(.*)"; content:"x";',
        { inspections: [{ buffer: { name: 'http.uri pcrexform a(.*)' } }] },
      ],
    ],
  ],
  ...[
    'flow.age:>5;',
    'flow.pkts_toserver:3;',
    'flow.pkts_toclient:3;',
    'flow.bytes_toserver:>1KB;',
    'flow.bytes_toclient:<9;',
    'stream_size:both,>=,5;',
  ].map((options): [string, [string, object][]] => [
    options.split(':')[0]!,
    [[options, { conditions: [expect.any(Function)], packetTests: [] }]],
  ]),
  // What they do to traffic is in test/detect/state-rules.test.ts.
  [
    'flowbits',
    [
      ['flowbits:noalert;', { isSilent: true }],
      ['flowbits:set, a;', { stateUse: [3, 0, 0, 0, 0, 0] }],
      ['flowbits:isset,a|b;', { stateUse: [1, 0, 0, 0, 0, 0] }],
      ['flowbits:isnotset,a; flowbits:toggle,a; flowbits:unset,b;', { stateUse: [2, 0, 0, 0, 0, 0] }],
    ],
  ],
  [
    'flowint',
    [
      ['flowint:a,+,1;', { stateUse: [0, 3, 0, 0, 0, 0] }],
      ['flowint: a , > , b;', { stateUse: [0, 1, 0, 0, 0, 0] }],
      ['flowint:a,notset; flowint:a,=,0;', { stateUse: [0, 2, 0, 0, 0, 0] }],
    ],
  ],
  [
    'hostbits',
    [
      ['hostbits:set,a;', { stateUse: [0, 0, 0, 0, 3, 0] }],
      ['hostbits:isset,a,both;', { stateUse: [0, 0, 0, 0, 1, 0] }],
      ['hostbits:noalert;', { isSilent: true }],
    ],
  ],
  [
    'xbits',
    [
      ['xbits:set,a,track ip_src,expire 60;', { stateUse: [0, 0, 0, 0, 3, 0] }],
      ['xbits:isset,a,track ip_pair;', { stateUse: [0, 0, 0, 0, 0, 1] }],
      ['xbits:noalert;', { isSilent: true }],
    ],
  ],
  [
    'threshold',
    [
      [
        'threshold: type both, track by_both, seconds 60, count 5;',
        { thresholds: [{ type: 'both', track: 'pair', count: 5, windowMs: 60_000, newAction: 'alert', timeoutMs: 0 }] },
      ],
      ['', { thresholds: [] }],
    ],
  ],
  [
    'detection_filter',
    [
      [
        'detection_filter: track by_dst, count 3, seconds 1;',
        {
          thresholds: [
            {
              type: 'detection_filter',
              track: 'destination',
              count: 3,
              windowMs: 1000,
              newAction: 'alert',
              timeoutMs: 0,
            },
          ],
        },
      ],
    ],
  ],
  [
    'flow',
    [
      ['flow:established,to_server;', { flow: { direction: 'toserver', state: 'established', stream: null } }],
      [
        'flow: from_server , not_established, no_stream;',
        { flow: { direction: 'toclient', state: 'not_established', stream: 'no_stream' } },
      ],
      [
        'flow:stateless,from_client,only_stream;',
        { flow: { direction: 'toserver', state: 'stateless', stream: 'only_stream' } },
      ],
      ['flow:to_client;', { flow: { direction: 'toclient', state: null, stream: null } }],
      ['', { flow: { direction: null, state: null, stream: null } }],
    ],
  ],
]);

describe.each([...RULE_CASES])('%s', (_keyword, cases) => {
  test.each(cases)('"%s"', (options, expected) => {
    const { rules } = compileText(`alert tcp any any -> any any (${options} sid:5;)`);
    expect(rules).toHaveLength(1);
    expect(rules[0]).toMatchObject({ sid: 5, ...expected });
  });
});

describe('the registry', () => {
  test('every keyword has a case that matches and one that does not, or a case of what it makes of the rule', () => {
    const untested = [...keywordIndex(TEST_BUFFERS).values()]
      .filter(({ name }) => {
        const cases = TRAFFIC_CASES.get(name) ?? [];
        const isComplete =
          cases.some(({ matches }) => matches.length > 0) && cases.some(({ misses }) => misses.length > 0);
        return !isComplete && (RULE_CASES.get(name)?.length ?? 0) === 0 && name !== 'sid';
      })
      .map(({ name }) => name);
    expect(untested).toEqual([]);
  });

  test('every case is of a keyword that exists', () => {
    const index = keywordIndex(TEST_BUFFERS);
    expect([...TRAFFIC_CASES.keys(), ...RULE_CASES.keys()].filter((name) => !index.has(name))).toEqual([]);
  });

  test('a keyword that is defined twice is an error', () => {
    const twice = (name: string, aliases: readonly string[] = []) =>
      defineKeyword({ name, aliases, summary: '', example: '', parse: nothing, compile: () => {} });
    expect(() => indexByName([twice('a'), twice('b', ['a'])])).toThrow('keyword "a" is defined twice');
  });

  test('a buffer that is named like another keyword is an error', () => {
    const [buffer] = TEST_BUFFERS;
    expect(() => keywordIndex([{ protocol: 'x', definition: { ...buffer!.definition, name: 'content' } }])).toThrow(
      '"content"',
    );
  });

  test('two buffers of one name within a protocol are an error', () => {
    const [buffer] = TEST_BUFFERS;
    expect(() => compileText('', { ...environmentOf([buffer!, buffer!]) })).toThrow(
      'http has two buffers named http.uri',
    );
  });

  test("every keyword's own example is a rule that loads", () => {
    for (const { keywords } of keywordFamilies(TEST_BUFFERS)) {
      for (const { name, example } of keywords) {
        const sid = /\bsid:/.test(example) ? '' : ' sid:1;';
        const { rules, diagnostics } = compileText(`alert ip any any -> any any (${example}${sid})`);
        expect(rules.length, `${name}: ${diagnostics[0]?.message}`).toBe(1);
      }
    }
  });

  test('every keyword is one that Suricata knows', () => {
    const unknown = [...keywordIndex(TEST_BUFFERS).keys()].filter(
      (name) => !SURICATA_KEYWORDS.has(name) && !LATER_KEYWORDS.has(name),
    );
    expect(unknown).toEqual([]);
  });
});

describe('the reference', () => {
  test('names every keyword once, and what is missing', () => {
    const markdown = keywordReference(TEST_BUFFERS, 'markdown');
    for (const name of keywordIndex(TEST_BUFFERS).keys())
      expect(markdown).toMatch(new RegExp(`^\\| (.*, )?${name.replaceAll('.', '\\.')}(,.*)? \\|`, 'm'));
    expect(markdown).toContain('## Not supported');
    expect(markdown).toMatch(/^\| replace \| changes packets, /m);
    expect(markdown).toContain('Unlike Suricata: Nothing is stored');
    // A bar of an example must not end the cell.
    expect(markdown).toContain('content:"cmd.exe\\|00\\|";');
  });

  test('is plain text too', () => {
    const text = keywordReference(TEST_BUFFERS, 'text');
    expect(text).toContain('\n  ttl ');
    expect(text).not.toContain('|--');
  });
});

describe('buffers of several protocols', () => {
  const fileData = TEST_BUFFERS.find(({ definition }) => definition.name === 'file.data')!;
  const smtp: (typeof TEST_BUFFERS)[number] = {
    protocol: 'smtp',
    definition: { ...fileData.definition, direction: TO_CLIENT },
  };
  const environment = { ...environmentOf([...TEST_BUFFERS, smtp]), knownAppProtocols: ['http', 'smtp', 'dns'] };

  test.each([
    ['smtp', smtp.definition],
    ['http', fileData.definition],
    ['tcp', fileData.definition],
  ])('alert %s', (protocol, definition) => {
    const { rules } = compileText(`alert ${protocol} any any -> any any (file.data; content:"a"; sid:1;)`, environment);
    expect(rules[0]!.inspections[0]!.buffer).toBe(definition);
  });
});

function environmentOf(buffers: typeof TEST_BUFFERS) {
  return {
    variables: { addresses: {}, ports: {} },
    classifications: new Map(),
    references: new Map(),
    reputation: new Map(),
    thresholds: NO_THRESHOLDS,
    countries: null,
    fileText: () => null,
    keptText: () => null,
    datasets: {},
    buffers,
    knownAppProtocols: ['http', 'dns'],
  };
}
