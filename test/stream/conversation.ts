import { fromLatin1, latin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import type { FlowTableOptions } from '../../src/flow/options.ts';
import { FlowTable } from '../../src/flow/table.ts';
import type { StreamConsumer } from '../../src/stream/consumer.ts';
import type { TcpTrackerOptions } from '../../src/stream/options.ts';
import type { StreamOutcome } from '../../src/stream/outcome.ts';
import { TcpTracker } from '../../src/stream/tracker.ts';
import { IP_PROTOCOL, Packet } from '../../src/wire/packet.ts';

export interface Segment {
  /** Sequence and acknowledgement relative to the sender's and the other side's initial numbers. */
  seq?: number;
  ack?: number;
  flags?: string;
  data?: string | Uint8Array;
  window?: number;
  urgentPointer?: number;
  options?: readonly number[];
  isSigned?: boolean;
  timeMs?: number;
  /** 0: by none, or nobody knows. */
  inInterface?: number;
  /** Not 0: sent by this host. */
  outInterface?: number;
}

export const WINDOW_SCALE_7 = [3, 3, 7, 1];
export const FAST_OPEN_COOKIE = [34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1];
export const timestamps = (value: number, echo = 0): number[] => [1, 1, 8, 10, ...be32(value), ...be32(echo)];

const be32 = (value: number): number[] => [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];

const FLAGS: Record<string, number> = { F: 1, S: 2, R: 4, P: 8, A: 16, U: 32 };

export interface Side {
  address: number;
  port: number;
  isn: number;
}

/** Points `packet` at a TCP segment, as decoding would. */
export function setSegment(packet: Packet, from: Side, to: Side, segment: Segment): Packet {
  const data = typeof segment.data === 'string' ? fromLatin1(segment.data) : (segment.data ?? new Uint8Array(0));
  const options = segment.options ?? [];
  const header = 40 + options.length;
  packet.bytes = new Uint8Array(header + data.length);
  packet.bytes[38] = (segment.urgentPointer ?? 0) >> 8;
  packet.bytes[39] = segment.urgentPointer ?? 0;
  packet.bytes.set(options, 40);
  packet.bytes.set(data, header);
  packet.start = 0;
  packet.end = packet.bytes.length;
  packet.wireBytes = packet.end;
  packet.ipVersion = 4;
  packet.ipEnd = packet.end;
  packet.protocol = IP_PROTOCOL.tcp;
  packet.source[3] = from.address;
  packet.destination[3] = to.address;
  packet.sourcePort = from.port;
  packet.destinationPort = to.port;
  packet.transportStart = 20;
  packet.payloadStart = header;
  packet.payloadEnd = packet.end;
  packet.sequence = (from.isn + (segment.seq ?? 0)) >>> 0;
  packet.tcpFlags = 0;
  for (const initial of segment.flags ?? 'A') packet.tcpFlags |= FLAGS[initial]!;
  packet.acknowledgement = (packet.tcpFlags & 16) === 0 ? 0 : (to.isn + (segment.ack ?? 0)) >>> 0;
  packet.window = segment.window ?? 65_535;
  packet.isTcpSigned = segment.isSigned ?? false;
  packet.timeMs = segment.timeMs ?? 1000;
  packet.inInterface = segment.inInterface ?? 0;
  packet.outInterface = segment.outInterface ?? 0;
  packet.events.length = 0;
  return packet;
}

/** A client and a server whose segments go through flow table and tracker; keeps what the consumer was given. */
export class Conversation implements StreamConsumer {
  readonly client: Side;
  readonly server: Side = { address: 0x0a000002, port: 80, isn: 7000 };
  readonly flows: FlowTable;
  readonly tracker: TcpTracker;
  readonly packet = new Packet();
  /** In order: `>text` to the server, `<text` to the client, `>[n]` a gap, `>|` a restart, `>.` the end. */
  log: string[] = [];
  received: [string, string] = ['', ''];
  ended: [number, number] = [0, 0];
  endReasons: string[] = [];
  slot = -1;
  /** Of each flow, by direction: bytes so far, or -1 after the end. */
  readonly #offsets = new Map<number, [number, number]>();

  constructor(
    options: Partial<TcpTrackerOptions> = {},
    { isn = 1000, flows = {} }: { isn?: number; flows?: Partial<FlowTableOptions> } = {},
  ) {
    this.client = { address: 0x0a000001, port: 40_000, isn };
    this.flows = new FlowTable(
      [1, 2],
      (slot, reason) => {
        this.endReasons.push(reason);
        this.tracker.end(slot);
        // Whatever takes this place has streams that begin at zero.
        this.#offsets.delete(slot);
        if (reason === 'reused') this.received = ['', ''];
      },
      { maxTcpFlows: 100, maxUdpFlows: 10, maxOtherFlows: 10, ...flows },
    );
    this.tracker = new TcpTracker(this.flows, this, { mayMissPackets: false, ...options });
  }

  fromClient(segment: Segment): StreamOutcome {
    return this.#send(this.client, this.server, segment);
  }

  fromServer(segment: Segment): StreamOutcome {
    return this.#send(this.server, this.client, segment);
  }

  handshake(options: readonly number[] = []): this {
    this.fromClient({ flags: 'S', options });
    this.fromServer({ flags: 'SA', ack: 1, options });
    this.fromClient({ flags: 'A', seq: 1, ack: 1 });
    return this;
  }

  get events(): readonly string[] {
    return this.packet.events;
  }

  get isEstablished(): boolean {
    return this.tracker.isEstablished(this.slot);
  }

  /** The log since it was last asked for. */
  takeLog(): string {
    const text = this.log.join(' ');
    this.log = [];
    return text;
  }

  onData(flow: number, direction: Direction, bytes: Uint8Array, start: number, end: number, offset: number): void {
    this.#advance(flow, direction, offset, end - start);
    const text = latin1(bytes, start, end);
    this.received[direction] += text;
    this.log.push(arrow(direction) + text);
  }

  onGap(flow: number, direction: Direction, missingBytes: number, offset: number): void {
    this.#advance(flow, direction, offset, missingBytes);
    this.received[direction] += '?'.repeat(Math.min(missingBytes, 10_000));
    this.log.push(`${arrow(direction)}[${missingBytes}]`);
  }

  onRestart(flow: number, direction: Direction): void {
    this.#offsetsOf(flow)[direction] = 0;
    this.received[direction] = '';
    this.log.push(`${arrow(direction)}|`);
  }

  onEnd(flow: number, direction: Direction): void {
    const offsets = this.#offsetsOf(flow);
    if (offsets[direction] < 0) throw new Error('two ends');
    offsets[direction] = -1;
    this.ended[direction]++;
    this.log.push(`${arrow(direction)}.`);
  }

  /** Each byte once, in order, none after the end, and nothing empty. */
  #advance(flow: number, direction: Direction, offset: number, bytes: number): void {
    const offsets = this.#offsetsOf(flow);
    if (offset !== offsets[direction]) throw new Error(`offset ${offset} instead of ${offsets[direction]}`);
    if (bytes <= 0) throw new Error(`${bytes} bytes`);
    offsets[direction] += bytes;
  }

  #offsetsOf(flow: number): [number, number] {
    const offsets = this.#offsets.get(flow) ?? [0, 0];
    this.#offsets.set(flow, offsets);
    return offsets;
  }

  #send(from: Side, to: Side, segment: Segment): StreamOutcome {
    setSegment(this.packet, from, to, segment);
    this.flows.lookup(this.packet);
    this.slot = this.packet.flow;
    return this.tracker.packet(this.packet);
  }
}

const arrow = (direction: Direction): string => (direction === TO_SERVER ? '>' : '<');

export { TO_CLIENT, TO_SERVER };
