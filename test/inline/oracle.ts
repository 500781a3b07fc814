import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { type Direction, TO_SERVER } from '../../src/base/direction.ts';
import { VERDICT, type Verdict } from '../../src/capture/source.ts';
import { mergeConfig } from '../../src/config/overrides.ts';
import { Ruleset } from '../../src/detect/ruleset.ts';
import type { EventSink } from '../../src/output/event.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { CHECKSUM, Packet } from '../../src/wire/packet.ts';
import { type Testbed, until } from '../support/netns.ts';
import { programFile } from '../support/program-file.ts';
import { RAW_ADDRESSES, RawLink } from '../support/raw-link.ts';
import { buildSegment, type Segment } from '../support/segments.ts';

const SERVER = programFile(new URL('./programs/reading-server-process.ts', import.meta.url));

/** Stands for a byte; the tests send others. */
export const UNSEEN = '?';

/** What became of one list of segments. */
export interface Seen {
  /** What each connection of the server read: more than one where its port was used again. */
  readonly read: string[];
  /** What our reassembler handed on of each stream to the server, with UNSEEN for bytes that it did not see. */
  readonly delivered: string[];
  /** Names of what the checks found, for messages. */
  readonly events: string[];
}

/**
 * A client that says what no network stack would, to a server of the kernel, through a pipeline: what the pipeline
 * refuses is not sent. So what the server's socket reads can be compared with what was inspected.
 */
export class Oracle {
  readonly #testbed: Testbed;
  readonly #link: RawLink;
  readonly #server: ChildProcess;
  readonly #pipeline: RecordingPipeline;
  readonly #packet = new Packet();
  readonly #talks = new Map<number, Talk>();
  #nextPort = FIRST_PORT;
  #lastHeardMs = 0;

  private constructor(testbed: Testbed) {
    this.#testbed = testbed;
    this.#pipeline = new RecordingPipeline((port) => this.#talks.get(port)?.seen ?? null);
    this.#link = new RawLink(testbed, (packet) => this.#fromServer(packet));
    this.#server = testbed.start('server', process.execPath, [SERVER, String(SERVER_PORT)]);
  }

  static async start(testbed: Testbed): Promise<Oracle> {
    await testbed.ready();
    const oracle = new Oracle(testbed);
    let isListening = false;
    createInterface({ input: oracle.#server.stdout! }).on('line', (line) => {
      if (line === 'listening') isListening = true;
      else oracle.#onRead(line);
    });
    await oracle.#link.ready;
    await until('the server listens', () => isListening);
    return oracle;
  }

  /**
   * Plays the client's part of each list, which begins with a SYN, to a connection of its own, all at once; what the
   * server says is its own affair. Results are in the order of the lists.
   */
  async play(lists: readonly (readonly Segment[])[], version: 4 | 6 = 4): Promise<Seen[]> {
    const talks = lists.map((segments) =>
      this.#open(
        segments.filter(({ from }) => from === TO_SERVER),
        version,
      ),
    );
    for (const talk of talks) this.#send(talk, talk.segments[0]!);
    await until('the server answers', () => talks.every(({ hasAnswer }) => hasAnswer));
    for (let i = 1; talks.some(({ segments }) => i < segments.length); i++) {
      for (const talk of talks) if (i < talk.segments.length) this.#send(talk, talk.segments[i]!);
      await nextTurn();
    }
    do await pause(QUIET_MS);
    while (performance.now() - this.#lastHeardMs < QUIET_MS);
    this.#testbed.closeConnections();
    return talks.map(({ seen }) => seen);
  }

  close(): void {
    this.#link.close();
    this.#server.kill('SIGKILL');
  }

  #open(segments: readonly Segment[], version: 4 | 6): Talk {
    const port = this.#nextPort++;
    const talk: Talk = {
      segments,
      endpoints: {
        addresses: [RAW_ADDRESSES[version], this.#testbed.addresses.server[version]],
        ports: [port, SERVER_PORT],
        // Some wrap within the data.
        initial: [port % 3 === 0 ? 2 ** 32 - 50 : port * 100_003, 0],
      },
      hasAnswer: false,
      seen: { read: [], delivered: [], events: [] },
    };
    this.#talks.set(port, talk);
    return talk;
  }

