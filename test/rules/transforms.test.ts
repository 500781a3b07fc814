import { describe, expect, test } from 'vitest';
import { fromLatin1, latin1 } from '../../src/base/bytes.ts';
import { Regex } from '../../src/base/native/regex.ts';
import * as transforms from '../../src/rules/transforms.ts';
import { alertsOf, down, up } from '../detect/support.ts';

const limits = { matchLimit: 3500, depthLimit: 1500 };
const regex = new Regex('a(b*)c', 0, limits);

test.each([
  ['toLowerCase', transforms.toLowerCase(), 'aBC-\xc4', 'abc-\xc4'],
  ['toUpperCase', transforms.toUpperCase(), 'aBc-\xe4', 'ABC-\xe4'],
  ['stripWhitespace', transforms.stripWhitespace(), ' a\t b\r\n', 'ab'],
  ['compressWhitespace', transforms.compressWhitespace(), '  a\t\n b ', ' a\tb '],
  ['dotPrefix', transforms.dotPrefix(), 'a.b', '.a.b'],
  ['dotPrefix of nothing', transforms.dotPrefix(), '', '.'],
  ['urlDecode', transforms.urlDecode(), '%41+b%2', 'A b%2'],
  ['urlDecode of no escape', transforms.urlDecode(), '%4g%%41', '%4g%A'],
  ['xorWith', transforms.xorWith(Uint8Array.of(1, 2)), 'aaa', '`c`'],
  ['headerLowerCase', transforms.headerLowerCase(), 'Host: A\r\nX-B: C:D\r\n', 'host: A\r\nx-b: C:D\r\n'],
  ['stripPseudoHeaders', transforms.stripPseudoHeaders(), ':path: /\r\nhost: :a\r\n:b', 'host: :a\r\n'],
  ['captured', transforms.captured(regex), '-abbc-', 'bb'],
  ['captured, empty', transforms.captured(regex), 'ac', ''],
  ['captured, without a match', transforms.captured(regex), 'xyz', 'xyz'],
  ['digest', transforms.digest('md5'), '', '\xd4\x1d\x8c\xd9\x8f\x00\xb2\x04\xe9\x80\x09\x98\xec\xf8\x42\x7e'],
])('%s of %j', (_name, transform, input, output) => {
  expect(latin1(transform(fromLatin1(input)))).toBe(output);
  // What was made of other bytes before does not show through.
  transform(fromLatin1('x'.repeat(1000)));
  expect(latin1(transform(fromLatin1(input)))).toBe(output);
});

describe('in a rule', () => {
  const request = (uri: string) => up(`GET ${uri} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const rule = (options: string): string => `alert http any any -> any any (${options} sid:1;)`;

  test('one after the other', () => {
    const options = 'http.uri; url_decode; to_lowercase; content:"/admin"; startswith;';
    expect(alertsOf(rule(options), [request('/%2541DMIN')])).toEqual([1]);
    expect(alertsOf(rule(options), [request('/x/ADMIN')])).toEqual([]);
  });

  test('beside the buffer as it is', () => {
    const options = 'http.uri; content:"/A"; http.uri; to_lowercase; content:"/ab";';
    expect(alertsOf(rule(options), [request('/AB')])).toEqual([1]);
    expect(alertsOf(rule(options), [request('/ab')])).toEqual([]);
  });

  test('a body is transformed when it is complete', () => {
    const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\na  b  ';
    const options = 'file.data; strip_whitespace; content:"ab"; endswith;';
    const turns = [request('/'), down(answer.slice(0, -3)), down(answer.slice(-3))];
    expect(alertsOf(rule(options), turns)).toEqual([1]);
  });
});
