import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { fuzzRuns } from '../support/fuzz.ts';
import { buildTcp } from '../support/packets.ts';
import { conversation, Player, type PlayOptions, type Turn } from '../support/play.ts';

const RULE = 'drop http any any -> any any (flow:established,to_server; http.uri; content:"/evil"; sid:1;)';
const request = (target: string): Turn => ({
  direction: TO_SERVER,
  bytes: fromLatin1(`GET ${target} HTTP/1.1\r\nHost: shop.example\r\n\r\n`),
});
const RESPONSE: Turn = { direction: TO_CLIENT, bytes: fromLatin1('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok') };

/** SYN, SYN-ACK, ACK, attack, ACK, FIN, FIN, ACK. */
const ATTACK = conversation([request('/evil')]);
/** Numbers of the second connection: none of the first one's windows reach so far. */
const LATER = { initialSequences: [900_000_000, 700_000_000] } as const;
const HONEST = conversation([request('/page'), RESPONSE], LATER);

interface Fields {
  readonly flags: string;
  readonly sequence: number;
  readonly acknowledgement?: number;
  readonly payload?: string;
}

const fromClient = ({ acknowledgement = 0, ...fields }: Fields): Uint8Array =>
  buildTcp({
    source: '192.0.2.1',
    destination: '192.0.2.2',
    sourcePort: 40_000,
    destinationPort: 80,
    acknowledgement,
    ...fields,
  });
const fromServer = ({ acknowledgement = 0, ...fields }: Fields): Uint8Array =>
  buildTcp({
    source: '192.0.2.2',
    destination: '192.0.2.1',
    sourcePort: 80,
    destinationPort: 40_000,
    acknowledgement,
    ...fields,
  });

/** What a server answers that still holds the attacked connection, of which it has got nothing but the handshake. */
const CHALLENGE = fromServer({ flags: 'A', sequence: 5001, acknowledgement: 1001 });
const RESET = fromClient({ flags: 'R', sequence: 1001 });

/** A connection that was condemned by its request. */
function condemned(options: PlayOptions = {}): Player {
  const player = new Player({ rules: RULE, mode: 'prevent', ...options });
  expect(ATTACK.map((packet) => player.send(packet))).toEqual([true, true, true, ...Array(5).fill(false)]);
  return player;
}

const arrived = (player: Player, packets: readonly Uint8Array[]): boolean[] =>
  packets.map((packet) => player.send(packet));
const all = (packets: readonly Uint8Array[]): boolean[] => packets.map(() => true);

