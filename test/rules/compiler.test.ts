import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { parseClassifications } from '../../src/rules/classification.ts';
import { compileRules } from '../../src/rules/compiler.ts';
import { ruleEnvironment } from '../../src/rules/environment.ts';
import { parseReferences } from '../../src/rules/reference-config.ts';
import { Packet } from '../../src/wire/packet.ts';
import { growthOf, LINEAR } from '../support/growth.ts';
import { compileRule, compileText, ruleOf, TEST_BUFFERS, TEST_ENVIRONMENT } from './support.ts';

const read = (name: string): string => readFileSync(new URL(`../../fixtures/rules/${name}`, import.meta.url), 'utf8');

describe('fixtures/rules/invalid.rules', () => {
  const lines = read('invalid.rules').split('\n');
  const cases = lines.flatMap((rule, index) => {
    const note = lines[index + 1] ?? '';
    const match = /^#(?:<|( *)\^) (\S+): (.*)$/.exec(note);
    if (rule === '' || rule.startsWith('#') || match === null) return [];
    const column = match[1] === undefined ? 1 : note.indexOf('^') + 1;
    return [{ rule, column, keyword: match[2] === '-' ? null : match[2], message: match[3] }];
  });

  test('each rule of the file has its diagnostic below it', () => {
    expect(cases).toHaveLength(lines.filter((line) => line !== '' && !line.startsWith('#')).length);
    expect(cases.length).toBeGreaterThan(140);
    expect(new Set(cases.map(({ rule }) => rule)).size).toBe(cases.length);
  });

  test.each(cases)('$rule', ({ rule, column, keyword, message }) => {
    const { rules, diagnostics } = compileText(`# comment\n\n${rule}\n`);
    expect(rules).toEqual([]);
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toMatchObject([
      { file: 'test.rules', line: 3, column, keyword, message },
    ]);
  });
});

describe('fixtures/rules/valid.rules', () => {
  test('all of them load without a remark, with or without CRLF', () => {
    for (const text of [read('valid.rules'), read('valid.rules').replaceAll('\n', '\r\n')]) {
      const { rules, diagnostics } = compileText(text);
      expect(diagnostics).toEqual([]);
      expect(rules.map(({ gid, sid }) => `${gid}:${sid}`)).toEqual([
        ...Array.from({ length: 16 }, (_, i) => `1:${i + 1}`),
        '2:1',
      ]);
    }
  });

  test('what they become', () => {
    const rules = new Map(compileText(read('valid.rules')).rules.map((rule) => [`${rule.gid}:${rule.sid}`, rule]));
    const rule = (id: string) => rules.get(id)!;

    expect(rule('1:2')).toMatchObject({
      action: 'drop',
      rev: 3,
      category: 'Web Application Attack',
      priority: 1,
      metadata: { created_at: ['2024_05_01'], attack_target: ['Server'] },
      flow: { direction: 'toserver', state: 'established' },
      protocol: { name: 'http', apps: ['http'], scope: 'any', ipProtocols: [6] },
    });
    expect(rule('1:2').inspections.map(({ buffer, steps }) => [buffer?.name, steps.length])).toEqual([
      ['http.method', 1],
      ['http.uri', 2],
      ['http.request_body', 1],
    ]);
    expect(rule('1:3').inspections.map(({ buffer }) => buffer?.name ?? null)).toEqual([
      'http.method',
      'http.uri',
      'http.header',
      'http.user_agent',
    ]);
    expect(rule('1:4')).toMatchObject({ isBidirectional: true, message: 'blanks and lists' });
    expect(rule('1:9').message).toBe('escapes "quoted"; done');
    expect(rule('1:10')).toMatchObject({ line: 12, message: 'several lines' });
    expect(rule('1:10').text).not.toContain('\n');
    expect(rule('1:11').protocol.scope).toBe('stream');
    expect(rule('1:12').protocol.scope).toBe('packet');
    expect(rule('1:16').fastPattern).toBeNull();
  });
});

