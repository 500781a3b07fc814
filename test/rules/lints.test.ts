import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { APP_BUFFERS } from '../../src/app/index.ts';
import { compileRules } from '../../src/rules/compiler.ts';
import { ruleEnvironment } from '../../src/rules/environment.ts';
import { LINT_NAMES, Linter } from '../../src/rules/lints/linter.ts';
import { requiredBytes } from '../../src/rules/lints/pcre-literals.ts';

/** `name:column` of every remark, where each rule stands on its own line. */
function remarks(text: string): string[] {
  const linter = new Linter();
  const files = [{ file: 'test.rules', text }];
  const { diagnostics } = compileRules(files, ruleEnvironment({ buffers: APP_BUFFERS }), (...rule) =>
    linter.observe(...rule),
  );
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return linter.finish().map(({ name, line, column }) => {
    const shown = text.split('\n')[line - 1]!.slice(column - 1);
    return `${name} at ${shown.slice(0, 12)}`;
  });
}

const rule = (options: string, header = 'tcp any any -> any 4444'): string =>
  `alert ${header} (msg:"m"; ${options} sid:1; rev:1;)`;
const http = (options: string): string => rule(options, 'http any any -> any any');

describe('remarks on rules', () => {
  test.each([
    // Conditions that exclude each other.
    [rule('content:"abcdef"; dsize:<5;'), ['cannot-match at abcdef"; dsi']],
    [rule('content:"abc"; offset:10; dsize:12;'), ['cannot-match at abc"; offset']],
    [rule('content:"abc"; content:"def"; distance:5; dsize:10;'), ['cannot-match at def"; distan']],
    [rule('content:"abc"; isdataat:50; dsize:<40;'), ['cannot-match at isdataat:50;']],
    [rule('dsize:>10; dsize:<5; content:"x1";'), ['cannot-match at dsize:<5; co']],
    [http('http.uri; content:"/abcdef"; bsize:3;'), ['cannot-match at /abcdef"; bs']],
    [http('http.uri; content:"/abcdef"; urilen:<4;'), ['cannot-match at /abcdef"; ur']],
    [rule('content:"abc"; startswith; content:"abd"; depth:3;'), ['cannot-match at abd"; depth:']],
    [rule('content:"xabc"; endswith; content:"yabc"; endswith;'), ['cannot-match at yabc"; endsw']],
    [rule('content:"abcd"; content:!"bc";'), ['cannot-match at bc"; sid:1; ']],
    [rule('content:"abCD"; content:!"BcD"; nocase;'), ['cannot-match at BcD"; nocase']],
    [rule('flags:S; flags:A; content:"xyz";'), ['cannot-match at flags:A; con']],
    [rule('flags:S; flags:SA; content:"xyz";'), ['cannot-match at flags:SA; co']],
    [rule('content:"xyz"; flowbits:set,a; flowbits:isset,a; flowbits:isnotset,a;'), ['cannot-match at flowbits:isn']],
    // Buffers that never have it.
    [http('http.host; content:"example"; pcre:"/Example/";'), ['cannot-match at Example/"; s']],
    [
      http('content:"index7"; http_uri; pcre:"/[a-z]+Example/W";'),
      ['cannot-match at [a-z]+Exampl', 'deprecated-keyword at http_uri; pc'],
    ],
    [http('http.uri; to_lowercase; content:"Admin7";'), ['cannot-match at Admin7"; sid']],
    [http('http.user_agent; content:"evil7|0d 0a|";'), ['cannot-match at evil7|0d 0a|']],
    [http('http.uri; content:"/a%20b7";'), ['encoded-uri at /a%20b7"; si']],
    [http('http.header; content:"Cookie|3a| x7";'), ['cannot-match at Cookie|3a| x']],
    [http('http.cookie; content:"Cookie: x7";'), ['cannot-match at Cookie: x7";']],
    [http('http.header_names; content:"X-Evil: ";'), ['cannot-match at X-Evil: "; s']],
    [http('http.stat_code; pcre:"/^5xx$/";'), ['cannot-match at ^5xx$/"; sid', 'no-fast-pattern at http any any']],
    // What it is found by.
    [rule('pcre:"/x/";', 'tcp any any -> any any'), ['no-fast-pattern at tcp any any ']],
    [rule('byte_test:1,=,1,0;', 'tcp any any -> any 80'), ['no-fast-pattern at tcp any any ']],
    [rule('content:"GET "; depth:4;'), ['common-pattern at tcp any any ']],
    [rule('content:"http/1.1"; nocase;'), ['common-pattern at tcp any any ']],
    [rule('content:"|00 00 00 00|";'), ['common-pattern at tcp any any ']],
    [rule('content:"longer one"; content:"x"; fast_pattern;'), ['common-pattern at x"; fast_pat']],
    [http('http.uri; content:".php"; http.method; content:"POST";'), ['common-pattern at http any any']],
    // Form.
    [
      `alert tcp any any -> any 4444 (content:"xyz"; sid:1;)`,
      ['missing-rev at tcp any any ', 'missing-msg at tcp any any '],
    ],
    [rule('flow:to_server; content:"xyz";', 'tcp any any <> any 4444'), ['bidirectional-flow at flow:to_serv']],
    [http('uricontent:"/xyz";'), ['deprecated-keyword at uricontent:"']],
    [http('http_request_line; content:"/xyz";'), ['deprecated-keyword at http_request']],
    [rule('content:"xyz"; fast_pattern:only;'), ['deprecated-keyword at fast_pattern']],
    // Flowbits.
    [rule('content:"xyz"; flowbits:isset,nobody;'), ['flowbit-never-set at flowbits:iss']],
    [rule('content:"xyz"; flowbits:isset,nobody|none;'), ['flowbit-never-set at flowbits:iss']],
  ])('%s', (text, expected) => {
    expect(remarks(text)).toEqual(expected);
  });

  test.each([
    rule('content:"abcde"; dsize:5;'),
    rule('content:"abc"; content:"def"; distance:-3; dsize:3;'),
    rule('content:"abc"; byte_jump:1,0; content:"def"; distance:9; dsize:<13;'),
    rule('content:"abc"; startswith; content:"ABCDE"; nocase; depth:5;'),
    rule('content:"abcd"; nocase; content:!"bc";'),
    rule('content:"abcd"; content:!"bc"; distance:0;'),
    rule('content:"abc"; isdataat:!50; isdataat:50,relative; dsize:<40;'),
    http('http.uri; content:"/longer than sixteen bytes"; http.uri; to_md5; bsize:16;'),
    rule('content:"abc"; base64_decode:bytes 90; base64_data; content:"abcdefghijkl"; isdataat:20; dsize:<10;'),
    rule('flags:SA; content:"xyz";'),
    rule('flags:S+; flags:A+; content:"xyz";'),
    rule('dsize:>3; dsize:<9; content:"xyz";'),
    http('http.host; content:"example"; pcre:"/Example|example/";'),
    http(
      'http.host; content:"example"; pcre:"/(?:Example)?/"; pcre:"/(?i)E/"; pcre:"/E?[A-Z]{0,3}E*\\D/"; pcre:"/E/i";',
    ),
    http('http.host; content:"example"; pcre:!"/E/";'),
    http('http.uri; content:"a%2fb7"; http.header; content:"X-Cookie: a7";'),
    rule('pcre:"/x/";', 'tcp any any -> any 4444'),
    rule('flags:S;', 'tcp any any -> any any'),
    rule('content:"|01 02|";'),
    http('http.uri; content:"/login.cgi"; http.method; content:"POST"; fast_pattern; content:!"x";').replace(
      ' fast_pattern;',
      '',
    ),
    rule('flow:established; content:"xyz";', 'tcp any any <> any 4444'),
    `${rule('content:"xyz"; flowbits:set,a;')}\n${rule('content:"xyz"; flowbits:isset,b|a;').replace('sid:1', 'sid:2')}`,
  ])('nothing is said of %s', (text) => {
    expect(remarks(text)).toEqual([]);
  });
});

test.each([
  ['abc', 'abc'],
  ['a?b*c+d{0,2}e{2}f+?', 'cef'],
  ['^a\\.b\\x41\\x{42}\\/$', 'a.bAB/'],
  ['a(b|c(d))e[fg]h[^]]i.', 'aehi'],
  ['\\d\\w\\bx\\r\\n', 'x\r\n'],
  ['a(?=b)c', 'ac'],
  ['a(b)*c', 'ac'],
  ['a|b', null],
  ['a(?i:b)', null],
  ['(?i)a', null],
  ['a(b', null],
])('every match of %s has %s', (pattern, expected) => {
  const bytes = requiredBytes(pattern, false);
  expect(bytes === null ? null : Buffer.from(bytes).toString('latin1')).toBe(expected);
});

test('an extended expression does not ask for its blanks', () => {
  expect(Buffer.from(requiredBytes('a b', true)!).toString()).toBe('ab');
});

test('docs/rules.md explains every name', () => {
  const page = readFileSync('docs/rules.md', 'utf8');
  for (const name of Object.keys(LINT_NAMES)) expect(page).toContain(`\`${name}\``);
});
