import { describe, expect, test } from 'vitest';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import type { PlayOptions } from '../support/play.ts';
import { PlayedConnection } from '../support/played-connection.ts';

// A connection that is forgotten goes on, and is read from where it is. Whoever could wait for that in the midst of an
// attack would show rules only its end.

const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;

const RULES = [
  'drop http any any -> any any (msg:"a request"; http.uri; content:"/attack"; sid:1;)',
  'drop tcp any any -> any 443 (msg:"a stream"; content:"EVAL attack"; sid:2;)',
  'alert tcp any any -> any 443 (msg:"first"; content:"first"; flowbits:set,first; noalert; sid:3;)',
  'drop tcp any any -> any 443 (msg:"second"; content:"second"; flowbits:isset,first; sid:4;)',
].join('\n');

/** In live traffic, where connections that nobody knows are followed from where they are. */
const opened = (options: PlayOptions = {}): PlayedConnection =>
  new PlayedConnection({ rules: RULES, midstreamUntilMs: Number.POSITIVE_INFINITY, ...options }).open();

/** Silence, in which the service ends idle flows every now and then. */
function wait({ player }: PlayedConnection, seconds: number): void {
  player.timeMs += seconds * 1000;
  for (let n = 0; n < 3; n++) player.played.pipeline.expire(player.timeMs);
}

describe('an attack is found though its sender was silent in its midst', () => {
  const halves: [name: string, first: string, second: string][] = [
    ['of a request', 'GET /at', 'tack HTTP/1.1\r\nHost: shop\r\n\r\n'],
    ['of a stream of no known protocol', 'EVAL at', 'tack'],
    ['of a conversation in steps', 'the first', 'the second'],
    ['of a command of Redis', '*2\r\n$4\r\nEVAL\r\n$6\r\nEVAL at', 'tack\r\n'],
  ];
  for (const seconds of [HOUR_S + 1, DAY_S, 5 * DAY_S - 1]) {
    test.each(halves)(`${seconds} seconds: %s`, (_name, first, second) => {
      const connection = opened();
      expect(connection.send(TO_SERVER, first)).toBe(true);
      expect(connection.send(TO_CLIENT, '', { flags: 'A' })).toBe(true);
      wait(connection, seconds);
      expect(connection.send(TO_SERVER, second)).toBe(false);
    });
  }

  test('time after time', () => {
    const connection = opened();
    for (const byte of 'GET /attack') {
      expect(connection.send(TO_SERVER, byte)).toBe(true);
      connection.send(TO_CLIENT, '', { flags: 'A' });
      wait(connection, 2 * HOUR_S);
    }
    expect(connection.send(TO_SERVER, ' HTTP/1.1\r\nHost: shop\r\n\r\n')).toBe(false);
  });

  test('behind a hole that is filled afterwards', () => {
    const connection = opened();
    connection.skip(TO_SERVER, 7);
    expect(connection.send(TO_SERVER, 'tack')).toBe(true);
    wait(connection, 2 * HOUR_S);
    connection.skip(TO_SERVER, 2 ** 32 - 11);
    expect(connection.send(TO_SERVER, 'EVAL at')).toBe(false);
  });

  test('which nobody waits for where that is said', () => {
    const connection = opened({ config: { timeouts: { tcpSilentMs: 2 * HOUR_S * 1000 } } });
    connection.send(TO_SERVER, 'EVAL at');
    connection.send(TO_CLIENT, '', { flags: 'A' });
    wait(connection, 2 * HOUR_S);
    expect(connection.send(TO_SERVER, 'tack')).toBe(true);
  });
});

test('what was not acknowledged before a long silence is not kept, and sent again it is not believed', () => {
  const connection = opened();
  connection.send(TO_SERVER, 'hello');
  const { streams } = connection.player.played.pipeline.content;
  expect(streams.keptBytes).toBeGreaterThan(0);
  wait(connection, HOUR_S + 1);
  expect(streams.keptBytes).toBe(0);
  expect(connection.send(TO_SERVER, 'hello', { resentBytes: 5 })).toBe(false);
  expect(connection.send(TO_CLIENT, '', { flags: 'A' })).toBe(true);
  expect(connection.send(TO_SERVER, 'and on')).toBe(true);
});