describe('compileRules', () => {
  const good = (sid: number, rev = 1) =>
    `alert tcp any any -> any any (msg:"rule ${sid}"; content:"x"; sid:${sid}; rev:${rev};)`;

  test('one bad rule among a hundred costs none of the others', () => {
    const lines = Array.from({ length: 100 }, (_, i) => good(i + 1));
    lines[49] = 'alert tcp any any -> any any (content:"|x|"; sid:50;)';
    const { rules, diagnostics } = compileText(lines.join('\n'));
    expect(rules.map(({ sid }) => sid)).toEqual(
      Array.from({ length: 100 }, (_, i) => i + 1).filter((sid) => sid !== 50),
    );
    expect(diagnostics).toMatchObject([{ line: 50, column: 41, keyword: 'content', sid: 50, severity: 'error' }]);
  });

  test('says where in a continued rule something is wrong', () => {
    const { diagnostics } = compileText(
      '\ufeff# c\r\nalert tcp any any -> any any ( \\\r\n  msg:"a"; \\\r\n  content:"|zz|"; sid:7;)\r\n',
    );
    expect(diagnostics).toMatchObject([{ line: 4, column: 13, sid: 7, keyword: 'content' }]);
  });

  test('knows the sid of a rule that it cannot take apart', () => {
    expect(compileText('alert tcp any any (msg:"a"; sid:77;)').diagnostics).toMatchObject([{ sid: 77 }]);
    expect(compileText('alert tcp any any (msg:"a";)').diagnostics).toMatchObject([{ sid: null }]);
  });

  test('the newest revision of a sid is used, wherever it stands', () => {
    for (const [first, second] of [
      [1, 2],
      [2, 1],
    ] as const) {
      const files = [
        { file: 'a.rules', text: `${good(5, first)}\n${good(6)}` },
        { file: 'b.rules', text: good(5, second) },
      ];
      const { rules, diagnostics } = compileRules(files, TEST_ENVIRONMENT);
      expect(rules.map(({ sid, rev }) => [sid, rev]).sort()).toEqual([
        [5, 2],
        [6, 1],
      ]);
      const loser = first === 1 ? 'a.rules' : 'b.rules';
      expect(diagnostics).toMatchObject([{ file: loser, line: 1, keyword: 'sid', sid: 5, severity: 'warning' }]);
      expect(diagnostics[0]!.message).toContain('revision 2 of 1:5 is used instead');
    }
  });

  test('of the same revision the first is used, and the second is an error', () => {
    const { rules, diagnostics } = compileText(`${good(5)}\n${good(5).replace('alert', 'drop')}`);
    expect(rules).toMatchObject([{ sid: 5, action: 'alert' }]);
    expect(diagnostics).toMatchObject([{ line: 2, column: 57, severity: 'error', keyword: 'sid' }]);
    expect(diagnostics[0]!.message).toContain('test.rules line 1');
  });

  test('remarks do not cost the rule', () => {
    const { rules, diagnostics } = compileText(
      'alert tcp any any -> any any (content:"x"; classtype:made-up; reference:nowhere,1; priority:1; priority:2; sid:1;)',
    );
    expect(rules).toMatchObject([{ priority: 2, category: 'Unknown Classtype' }]);
    expect(diagnostics).toMatchObject([
      { severity: 'warning', keyword: 'classtype', column: 44 },
      { severity: 'warning', keyword: 'reference', column: 63 },
      { severity: 'warning', keyword: 'priority', column: 96 },
    ]);
  });

  test('a key of metadata is a key, whatever its name', () => {
    const { metadata } = ruleOf('metadata:__proto__ x, constructor y;');
    expect(Object.entries(metadata)).toEqual([
      ['__proto__', ['x']],
      ['constructor', ['y']],
    ]);
  });

  test('a rule for TCP that looks into a buffer is a rule for its protocol', () => {
    expect(ruleOf('http.uri; content:"a";').protocol).toEqual({
      ipProtocols: [6],
      apps: ['http'],
      scope: 'any',
      name: 'tcp',
    });
    expect(ruleOf('dns.query; content:"a";', 'udp').protocol.apps).toEqual(['dns']);
    expect(ruleOf('content:"a";').protocol.apps).toBeNull();
  });

  test('a buffer of one direction decides the direction', () => {
    expect(ruleOf('http.uri; content:"a";').flow.direction).toBe('toserver');
    expect(ruleOf('http.stat_code; content:"2";').flow.direction).toBe('toclient');
    expect(ruleOf('file.data; content:"a";').flow.direction).toBeNull();
  });

  test.each([
    ['tcp', [6]],
    ['udp', [17]],
    ['icmp', [1, 58]],
    ['icmpv6', [58]],
    ['sctp', [132]],
    ['ip', null],
    ['TCP', [6]],
    ['http1', [6]],
    ['dns', [6, 17]],
  ])('alert %s', (protocol, ipProtocols) => {
    expect(ruleOf('', protocol).protocol.ipProtocols).toEqual(ipProtocols);
  });

  test('ipv4 and ipv6 are tests on the packet', () => {
    const of = (ipVersion: 4 | 6) => Object.assign(new Packet(), { ipVersion });
    expect([4, 6].map((version) => ruleOf('', 'ipv4').packetTests[0]!(of(version as 4 | 6)))).toEqual([true, false]);
    expect([4, 6].map((version) => ruleOf('', 'ip6').packetTests[0]!(of(version as 4 | 6)))).toEqual([false, true]);
  });

  test('steps say when they need the end of their buffer, and a place counts as fixed', () => {
    const steps = (options: string) => ruleOf(options).inspections[0]!.steps.map(({ needsEnd }) => needsEnd);
    expect(steps('content:"a"; content:!"b"; content:"c"; endswith;')).toEqual([false, true, true]);
    expect(steps('pcre:"/a/"; pcre:!"/b/"; pcre:"/c$/"; isdataat:1; isdataat:!9;')).toEqual([
      false,
      true,
      true,
      false,
      true,
    ]);
    expect(ruleOf('content:"a"; content:"b"; offset:1;').inspections[0]!.hasFixedPlace).toBe(true);
    expect(ruleOf('content:"a"; content:"b"; distance:1;').inspections[0]!.hasFixedPlace).toBe(false);
  });

  test('variables of the environment replace the defaults', () => {
    const environment = ruleEnvironment({
      variables: { addresses: { HOME_NET: '1.2.3.0/24' }, ports: { MINE: '[1,2]' } },
    });
    const rule = compileRule('alert tcp $HOME_NET $MINE -> $EXTERNAL_NET $HTTP_PORTS (sid:1;)', environment);
    const address = (last: number) => Uint32Array.of(0, 0, 0, 0x0102_0300 + last);
    expect(rule.source.contains(4, address(9))).toBe(true);
    expect(rule.destination.contains(4, address(9))).toBe(false);
    expect(rule.sourcePorts.ranges).toEqual([[1, 2]]);
    expect(rule.destinationPorts.ranges).toEqual([[80, 80]]);
  });
});

