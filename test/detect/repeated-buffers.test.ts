import { describe, expect, test } from 'vitest';
import { message, question } from '../app/dns-messages.ts';
import { datagrams, playPackets } from '../support/play.ts';
import { alertsOf, up } from './support.ts';

describe('a buffer of which there are several, named twice', () => {
  const get = up('GET / HTTP/1.1\r\nHost: a.example\r\nX-First: one\r\nX-Second: two\r\n\r\n');
  const alertsOfHttp = (options: string): number[] =>
    alertsOf(`alert http any any -> any any (flow:to_server; ${options} sid:1;)`, [get]);

  test('need not be the same one', () => {
    const first = 'http.request_header; content:"X-First"; startswith;';
    expect(alertsOfHttp(`${first} http.request_header; content:"two"; endswith;`)).toEqual([1]);
    expect(alertsOfHttp(`${first} content:"two"; endswith;`)).toEqual([]);
    expect(alertsOfHttp(`${first} http.request_header; content:"three"; endswith;`)).toEqual([]);
  });

  test('is of transforms like the other', () => {
    const second = 'http.request_header; to_uppercase; content:"TWO"; endswith;';
    expect(alertsOfHttp(`http.request_header; to_uppercase; content:"X-FIRST"; ${second}`)).toEqual([1]);
  });

  test('begins anew: what is relative counts from its start', () => {
    const relative = 'http.request_header; content:"Second"; distance:2; within:6;';
    expect(alertsOfHttp(`http.request_header; content:"one"; ${relative}`)).toEqual([1]);
  });

  test('is the same one where there can only be one', () => {
    const uri = 'http.uri; content:"/"; http.method; content:"GET"; http.uri; content:"/"; distance:0;';
    expect(alertsOfHttp(uri)).toEqual([]);
  });

  test('in DNS', () => {
    const query = message({ counts: [2, 0, 0, 0] }, question('one.example'), question('two.test'));
    const alerts = (options: string): number[] =>
      playPackets(datagrams([{ direction: 0, bytes: query }]), {
        rules: `alert dns any any -> any any (${options} sid:1;)`,
      }).alerts;
    expect(alerts('dns.query; content:"one"; dns.query; content:"test";')).toEqual([1]);
    expect(alerts('dns.query; content:"one"; content:"test";')).toEqual([]);
  });
});
