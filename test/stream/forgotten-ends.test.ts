import { describe, expect, test } from 'vitest';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { PlayedConnection } from '../support/played-connection.ts';

// A FIN or a RST can pass us and never reach its receiver, for want of hops. Who sends one on purpose, waits until the
// connection is forgotten and goes on, must not be met like somebody whom nobody has seen before.

const RULES = 'drop tcp any any -> any any (msg:"attack"; content:"GET /attack"; sid:1;)';

/** In live traffic, where connections that nobody knows are followed from where they are. */
function begun(beginning = 'GET /at'): PlayedConnection {
  const connection = new PlayedConnection({ rules: RULES, midstreamUntilMs: Number.POSITIVE_INFINITY }).open();
  connection.send(TO_SERVER, beginning);
  connection.send(TO_CLIENT, '', { flags: 'A' });
  return connection;
}

const wait = (connection: PlayedConnection, seconds: number): void => {
  connection.player.timeMs += seconds * 1000;
};
const reset = (connection: PlayedConnection, from: 0 | 1 = TO_SERVER): boolean =>
  connection.send(from, '', { flags: 'R' });
const lastEvents = ({ player }: PlayedConnection): string[] => player.played.anomalies.map(({ event }) => event);

describe('who has ended a connection does not go on with it when it was forgotten', () => {
  test('by a RST', () => {
    const connection = begun();
    reset(connection);
    wait(connection, 11);
    expect(connection.send(TO_SERVER, 'tack HTTP/1.1\r\n')).toBe(false);
    expect(lastEvents(connection)).toContain('tcp.data_after_end');
    // Forgotten once more, and once more.
    for (let n = 0; n < 3; n++) {
      wait(connection, 61);
      expect(connection.send(TO_SERVER, 'tack HTTP/1.1\r\n', { resentBytes: 15 })).toBe(false);
    }
  });

  test('by a RST that its receiver may have refused', () => {
    const connection = begun('GET /');
    // Not acknowledged.
    connection.send(TO_SERVER, 'at');
    reset(connection);
    wait(connection, 121);
    expect(connection.send(TO_SERVER, 'attack HTTP/1.1\r\n', { resentBytes: 2 })).toBe(false);
  });

  test('by a FIN that was not acknowledged', () => {
    const connection = begun();
    connection.send(TO_SERVER, '', { flags: 'FA' });
    wait(connection, 121);
    expect(connection.send(TO_SERVER, 'tack HTTP/1.1\r\n', { resentBytes: 1 })).toBe(false);
  });

  test('with a SYN between', () => {
    const connection = begun();
    reset(connection);
    connection.skip(TO_SERVER, 100_000).send(TO_SERVER, '', { flags: 'S' });
    connection.skip(TO_SERVER, 2 ** 32 - 100_001);
    wait(connection, 61);
    expect(connection.send(TO_SERVER, 'tack HTTP/1.1\r\n')).toBe(false);
  });

  test('when the server speaks first', () => {
    const connection = begun();
    reset(connection);
    wait(connection, 61);
    expect(connection.send(TO_CLIENT, '', { flags: 'A' })).toBe(true);
    expect(connection.send(TO_SERVER, 'tack HTTP/1.1\r\n')).toBe(false);
    expect(lastEvents(connection)).toContain('stream.suspected_rst_inject');
  });

  test('nor a server', () => {
    const connection = new PlayedConnection({ rules: RULES, midstreamUntilMs: Number.POSITIVE_INFINITY }).open();
    connection.send(TO_CLIENT, 'GET /at');
    connection.send(TO_SERVER, '', { flags: 'A' });
    reset(connection, TO_CLIENT);
    wait(connection, 61);
    expect(connection.send(TO_CLIENT, 'tack HTTP/1.1\r\n')).toBe(false);
    expect(connection.send(TO_SERVER, 'GET /page')).toBe(true);
    expect(connection.send(TO_SERVER, 'GET /attack')).toBe(false);
  });
});

describe('what goes on all the same', () => {
  test('the other side of a connection of which one has ended', () => {
    const connection = begun('GET /page');
    connection.send(TO_SERVER, '', { flags: 'FA' });
    wait(connection, 121);
    expect(connection.send(TO_CLIENT, 'at last')).toBe(true);
    expect(connection.send(TO_SERVER, '', { flags: 'A' })).toBe(true);
    expect(connection.send(TO_CLIENT, 'GET /attack')).toBe(false);
  });

  test('a new connection between the same ports, also after long silence', () => {
    const connection = begun('GET /page');
    reset(connection);
    wait(connection, 61);
    connection.open();
    expect(connection.send(TO_SERVER, 'GET /page')).toBe(true);
    connection.send(TO_CLIENT, '', { flags: 'A' });
    wait(connection, 30 * 86_400);
    expect(connection.send(TO_SERVER, 'GET /page')).toBe(true);
    expect(connection.send(TO_CLIENT, 'page')).toBe(true);
    expect(connection.send(TO_SERVER, 'GET /attack')).toBe(false);
  });

  test('a new connection that may have begun unseen', () => {
    const connection = begun('GET /page');
    reset(connection);
    wait(connection, 61);
    connection.skip(TO_SERVER, 100_000).skip(TO_CLIENT, 100_000);
    connection.player.played.pipeline.noteLapse(connection.player.timeMs + 10_000);
    expect(connection.send(TO_SERVER, 'GET /page')).toBe(true);
    expect(connection.send(TO_CLIENT, 'page')).toBe(true);
    expect(connection.send(TO_SERVER, 'GET /attack')).toBe(false);
  });

  test('who lost the acknowledgement of its FIN', () => {
    const connection = begun('GET /page');
    connection.send(TO_SERVER, '', { flags: 'FA' });
    connection.send(TO_CLIENT, '', { flags: 'FA' });
    wait(connection, 121);
    expect(connection.send(TO_CLIENT, '', { flags: 'FA', resentBytes: 1 })).toBe(true);
    expect(connection.send(TO_SERVER, '', { flags: 'A' })).toBe(true);
  });
});
