import { describe, expect, test } from 'vitest';
import { TO_CLIENT, TO_SERVER } from '../src/base/direction.ts';
import type { EncryptedBypass } from '../src/config/config.ts';
import { keyExchange, NEWKEYS, OFFER } from './app/ssh-packets.ts';
import { recordHandshake } from './app/tls-handshake.ts';
import type { Piece } from './app/trace.ts';
import { buildTcp } from './support/packets.ts';
import { Player } from './support/play.ts';
import { PlayedConnection } from './support/played-connection.ts';

const ON_CONTENT = `
alert tcp any any -> any any (msg:"stream"; content:"attack"; sid:1;)
alert tcp any any -> any any (msg:"packet"; content:"attack"; dsize:<1000; sid:2;)
alert tcp any any -> any any (msg:"placed"; content:"attack"; offset:5; depth:6; sid:3;)
alert tcp any any -> any any (msg:"negated"; content:!"peace"; dsize:11; sid:4;)
`;
const ON_SIZE = 'alert tcp any any -> any any (dsize:11; sid:5;)';
const NEW_CIPHER = Uint8Array.of(20, 3, 3, 0, 1, 1);
/** A record of application data. */
const RECORD = Buffer.from('\x17\x03\x03\x00\x06attack', 'latin1');

class Connection extends PlayedConnection {
  constructor(rules: string, encrypted: EncryptedBypass = 'early') {
    super({ rules, config: { bypass: { encrypted } } });
    this.open();
  }

  async shakeHands(maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<this> {
    return this.talk(await recordHandshake({ maxVersion }));
  }

  talk(pieces: readonly Piece[]): this {
    for (const { direction, bytes } of pieces) this.send(direction, bytes);
    this.player.played.alerts.length = 0;
    return this;
  }

  /** A server that sends back all that it gets. */
  echo(...parts: (string | Uint8Array)[]): this {
    const bytes = joined(parts);
    this.send(TO_SERVER, bytes);
    this.send(TO_CLIENT, bytes);
    return this;
  }

  /** Is content looked for in what comes, in both directions? */
  get isSearched(): boolean {
    this.player.played.alerts.length = 0;
    this.send(TO_CLIENT, 'the attack');
    this.send(TO_SERVER, 'the attack');
    return this.alerts.filter((sid) => sid === 1).length > 0;
  }

  get alerts(): readonly number[] {
    return this.player.played.alerts.toSorted();
  }

  get anomalies(): readonly string[] {
    return this.player.played.anomalies.map(({ event }) => event);
  }
}

const joined = (parts: readonly (string | Uint8Array)[]): Uint8Array =>
  new Uint8Array(Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part))));

const firstRecord = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, 5 + bytes[3]! * 256 + bytes[4]!);

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

