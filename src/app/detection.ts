import { copyBytes } from '../base/bytes.ts';
import { type Direction, opposite, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import { type FirstBytes, MAX_FIRST_BYTES } from './first-bytes.ts';
import type { AppProtocol, Channel } from './protocol.ts';

/**
 * First bytes of a direction that are looked at while no protocol has said yes or no. A request line that is longer is
 * recognised by its method.
 */
export const MAX_PROBE_BYTES = 8192;

/**
 * The search for one stream's protocol, by the first bytes of both directions. Keeps them until it is found, and those
 * of the client until the server has shown it too.
 */
export class Detection {
  /** Which direction's bytes came first. */
  firstDirection: Direction | null = null;
  /** More bytes of the direction say nothing new. */
  readonly isSettled: [boolean, boolean] = [false, false];
  /** A direction was given up before every protocol had an answer: behind a gap, or at the limit. */
  wasSkipped = false;
  readonly kept: [Uint8Array | null, Uint8Array | null] = [null, null];
  readonly keptBytes: [number, number] = [0, 0];
  /** Bytes behind the kept ones. */
  readonly lostBytes: [number, number] = [0, 0];
  /** Of a client whose protocol is open, more came than is kept. */
  isOverfull = false;
  /** Each answer about the direction's bytes was `no` or `perhaps`. */
  readonly isUnlikely: [boolean, boolean] = [false, false];
  /** Of the bytes of the last `probe`, how many are kept now. */
  newlyKeptBytes = 0;
  readonly #isOfFlow: boolean;
  readonly #memory: FirstBytes;
  #isReleased = false;
  /** What the probes of the last `probe` wanted. */
  #wantsMore = false;
  #mightWantMore = false;

  /** `isOfFlow`: of its very first bytes, not of those behind a change of protocol. */
  constructor(isOfFlow: boolean, memory: FirstBytes) {
    this.#isOfFlow = isOfFlow;
    this.#memory = memory;
  }

  /** Memory that the first bytes take. */
  get heldBytes(): number {
    return (this.kept[TO_SERVER]?.length ?? 0) + (this.kept[TO_CLIENT]?.length ?? 0);
  }

  get isHopeless(): boolean {
    return this.isSettled[TO_SERVER] && this.isSettled[TO_CLIENT];
  }

  /**
   * The protocol that these bytes, with those before them, show; null: none, or not yet (see `isSettled`). `first` is
   * asked before the others.
   */
  probe(
    direction: Direction,
    bytes: Uint8Array,
    start: number,
    end: number,
    protocols: readonly AppProtocol[],
    channel: Channel,
    first: AppProtocol | null = null,
  ): AppProtocol | null {
    this.firstDirection ??= direction;
    // The usual case is decided by the first bytes, which then need not be kept.
    const isFirst = this.keptBytes[direction] === 0;
    this.newlyKeptBytes = isFirst ? 0 : this.#keep(direction, bytes, start, end);
    const probed = isFirst ? bytes : this.kept[direction]!;
    const from = isFirst ? start : 0;
    const to = isFirst ? end : Math.min(this.keptBytes[direction], MAX_PROBE_BYTES);
    this.#wantsMore = false;
    let isUnlikely = false;
    if (!this.isSettled[direction]) {
      const found = this.#ask(direction, probed, from, to, protocols, channel, first);
      if (found !== null) {
        this.isSettled[direction] = true;
        this.isUnlikely[direction] = false;
        return found;
      }
      isUnlikely = this.#mightWantMore;
    }
    if (isFirst) this.newlyKeptBytes = this.#keep(direction, bytes, start, end);
    this.lostBytes[direction] += end - start - this.newlyKeptBytes;
    const isFull = this.keptBytes[direction] >= MAX_PROBE_BYTES;
    if (this.#wantsMore && isFull) this.wasSkipped = true;
    this.isUnlikely[direction] = isUnlikely && !this.#wantsMore;
    const isOpen = this.#wantsMore || (isUnlikely && !this.isSettled[opposite(direction)]);
    if (!isOpen || isFull) this.settle(direction);
    return null;
  }

  #ask(
    direction: Direction,
    bytes: Uint8Array,
    start: number,
    end: number,
    protocols: readonly AppProtocol[],
    channel: Channel,
    first: AppProtocol | null,
  ): AppProtocol | null {
    this.#mightWantMore = false;
    if (this.#isOfFlow && first === null && direction === TO_SERVER) {
      for (const protocol of protocols) {
        const claim = protocol.claims?.(channel.serverPort, bytes, start, end) ?? 'no';
        if (claim === 'yes') return protocol;
        if (claim === 'no') continue;
        this.#wantsMore = true;
        return null;
      }
    }
    for (let i = first === null ? 0 : -1; i < protocols.length; i++) {
      const protocol = i < 0 ? first! : protocols[i]!;
      const answer = protocol.probe(direction, bytes, start, end, channel);
      if (answer === 'yes') return protocol;
      if (answer === 'more') this.#wantsMore = true;
      else if (answer === 'perhaps') this.#mightWantMore = true;
    }
    return null;
  }

  /** Without its beginning a direction does not tell; the other one still may. */
  gap(direction: Direction, missingBytes: number): void {
    this.firstDirection ??= direction;
    this.lostBytes[direction] += missingBytes;
    if (!this.isSettled[direction]) this.wasSkipped = true;
    this.settle(direction);
  }

  /** More of it says nothing new. Then the other one is not waited for, where that is hardly any protocol of ours. */
  settle(direction: Direction): void {
    this.isSettled[direction] = true;
    const other = opposite(direction);
    if (this.isUnlikely[other]) this.isSettled[other] = true;
  }

  /** The protocol is open: more of the client's bytes, should the server speak another one. */
  keepOn(bytes: Uint8Array, start: number, end: number): void {
    const { awaitsServers } = this.#memory;
    const wasWhole = this.lostBytes[TO_SERVER] === 0;
    const lostBytes = end - start - (awaitsServers ? this.#keep(TO_SERVER, bytes, start, end) : 0);
    this.lostBytes[TO_SERVER] += lostBytes;
    if (wasWhole && lostBytes > 0) this.isOverfull = awaitsServers;
  }

  /**
   * Hands over what is kept of a direction, `keptBytes` of it, for as long as somebody reads it: meanwhile this may be
   * released, and its memory serve another one. `giveBack` must follow.
   */
  lend(direction: Direction): Uint8Array | null {
    const buffer = this.kept[direction];
    this.kept[direction] = null;
    return buffer;
  }

  giveBack(direction: Direction, buffer: Uint8Array | null): void {
    if (buffer === null) return;
    if (this.#isReleased) this.#memory.give(buffer);
    else this.kept[direction] = buffer;
  }

  /** Nothing more is asked of it. */
  release(): void {
    this.#isReleased = true;
    this.#giveBuffer(TO_SERVER);
    this.#giveBuffer(TO_CLIENT);
  }

  /** Keeps what fits, and nothing behind a gap. Returns how many bytes. */
  #keep(direction: Direction, bytes: Uint8Array, start: number, end: number): number {
    const known = this.keptBytes[direction];
    const isAwaited = direction === TO_SERVER && this.#memory.awaitsServers;
    const maxBytes = this.lostBytes[direction] > 0 ? known : isAwaited ? MAX_FIRST_BYTES : MAX_PROBE_BYTES;
    const wantedBytes = Math.min(known + end - start, maxBytes);
    if (wantedBytes === known) return 0;
    const buffer = this.#bufferFor(direction, wantedBytes);
    const count = Math.min(wantedBytes, buffer.length) - known;
    copyBytes(bytes, start, start + count, buffer, known);
    this.keptBytes[direction] = known + count;
    return count;
  }

  /** What the direction's bytes are kept in, with room for so many of them if there is. */
  #bufferFor(direction: Direction, wantedBytes: number): Uint8Array {
    const buffer = this.kept[direction];
    if (buffer !== null && buffer.length >= wantedBytes) return buffer;
    const grown = this.#memory.take(wantedBytes);
    if (buffer !== null) {
      if (grown.length <= buffer.length) {
        this.#memory.give(grown);
        return buffer;
      }
      copyBytes(buffer, 0, this.keptBytes[direction], grown, 0);
      this.#memory.give(buffer);
    }
    this.kept[direction] = grown;
    return grown;
  }

  #giveBuffer(direction: Direction): void {
    const buffer = this.lend(direction);
    if (buffer !== null) this.#memory.give(buffer);
  }
}
