import { fromLatin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { buildTcp } from '../support/packets.ts';
import { conversation, Player, type PlayOptions, playPackets, type Turn } from '../support/play.ts';

export const up = (text: string): Turn => ({ direction: TO_SERVER, bytes: fromLatin1(text) });
export const down = (text: string): Turn => ({ direction: TO_CLIENT, bytes: fromLatin1(text) });

/** Signature ids that one connection with these turns sets off. */
export function alertsOf(rules: string, turns: readonly Turn[], options: PlayOptions = {}): number[] {
  return playPackets(conversation(turns), { rules, ...options }).alerts;
}

/** The same for many connections of one pipeline, one after the other. */
export function alertsOfEach(
  rules: string,
  connections: readonly (readonly Turn[])[],
  options: PlayOptions = {},
): number[][] {
  const player = new Player({ rules, ...options });
  return connections.map((turns, i) => {
    player.played.alerts = [];
    for (const packet of conversation(turns, { clientPort: 10_000 + i })) player.send(packet);
    return player.played.alerts;
  });
}

/** A text in two parts, cut at each place. */
export const everyCut = (text: string): [string, string][] =>
  Array.from({ length: text.length - 1 }, (_, i) => [text.slice(0, i + 1), text.slice(i + 1)]);

/** One piece of a stream. */
export interface Piece {
  readonly direction: Direction;
  /** Counted from the first byte of the direction. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The packets of a connection whose data comes in these pieces, in any order; nobody acknowledges any of it. */
export function pieces(list: readonly Piece[]): Uint8Array[] {
  const shaken = conversation([]).slice(0, 3);
  return [
    ...shaken,
    ...list.map(({ direction, offset, bytes }) =>
      buildTcp({
        source: direction === TO_SERVER ? '192.0.2.1' : '192.0.2.2',
        destination: direction === TO_SERVER ? '192.0.2.2' : '192.0.2.1',
        sourcePort: direction === TO_SERVER ? 40_000 : 80,
        destinationPort: direction === TO_SERVER ? 80 : 40_000,
        sequence: (direction === TO_SERVER ? 1001 : 5001) + offset,
        acknowledgement: direction === TO_SERVER ? 5001 : 1001,
        payload: bytes,
      }),
    ),
  ];
}
