import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { type Direction, opposite, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
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
const CLIENT = programFile(new URL('./programs/reading-client-process.ts', import.meta.url));

/** Stands for a byte; the tests send others. */
export const UNSEEN = '?';

/** What became of one list of segments. */
export interface Seen {
  /** What each of the kernel's connections read: more than one where a port of its server was used again. */
  readonly read: string[];
  /** What our reassembler handed on of each stream to the kernel, with UNSEEN for bytes that it did not see. */
  readonly delivered: string[];
  /** Names of what the checks found, for messages. */
  readonly events: string[];
}

/**
 * A client that says what no network stack would, to a server of the kernel, or such a server to a client of the
 * kernel, through a pipeline: what the pipeline refuses is not sent. So what the kernel's socket reads can be compared
 * with what was inspected.
 */
export class Oracle {
  readonly #testbed: Testbed;
  readonly #link: RawLink;
  readonly #server: ChildProcess;
  readonly #client: ChildProcess;
  readonly #pipeline: RecordingPipeline;
  readonly #packet = new Packet();
  readonly #talks = new Map<number, Talk>();
  #nextPort = FIRST_PORT;
  #lastHeardMs = 0;

  private constructor(testbed: Testbed) {
    this.#testbed = testbed;
    this.#pipeline = new RecordingPipeline((port) => this.#talks.get(port)?.seen ?? null);
    this.#link = new RawLink(testbed, (packet) => this.#fromKernel(packet));
    this.#server = testbed.start('server', process.execPath, [SERVER, String(SERVER_PORT)]);
    this.#client = testbed.start('server', process.execPath, [CLIENT], { stdio: ['pipe', 'pipe', 'inherit'] });
  }

  static async start(testbed: Testbed): Promise<Oracle> {
    await testbed.ready();
    const oracle = new Oracle(testbed);
    let listening = 0;
    for (const { stdout } of [oracle.#server, oracle.#client]) {
      createInterface({ input: stdout! }).on('line', (line) => {
        if (line === 'listening') listening++;
        else oracle.#onRead(line);
      });
    }
    await oracle.#link.ready;
    await until('server and client listen', () => listening === 2);
    return oracle;
  }

  /**
   * Plays the client's part of each list, which begins with a SYN, to a connection of its own, all at once; what the
   * server says is its own affair. Results are in the order of the lists.
   */
  async play(lists: readonly (readonly Segment[])[], version: 4 | 6 = 4): Promise<Seen[]> {
    const talks = lists.map((segments) => this.#open(segments, TO_SERVER, version));
    const sendFirst = (): void => {
      for (const talk of talks) if (!talk.hasAnswer) this.#send(talk, talk.segments[0]!);
    };
    sendFirst();
    // The kernel does not always answer a SYN with data the first time.
    const again = setInterval(sendFirst, SYN_AGAIN_MS);
    await until('the server answers', () => talks.every(({ hasAnswer }) => hasAnswer)).finally(() =>
      clearInterval(again),
    );
    return this.#finish(talks, 1);
  }

  /** The same with the server's part of each list, to a client of the kernel that has sent its SYN. */
  async playToClient(lists: readonly (readonly Segment[])[], version: 4 | 6 = 4): Promise<Seen[]> {
    const talks = lists.map((segments) => this.#open(segments, TO_CLIENT, version));
    for (const { endpoints } of talks) {
      this.#client.stdin!.write(`${endpoints.addresses[TO_CLIENT]} ${endpoints.ports[TO_CLIENT]}\n`);
    }
    await until('the client connects', () => talks.every(({ hasAnswer }) => hasAnswer));
    return this.#finish(talks, 0);
  }

  /** From this segment on. */
  async #finish(talks: readonly Talk[], first: number): Promise<Seen[]> {
    for (let i = first; talks.some(({ segments }) => i < segments.length); i++) {
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
    this.#client.kill('SIGKILL');
  }

  /** `own`: the side that is not the kernel's, whose segments are sent. */
  #open(segments: readonly Segment[], own: Direction, version: 4 | 6): Talk {
    const port = this.#nextPort++;
    if (port >= FIRST_KERNEL_PORT) throw new RangeError('no port is left');
    const inOrder = <T>(ours: T, theirs: T): [T, T] => (own === TO_SERVER ? [ours, theirs] : [theirs, ours]);
    const talk: Talk = {
      own,
      segments: segments.filter(({ from }) => from === own),
      endpoints: {
        addresses: inOrder<string>(RAW_ADDRESSES[version], this.#testbed.addresses.server[version]),
        ports: inOrder(port, SERVER_PORT),
        // Some wrap within the data.
        initial: inOrder(port % 3 === 0 ? 2 ** 32 - 50 : port * 100_003, 0),
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

  #fromKernel(bytes: Uint8Array): void {
    this.#lastHeardMs = performance.now();
    // The kernel leaves the checksum to a device, which this cable has not.
    if (!this.#accepts(bytes, CHECKSUM.trusted)) return;
    const talk = this.#talks.get(this.#packet.destinationPort);
    if (talk === undefined || (this.#packet.tcpFlags & SYN) === 0 || talk.hasAnswer) return;
    talk.hasAnswer = true;
    talk.endpoints.ports[opposite(talk.own)] = this.#packet.sourcePort;
    talk.endpoints.initial[opposite(talk.own)] = this.#packet.sequence;
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
  readonly own: Direction;
  readonly segments: readonly Segment[];
  readonly endpoints: {
    readonly addresses: readonly [string, string];
    readonly ports: [number, number];
    readonly initial: [number, number];
  };
  hasAnswer: boolean;
  readonly seen: Seen;
}

/** In prevent mode without rules, only what TCP tracking and the checks refuse does not arrive. */
class RecordingPipeline extends Pipeline {
  readonly #seenOf: (ownPort: number) => Seen | null;
  #packetInHand: Packet | null = null;

  constructor(seenOf: (ownPort: number) => Seen | null) {
    const tell = (packet: Packet, event: string): void => void seenOf(ownPort(packet))?.events.push(event);
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
    const packet = this.#packetInHand!;
    const delivered = this.#seenOf(ownPort(packet))?.delivered;
    // Whom we take for the client may change.
    if (delivered === undefined || (direction === packet.direction) !== isOwn(packet.sourcePort)) return;
    if (offset === 0 || delivered.length === 0) delivered.push('');
    delivered[delivered.length - 1] += text;
  }
}

/** Of the side that is not the kernel's. */
const ownPort = ({ sourcePort, destinationPort }: Packet): number => (isOwn(sourcePort) ? sourcePort : destinationPort);
const isOwn = (port: number): boolean => port >= FIRST_PORT && port < FIRST_KERNEL_PORT;

const SERVER_PORT = 7777;
const FIRST_PORT = 10_000;
/** Its clients have ports from there on (net.ipv4.ip_local_port_range). */
const FIRST_KERNEL_PORT = 32_768;
const SYN = 0x02;
/** After so long without a word, nothing more is on its way. Longer than Linux delays an acknowledgement. */
const QUIET_MS = 100;
const SYN_AGAIN_MS = 300;
/** A receiver can claim megabytes; the socket's bytes end before. */
const MAX_UNSEEN = 10_000;
