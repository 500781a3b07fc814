import { describe, expect, test, vi } from 'vitest';
import { PatternIndex } from '../../src/detect/pattern-index.ts';
import { alertsOf, alertsOfEach, down, everyCut, up } from './support.ts';

const rule = (options: string, sid: number): string => `alert http any any -> any any (${options} sid:${sid};)`;
/** So that the head of either direction is looked at first. */
const others = [
  rule('http.header; content:"nowhere";', 90),
  rule('http.header_names; content:"nowhere";', 91),
  rule('http.protocol; content:"nowhere";', 92),
  rule('http.cookie; content:"nowhere";', 93),
].join('\n');
const request = (fields: string): string => `GET /a?b=%41 HTTP/1.1\r\n${fields}\r\n`;
const fields = 'Host: shop.example\r\nCookie: id=1; x=2\r\nUser-Agent: Me\r\nAccept: a\r\n';

describe('what one search of the head goes before', () => {
  test.each([
    ['a field', 'http.user_agent; content:"Me";', fields],
    ['in any case', 'http.user_agent; content:"mE"; nocase;', fields],
    ['a cookie', 'http.cookie; content:"id=1";', fields],
    ['cookies that are joined', 'http.cookie; content:"x=2, y";', `${fields}Cookie: y=3\r\n`],
    ['fields, over the cookie that is left out', 'http.header; content:"example|0d 0a|User";', fields],
    ['fields that are joined', 'http.header; content:"Accept: a, b";', `${fields}Accept: b\r\n`],
    ['fields that are unfolded', 'http.header; content:"Accept: a b";', fields.replace(': a', ': a\r\n b')],
    [
      'names of fields',
      'http.header_names; content:"|0d 0a|Cookie|0d 0a|User-Agent|0d 0a|Accept|0d 0a 0d 0a|";',
      fields,
    ],
    ['lines that say little', 'http.header; content:"User-Agent: Me|0d 0a|Accept: ";', fields],
    ['a line behind a name that is in every head', 'http.header; content:"shop.example|0d 0a|User-Agent: ";', fields],
    ['an end of lines', 'http.header.raw; content:"|0d 0a 0d 0a|";', fields],
    ['one byte', 'http.accept; content:"a";', fields],
    ['the start', 'http.start; content:"HTTP/1.1|0d 0a|Host";', fields],
    ['one field by itself', 'http.request_header; content:"Accept: a"; startswith;', fields],
    ['what was made of a field', 'http.user_agent; to_uppercase; content:"ME";', fields],
    ['the target', 'http.uri; content:"b=A";', fields],
    ['the host', 'http.host; content:"shop";', fields.replace('shop', 'SHOP')],
  ])('%s is found at every cut', (_name, options, head) => {
    const rules = `${others}\n${rule(options, 1)}`;
    const connections = everyCut(request(head)).map((parts) => parts.map(up));
    expect(alertsOfEach(rules, connections)).toEqual(connections.map(() => [1]));
  });

  test('an answer is found, and the same is not in the request', () => {
    const rules = `${others}\n${rule('http.cookie; content:"id=1"; flow:to_client;', 1)}`;
    const answer = 'HTTP/1.1 200 OK\r\nSet-Cookie: id=1\r\nContent-Length: 0\r\n\r\n';
    expect(alertsOf(rules, [up(request(fields))])).toEqual([]);
    expect(alertsOf(rules, [up(request(fields)), down(answer)])).toEqual([1]);
  });
});

test('patterns that end alike are found in heads, and told apart', () => {
  const endings = ['.doc', '.xls', '.PPT', '.c', ' '].map((name, i) =>
    rule(`http.request_line; content:"${name} HTTP/1."; nocase;`, i + 1),
  );
  const rules = `${others}\n${endings.join('\n')}`;
  const alertsFor = (target: string): number[] => alertsOf(rules, [up(`GET ${target} HTTP/1.1\r\n${fields}\r\n`)]);
  expect(alertsFor('/a.doc')).toEqual([1]);
  expect(alertsFor('/a.ppt')).toEqual([3]);
  expect(alertsFor('/a.c')).toEqual([4]);
  expect(alertsFor('/a.doc?b')).toEqual([]);
  expect(alertsFor('/a.html')).toEqual([]);
});

test('a head without anything that rules look for is searched once', () => {
  const search = vi.spyOn(PatternIndex.prototype, 'search');
  const searchesOf = (rules: string): number => {
    search.mockClear();
    expect(alertsOf(rules, [up(request(fields))])).toEqual([]);
    return search.mock.calls.length;
  };
  try {
    expect(searchesOf(others)).toBe(1);
    expect(searchesOf(`${others}\n${rule('http.user_agent; content:"something else";', 1)}`)).toBe(1);
    expect(searchesOf(`${others}\n${rule('http.user_agent; content:"Accept";', 1)}`)).toBe(2);
    expect(searchesOf(`${others}\n${rule('http.uri; content:"something else";', 1)}`)).toBe(2);
    const inHeader = (content: string): number =>
      searchesOf(`${others}\n${rule(`http.header; content:"${content}";`, 1)}`);
    expect(inHeader('something else|0d 0a|Accept: ')).toBe(1);
    expect(inHeader('Accept: a|0d 0a|Referer: ')).toBe(1);
    expect(inHeader('Accept: a|0d 0a|Host: ')).toBe(2);
  } finally {
    search.mockRestore();
  }
});