describe('the fast pattern', () => {
  const chosen = (options: string, protocol = 'tcp') => {
    const pattern = ruleOf(options, protocol).fastPattern;
    return pattern === null
      ? null
      : `${pattern.buffer?.name ?? '-'} ${latin1(pattern.bytes)}${pattern.isCaseless ? ' caseless' : ''}`;
  };

  test.each([
    ['content:"abc"; content:"abcd"; content:"xyz";', '- abcd'],
    ['content:"abc"; fast_pattern; content:"abcd";', '- abc'],
    ['content:"abcdef"; fast_pattern:2,3; content:"abcdefgh";', '- cde'],
    ['content:"ABC"; nocase;', '- ABC caseless'],
    ['content:!"abcdef"; content:"ab";', '- ab'],
    ['content:!"abcdef";', null],
    ['pcre:"/abc/";', null],
    ['content:!"abcdef"; fast_pattern; content:"ab";', '- ab'],
    // Of equal length: the more varied; of equal variety: the first.
    ['content:"aaaa"; content:"a|00|b|80|"; content:"abcd";', '- a\0b\x80'],
    ['content:"abcd"; content:"efgh";', '- abcd'],
  ])('%s', (options, expected) => {
    expect(chosen(options)).toBe(expected);
  });

  test.each([
    ['content:"a long payload"; http.uri; content:"uri";', 'http.uri uri'],
    ['http.method; content:"DELETE"; http.uri; content:"/a";', 'http.uri /a'],
    ['http.method; content:"DELETE";', 'http.method DELETE'],
    ['http.method; content:"DELETE"; pkt_data; content:"a";', '- a'],
    ['http.uri; content:"abc"; http.user_agent; content:"abcd";', 'http.user_agent abcd'],
    ['http.method; content:"DELETE"; fast_pattern; http.uri; content:"/a";', 'http.method DELETE'],
  ])('%s', (options, expected) => {
    expect(chosen(options, 'http')).toBe(expected);
  });
});

describe('configuration files', () => {
  test('classification.config', () => {
    const { classifications, problems } = parseClassifications(
      '# c\r\nconfig classification: My-Class,Something, with care,2\nconfig classification:a,A thing,1\nconfig classification: a,B,1\nhuh\nconfig classification: b,B,0\n',
    );
    expect([...classifications.values()]).toEqual([{ name: 'a', description: 'A thing', priority: 1 }]);
    expect(problems.map(({ line }) => line)).toEqual([2, 4, 5, 6]);
  });

  test('reference.config', () => {
    const { references, problems } = parseReferences(
      'config reference: CVE https://cve/\n\n#x\nconfig reference: cve x\nhuh',
    );
    expect([...references]).toEqual([['cve', 'https://cve/']]);
    expect(problems.map(({ line }) => line)).toEqual([4, 5]);
  });

  test('a rule takes category and priority from them', () => {
    const { classifications } = parseClassifications('config classification: mine,My category,7');
    const environment = ruleEnvironment({ classifications, references: new Map() });
    expect(compileRule('alert tcp any any -> any any (classtype:mine; sid:1;)', environment)).toMatchObject({
      category: 'My category',
      priority: 7,
    });
  });
});