  #send({ endpoints }: Talk, segment: Segment): void {
    const bytes = buildSegment(segment, endpoints);
    if (this.#accepts(bytes, CHECKSUM.unverified)) this.#link.send(bytes);
  }

  #fromServer(bytes: Uint8Array): void {
    this.#lastHeardMs = performance.now();
    // The kernel leaves the checksum to a device, which this cable has not.
    if (!this.#accepts(bytes, CHECKSUM.trusted)) return;
    const talk = this.#talks.get(this.#packet.destinationPort);
    if (talk === undefined || (this.#packet.tcpFlags & SYN) === 0 || talk.hasAnswer) return;
    talk.hasAnswer = true;
    talk.endpoints.initial[1] = this.#packet.sequence;
  }

  #accepts(bytes: Uint8Array, checksum: Packet['checksum']): boolean {
    const packet = this.#packet;
    packet.setBytes(bytes);
    packet.checksum = checksum;
    packet.number++;
    packet.timeMs = Date.now();
    return this.#pipeline.process(packet) === VERDICT.accept;
  }

  #onRead(line: string): void {
    this.#lastHeardMs = performance.now();
    const [port, connection, data = ''] = line.split(' ');
    const read = this.#talks.get(Number(port))?.seen.read;
    if (read !== undefined)
      read[Number(connection)] = (read[Number(connection)] ?? '') + Buffer.from(data, 'hex').toString('latin1');
  }
}

interface Talk {
  readonly segments: readonly Segment[];
  readonly endpoints: {
    readonly addresses: readonly [string, string];
    readonly ports: readonly [number, number];
    readonly initial: [number, number];
  };
  hasAnswer: boolean;
  readonly seen: Seen;
}

/** In prevent mode without rules, only what TCP tracking and the checks refuse does not arrive. */
class RecordingPipeline extends Pipeline {
  readonly #seenOf: (clientPort: number) => Seen | null;
  #packetInHand: Packet | null = null;

  constructor(seenOf: (clientPort: number) => Seen | null) {
    const tell = (packet: Packet, event: string): void => void seenOf(clientPort(packet))?.events.push(event);
    const sink: EventSink = {
      alert() {},
      anomaly: (packet, _flow, { event }) => tell(packet, event),
      drop: (packet, _flow, { reason, check }) => tell(packet, `dropped: ${check ?? reason}`),
      stats() {},
    };
    const config = mergeConfig();
    const ruleset = Ruleset.of([], []);
    super({ config, ruleset, sink, mode: 'prevent', seed: [1, 2], midstreamUntilMs: Number.NEGATIVE_INFINITY });
    this.#seenOf = seenOf;
    const { content } = this;
    const onData = content.onData.bind(content);
    content.onData = (flow, direction, bytes, start, end, offset) => {
      this.#record(direction, offset, Buffer.from(bytes.subarray(start, end)).toString('latin1'));
      onData(flow, direction, bytes, start, end, offset);
    };
    const onGap = content.onGap.bind(content);
    content.onGap = (flow, direction, missingBytes) => {
      this.#record(direction, null, UNSEEN.repeat(Math.min(missingBytes, MAX_UNSEEN)));
      onGap(flow, direction, missingBytes);
    };
  }

  override process(packet: Packet): Verdict {
    this.#packetInHand = packet;
    return super.process(packet);
  }

  /** `offset` 0: a new stream begins. */
  #record(direction: Direction, offset: number | null, text: string): void {
    const delivered = this.#seenOf(clientPort(this.#packetInHand!))?.delivered;
    if (delivered === undefined || direction !== TO_SERVER) return;
    if (offset === 0 || delivered.length === 0) delivered.push('');
    delivered[delivered.length - 1] += text;
  }
}

const clientPort = ({ sourcePort, destinationPort }: Packet): number =>
  sourcePort === SERVER_PORT ? destinationPort : sourcePort;

const SERVER_PORT = 7777;
const FIRST_PORT = 20_000;
const SYN = 0x02;
/** After so long without a word, nothing more is on its way. Longer than Linux delays an acknowledgement. */
const QUIET_MS = 100;
/** A receiver can claim megabytes; the socket's bytes end before. */
const MAX_UNSEEN = 10_000;
