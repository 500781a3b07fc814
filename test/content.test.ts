import { describe, expect, test } from 'vitest';
import { TO_CLIENT, TO_SERVER } from '../src/base/direction.ts';
import type { EncryptedBypass } from '../src/config/config.ts';
import { recordHandshake } from './app/tls-handshake.ts';
import { PlayedConnection } from './support/played-connection.ts';

const ON_CONTENT = `
alert tcp any any -> any any (msg:"stream"; content:"attack"; sid:1;)
alert tcp any any -> any any (msg:"packet"; content:"attack"; dsize:<1000; sid:2;)
alert tcp any any -> any any (msg:"placed"; content:"attack"; offset:5; depth:6; sid:3;)
alert tcp any any -> any any (msg:"negated"; content:!"peace"; dsize:11; sid:4;)
`;
const ON_SIZE = 'alert tcp any any -> any any (dsize:11; sid:5;)';
/** A record of application data. */
const RECORD = Buffer.from('\x17\x03\x03\x00\x06attack', 'latin1');

class Connection extends PlayedConnection {
  constructor(rules: string, encrypted: EncryptedBypass = 'early') {
    super({ rules, config: { bypass: { encrypted } } });
    this.open();
  }

  async shakeHands(maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<this> {
    for (const { direction, bytes } of await recordHandshake({ maxVersion })) this.send(direction, bytes);
    this.player.played.alerts.length = 0;
    return this;
  }

  get alerts(): readonly number[] {
    return this.player.played.alerts.toSorted();
  }

  get anomalies(): readonly string[] {
    return this.player.played.anomalies.map(({ event }) => event);
  }
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('behind the handshake of %s', (version) => {
  test.each([TO_SERVER, TO_CLIENT] as const)('content is not looked for, sizes are (%i)', async (direction) => {
    const connection = await new Connection(ON_CONTENT + ON_SIZE).shakeHands(version);
    expect(connection.send(direction, RECORD)).toBe(true);
    expect(connection.alerts).toEqual([5]);
  });

  test('late: it is looked for', async () => {
    const connection = await new Connection(ON_CONTENT, 'late').shakeHands(version);
    connection.send(TO_SERVER, RECORD);
    expect(connection.alerts).toEqual([1, 2, 3, 4]);
  });

  test('what is sent again need not be the same, since nobody has read it', async () => {
    const connection = await new Connection(ON_CONTENT).shakeHands(version);
    connection.send(TO_SERVER, RECORD);
    expect(connection.send(TO_SERVER, 'something else', { resentBytes: RECORD.length })).toBe(true);
    expect(connection.anomalies).not.toContain('tcp.retransmit_differs');
  });

  test('the state of the connection is followed', async () => {
    const connection = await new Connection('').shakeHands(version);
    connection.send(TO_SERVER, RECORD, { flags: 'FPA' });
    expect(connection.send(TO_SERVER, RECORD)).toBe(false);
    expect(connection.anomalies).toContain('tcp.data_after_fin');
  });
});

test('what only looks like the record of a handshake is looked into', () => {
  const connection = new Connection(ON_CONTENT);
  connection.send(TO_SERVER, Buffer.from([0x16, 3, 1, 0, 1, 1, 99, 3, 1, 13, 10, 13, 10]));
  connection.send(TO_CLIENT, 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
  connection.send(TO_SERVER, RECORD);
  expect(connection.alerts).toEqual([1, 2, 3, 4]);
});