describe('whatever the text, a result and never an exception', () => {
  const check = (text: string) => {
    const { rules, diagnostics } = compileText(text);
    const physical = text.split('\n');
    for (const { line, column, message } of diagnostics) {
      expect(message).not.toBe('');
      expect(physical[line - 1]).toBeDefined();
      expect(column).toBeGreaterThanOrEqual(1);
      expect(column).toBeLessThanOrEqual(physical[line - 1]!.length + 2);
    }
    return rules;
  };

  test('random text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.nat(0x1_0000).map((unit) => String.fromCharCode(unit)), maxLength: 200 }),
        (text) => void check(text),
      ),
    );
  });

  test('random words of the language', () => {
    const word = fc.constantFrom(
      ...[
        'alert',
        'tcp',
        'http',
        'any',
        '->',
        '<>',
        '$HOME_NET',
        '[',
        ']',
        '!',
        ',',
        '(',
        ')',
        ';',
        ':',
        '"',
        '\\',
        '\n',
        '|',
      ],
      ...[
        'content',
        'pcre',
        'sid',
        '1',
        '-1',
        '0x',
        'http.uri',
        'distance',
        'byte_test',
        'byte_extract',
        'relative',
        'flow',
      ],
      ...['/a/R', '<', '>', '=', 'within', 'fast_pattern', 'endswith', 'isdataat', 'metadata', 'dsize', 'string', ' '],
    );
    fc.assert(fc.property(fc.array(word, { maxLength: 40 }), (words) => void check(words.join(' '))));
  });

  test('valid rules with something cut out, put in or moved', () => {
    const lines = read('valid.rules')
      .split('\n')
      .filter((line) => /^\w.*\)$/.test(line));
    expect(lines.length).toBeGreaterThan(14);
    const mutation = fc.record({
      at: fc.nat(),
      cut: fc.nat(12),
      put: fc.string({ unit: 'grapheme-ascii', maxLength: 4 }),
      from: fc.nat(),
    });
    fc.assert(
      fc.property(fc.constantFrom(...lines), fc.array(mutation, { minLength: 1, maxLength: 3 }), (line, mutations) => {
        let text = line;
        for (const { at, cut, put, from } of mutations) {
          const place = at % (text.length + 1);
          const piece = put === '' ? text.slice(from % text.length, (from % text.length) + 10) : put;
          text = text.slice(0, place) + piece + text.slice(place + cut);
          if (text === '') return;
        }
        check(text);
      }),
      { numRuns: 1000 },
    );
  });

  test('every beginning of a valid rule', () => {
    for (const line of read('valid.rules').split('\n'))
      for (let end = 0; end <= line.length; end += 3) check(line.slice(0, end));
  });
});

describe('cost', () => {
  test('ten times the rules take about ten times as long', async () => {
    const rules = (count: number) =>
      Array.from(
        { length: count },
        (_, i) =>
          `alert http $HOME_NET any -> $EXTERNAL_NET any (msg:"r${i}"; flow:established,to_server; http.uri; content:"/p${i}/"; nocase; content:"x"; distance:0; http.header; content:"Host"; pcre:"/a${i}[0-9]+/"; sid:${i + 1};)`,
      ).join('\n');
    const growth = await growthOf((scale) => {
      const text = rules(200 * scale);
      return () => expect(compileText(text, ruleEnvironment({ buffers: TEST_BUFFERS })).diagnostics).toEqual([]);
    });
    expect(growth).toBeLessThan(LINEAR);
  });

  test.each([
    ['blanks in a header', (n: number) => `alert ${' '.repeat(n)}tcp any any -> any any (sid:1;)`],
    ['an option without end', (n: number) => `alert tcp any any -> any any (content:"${'a'.repeat(n)}`],
    ['escaped semicolons', (n: number) => `alert tcp any any -> any any (content:"${'\\;'.repeat(n / 2)}`],
    ['blanks in a value', (n: number) => `alert tcp any any -> any any (msg:${' '.repeat(n)}x; sid:1;)`],
    ['blanks in a number', (n: number) => `alert tcp any any -> any any (dsize:1${' '.repeat(n)}x; sid:1;)`],
    ['an unknown keyword', (n: number) => `alert tcp any any -> any any (${'content'.repeat(n / 7)}; sid:1;)`],
    ['a long list', (n: number) => `alert tcp [${'1.1.1.1,'.repeat(n / 8)}2.2.2.2] any -> any any (sid:1;)`],
    ['deep brackets', (n: number) => `alert tcp ${'['.repeat(n)} any -> any any (sid:1;)`],
    ['many continued lines', (n: number) => 'a\\\n'.repeat(n / 3)],
  ])('%s', async (_name, text) => {
    const growth = await growthOf((scale) => {
      const rule = text(20_000 * scale);
      return () => compileText(rule);
    });
    expect(growth).toBeLessThan(LINEAR);
  });
});
