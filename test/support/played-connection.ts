import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { buildTcp } from './packets.ts';
import { Player, type PlayOptions } from './play.ts';

export interface SegmentOptions {
  readonly flags?: string;
  /** Of the packet. */
  readonly mark?: number;
  /** So many bytes of the payload are sent again. */
  readonly resentBytes?: number;
}

/** One connection to port 443 through a pipeline that prevents. Sides stay in step by themselves. */
export class PlayedConnection {
  readonly player: Player;
  readonly #next: [number, number] = [1_000, 9_000];

  constructor(options: PlayOptions) {
    this.player = new Player({ mode: 'prevent', ...options });
  }

  open(): this {
    this.send(TO_SERVER, '', { flags: 'S' });
    this.send(TO_CLIENT, '', { flags: 'SA' });
    this.send(TO_SERVER, '', { flags: 'A' });
    return this;
  }

  /** Whether the packet passes. */
  send(direction: Direction, payload: string | Uint8Array, options: SegmentOptions = {}): boolean {
    const { flags = 'PA', mark = 0, resentBytes = 0 } = options;
    const ends = ['192.0.2.1', '192.0.2.2'] as const;
    const ports = [40_000, 443] as const;
    const sequence = this.#next[direction] - resentBytes;
    this.#next[direction] += payload.length - resentBytes + (/[SF]/.test(flags) ? 1 : 0);
    const packet = buildTcp({
      source: ends[direction],
      destination: ends[1 - direction]!,
      sourcePort: ports[direction],
      destinationPort: ports[1 - direction]!,
      sequence,
      acknowledgement: flags === 'S' ? 0 : this.#next[1 - direction]!,
      flags,
      payload,
    });
    return this.player.send(packet, 0, mark);
  }

  /** So many bytes pass by the kernel. */
  skip(direction: Direction, bytes: number): this {
    this.#next[direction] = (this.#next[direction] + bytes) >>> 0;
    return this;
  }
}