describe('a new connection between the ports of a condemned one', () => {
  test('is followed from its SYN on, and an attack on it is blocked again', () => {
    const player = condemned();
    expect(arrived(player, HONEST)).toEqual(all(HONEST));
    const second = condemned();
    const again = conversation([request('/page'), RESPONSE, request('/evil')], LATER);
    expect(arrived(second, again).slice(0, 8)).toEqual([...Array(7).fill(true), false]);
    expect(second.played.blockedAlerts).toEqual([1, 1]);
  });

  test('comes about where the server still holds the old one: its challenge and the answer pass', () => {
    const player = condemned();
    const [syn, ...others] = HONEST;
    expect(arrived(player, [syn!, CHALLENGE, RESET, syn!, ...others])).toEqual(
      all([...HONEST, CHALLENGE, RESET, syn!]),
    );
  });

  test('comes about behind a rule that rejects, and behind a failed check', () => {
    const rejected = condemned({ rules: RULE.replace('drop', 'reject') });
    expect(arrived(rejected, HONEST)).toEqual(all(HONEST));
    const broken = new Player();
    const smuggling = fromLatin1('GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n');
    const attack = conversation([{ direction: TO_SERVER, bytes: smuggling }]);
    expect(arrived(broken, attack).slice(3)).toEqual(Array(5).fill(false));
    expect(arrived(broken, HONEST)).toEqual(all(HONEST));
  });

  test('gives nothing of the old one a way, whether the server has answered or not', () => {
    const player = condemned();
    const old = ATTACK.slice(3);
    expect(player.send(HONEST[0]!)).toBe(true);
    // The server's bare ACK is the challenge.
    expect(arrived(player, old)).toEqual([false, true, false, false, false]);
    player.played.pipeline.noteLapse(Number.MAX_SAFE_INTEGER);
    expect(player.send(CHALLENGE)).toBe(true);
    expect(arrived(player, old)).toEqual([false, true, false, false, false]);
    expect(player.send(HONEST[1]!)).toBe(true);
    expect(player.send(old[0]!)).toBe(false);
  });

  test('does not begin with the SYN of the old one, nor with one that has data', () => {
    const player = condemned();
    expect(player.send(ATTACK[0]!)).toBe(false);
    expect(player.send(fromClient({ flags: 'S', sequence: 900_000_000, payload: 'x' }))).toBe(false);
    expect(arrived(player, [CHALLENGE, RESET])).toEqual([false, false]);
  });

  test('is looked at like any other: what no rule lets begin does not', () => {
    const rules = 'drop tcp 192.0.2.1 any -> any any (sid:2;)';
    const player = new Player({ rules, mode: 'prevent' });
    const syns = [1000, 2000, 3000].map((sequence) => fromClient({ flags: 'S', sequence }));
    expect(arrived(player, [...syns, CHALLENGE, RESET])).toEqual(Array(5).fill(false));
    expect(player.played.blockedAlerts).toEqual([2, 2, 2]);
  });

  test('is remembered as condemned for as long as the old one was, until the server answers', () => {
    const player = condemned({ config: { timeouts: { tcpNewMs: 1_000, tcpClosingMs: 1_000 } } });
    const { pipeline } = player.played;
    player.send(HONEST[0]!);
    player.send(fromClient({ flags: 'R', sequence: 900_000_001 }));
    pipeline.expire(1_700_000_060_000);
    pipeline.noteLapse(Number.MAX_SAFE_INTEGER);
    expect(player.send(ATTACK[3]!)).toBe(false);
    expect(arrived(player, HONEST)).toEqual(all(HONEST));
  });

  test.each([
    ['made room for others', 300],
    ['was forgotten', 4_000_000],
  ])('comes about where the old one %s, of which nothing passes all the same', (_, stepMs) => {
    const player = condemned({ config: { flow: { maxTcpFlows: 1 } } });
    player.played.pipeline.noteLapse(Number.MAX_SAFE_INTEGER);
    const other = conversation([], { clientPort: 40_001 })[0]!;
    const sendLater = (packet: Uint8Array): boolean => {
      player.timeMs += stepMs;
      return player.send(packet);
    };
    expect(arrived(player, [ATTACK[3]!])).toEqual([false]);
    expect(sendLater(other)).toBe(true);
    expect(sendLater(ATTACK[3]!)).toBe(false);
    expect(sendLater(other)).toBe(true);
    expect(sendLater(CHALLENGE)).toBe(false);
    expect(sendLater(HONEST[0]!)).toBe(true);
    expect(arrived(player, [CHALLENGE, RESET, ATTACK[3]!])).toEqual([true, true, false]);
    expect(arrived(player, HONEST)).toEqual(all(HONEST));
  });

  test('whatever the client sends, nothing of it has data that arrives before the server answers', () => {
    const number = fc.constantFrom(1000, 1001, 1040, 900_000_000, 900_000_001, 900_000_002);
    const segment = fc.record({
      flags: fc.constantFrom('S', 'A', 'PA', 'FA', 'R', 'RA', 'SA', 'U', 'SF'),
      sequence: number,
      acknowledgement: fc.constantFrom(0, 5001, 700_000_001),
      payload: fc.constantFrom('', 'evil'),
    });
    const challenge = fc.constant(null);
    fc.assert(
      fc.property(fc.array(fc.oneof(segment, challenge), { maxLength: 12 }), fc.boolean(), (sent, lapses) => {
        const player = condemned();
        for (const fields of sent) {
          if (lapses) player.played.pipeline.noteLapse(Number.MAX_SAFE_INTEGER);
          const hasArrived = player.send(fields === null ? CHALLENGE : fromClient(fields));
          if (fields !== null && fields.payload !== '') expect(hasArrived).toBe(false);
        }
        expect(player.send(ATTACK[3]!)).toBe(false);
      }),
      { numRuns: fuzzRuns(40) },
    );
  });
});