describe('not encrypted is', () => {
  /** In a server hello: behind the headers, the version, the random bytes and the session. */
  const suiteAt = (bytes: Uint8Array): number => 5 + 4 + 2 + 32 + 1 + bytes[5 + 4 + 2 + 32]!;
  const withSuite = (pieces: readonly Piece[], suite: number): Piece[] => {
    const changed = pieces.map(({ direction, bytes }) => ({ direction, bytes: bytes.slice() }));
    const hello = changed.find(({ direction }) => direction === TO_CLIENT)!.bytes;
    new DataView(hello.buffer).setUint16(suiteAt(hello), suite);
    return changed;
  };

  test.each([0x0000, 0x0002, 0x003b, 0x002c, 0x00b9, 0xc010, 0xc03b])(
    'TLS by suite %i, which is NULL',
    async (suite) => {
      const pieces = await recordHandshake({ maxVersion: 'TLSv1.2' });
      expect(new Connection(ON_CONTENT).talk(withSuite(pieces, suite)).isSearched).toBe(true);
      expect(new Connection(ON_CONTENT).talk(withSuite(pieces, suite ^ 0x4000)).isSearched).toBe(false);
    },
  );

  test('TLS 1.3 by a suite that only authenticates', async () => {
    const pieces = await recordHandshake({});
    expect(new Connection(ON_CONTENT).talk(withSuite(pieces, 0xc0b4)).isSearched).toBe(true);
    expect(new Connection(ON_CONTENT).talk(withSuite(pieces, 0x1302)).isSearched).toBe(false);
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('what a server repeats, so that it looks like %s', async (maxVersion) => {
    const [hello, answer] = await recordHandshake({ maxVersion });
    const connection = new Connection(ON_CONTENT);
    connection.echo(hello!.bytes).echo(firstRecord(answer!.bytes)).echo(NEW_CIPHER);
    expect(connection.isSearched).toBe(true);
  });

  test('what a server repeats of what its client says before its turn', async () => {
    const [hello, answer] = await recordHandshake({ maxVersion: 'TLSv1.2' });
    const connection = new Connection(ON_CONTENT);
    // Behind the new cipher, what looks like the server's hello is not read as the client's.
    connection.send(TO_SERVER, joined([hello!.bytes, NEW_CIPHER, answer!.bytes]));
    connection.send(TO_CLIENT, answer!.bytes);
    expect(connection.isSearched).toBe(true);
  });

  const hello = 'SSH-2.0-a\r\n';
  const ssh = (offer: Uint8Array, answer: Uint8Array, greeting = ''): Connection =>
    new Connection(ON_CONTENT).talk([
      { direction: TO_CLIENT, bytes: joined([greeting, hello, answer]) },
      { direction: TO_SERVER, bytes: joined([hello, offer, NEWKEYS]) },
      { direction: TO_CLIENT, bytes: NEWKEYS },
    ]);

  test('SSH where one direction has no algorithm, or none at all was chosen', () => {
    const offering = (toServer: string, toClient: string, cookie: number): Uint8Array =>
      keyExchange([...OFFER.slice(0, 2), toServer, toClient, ...OFFER.slice(4)], cookie);
    const server = offering('none,aes', 'none,aes', 2);
    expect(ssh(offering('x,aes,none', 'aes', 1), server).isSearched).toBe(false);
    expect(ssh(offering('aes', 'aes', 1), server, 'Welcome\r\n').isSearched).toBe(true);
    expect(ssh(offering('none,aes', 'aes', 1), server).isSearched).toBe(true);
    expect(ssh(offering('aes', 'x,none', 1), server).isSearched).toBe(true);
    expect(ssh(offering('aes', 'x', 1), server).isSearched).toBe(true);
    expect(ssh(offering('aes', 'aes', 1), new Uint8Array(0)).isSearched).toBe(true);
  });

  test('what a server repeats, so that it looks like SSH', () => {
    expect(new Connection(ON_CONTENT).echo(hello, keyExchange(OFFER), NEWKEYS).isSearched).toBe(true);
    expect(new Connection(ON_CONTENT).echo(hello, NEWKEYS).isSearched).toBe(true);
  });
});

describe('what was encrypted is not any more', () => {
  test('where the server answers another SYN, with data', async () => {
    const connection = await new Connection(ON_CONTENT).shakeHands('TLSv1.3');
    connection.skip(TO_SERVER, 1_000_000).skip(TO_CLIENT, 1_000_000);
    connection.send(TO_SERVER, '', { flags: 'S' });
    connection.send(TO_CLIENT, 'the attack', { flags: 'SA' });
    expect(connection.alerts).toEqual([1, 2]);
  });

  test('where the client turns out to be further back', async () => {
    const [asked, answered] = await recordHandshake({});
    const player = new Player({ rules: ON_CONTENT, mode: 'prevent', midstreamUntilMs: Number.MAX_SAFE_INTEGER });
    const fromClient = { sourcePort: 40_000, destinationPort: 443, source: '192.0.2.1', destination: '192.0.2.2' };
    const fromServer = { sourcePort: 443, destinationPort: 40_000, source: '192.0.2.2', destination: '192.0.2.1' };
    player.send(buildTcp({ ...fromClient, flags: 'PA', sequence: 1000, acknowledgement: 5000, payload: asked!.bytes }));
    player.send(
      buildTcp({ ...fromServer, flags: 'PA', sequence: 5000, acknowledgement: 500, payload: answered!.bytes }),
    );
    player.played.alerts.length = 0;
    const attack = Buffer.from('the attack');
    player.send(buildTcp({ ...fromClient, flags: 'PA', sequence: 500, acknowledgement: 5000, payload: attack }));
    expect(player.played.alerts.toSorted()).toEqual([1, 2]);
  });
});
