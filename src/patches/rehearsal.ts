import { fromLatin1, latin1 } from '../base/bytes.ts';
import type { Config } from '../config/config.ts';
import { mergeConfig } from '../config/overrides.ts';
import type { Ruleset } from '../detect/ruleset.ts';
import type { AlertFacts, DropFacts, EventSink } from '../output/event.ts';
import { Pipeline } from '../pipeline.ts';
import type { Mode } from '../verdict/judge.ts';
import type { Packet as Frame } from '../wire/packet.ts';
import { CHECKSUM, Packet } from '../wire/packet.ts';
import { fragments, SERVER_ADDRESS, type Turn, tcpPackets, udpPackets } from './conversation.ts';
import type { Transcript } from './transcript.ts';

/** What came of playing a transcript in one way of sending it. */
export interface Play {
  readonly way: string;
  /** Signature ids that alerted in detect mode, ascending, each once. */
  readonly alerts: readonly number[];
  /** In prevent mode, a rule kept a packet from arriving. */
  readonly isBlocked: boolean;
  /** Both are what the page says. */
  readonly isRight: boolean;
}

/** Plays a transcript in all the ways in which its bytes can be sent. `config` is that of `rehearsalConfig`. */
export const rehearse = (transcript: Transcript, ruleset: Ruleset, config: Config): Play[] =>
  WAYS.flatMap(({ name, packetsOf }) => {
    const packets = packetsOf(transcript);
    if (packets === null) return [];
    const alerts = [...new Set(play(packets, 'detect', ruleset, config).alerts)].sort((a, b) => a - b);
    const { isBlocked } = play(packets, 'prevent', ruleset, config);
    const isRight = String(alerts) === String(transcript.alerts) && isBlocked === transcript.alerts.length > 0;
    return [{ way: name, alerts, isBlocked, isRight }];
  });

/**
 * The configuration to compile and play with. Checks report only: what is tried are the rules, and an attack may fail a
 * check before it meets one. A connection has a pipeline of its own, whose tables would take longer to make than it
 * lasts.
 */
export const rehearsalConfig = (): Config =>
  mergeConfig({
    checks: { policy: 'report' },
    flow: { maxTcpFlows: 8, maxUdpFlows: 8, maxOtherFlows: 8 },
    variables: { addresses: { HOME_NET: `[${SERVER_ADDRESS}]`, EXTERNAL_NET: 'any' } },
  });

interface Way {
  readonly name: string;
  /** Null: it makes no difference to this transcript. */
  readonly packetsOf: (transcript: Transcript) => Uint8Array[] | null;
}

/** The usual one of Ethernet. */
const SEGMENT_BYTES = 1460;
const SMALL_BYTES = 100;
/** A multiple of eight that a TCP header fits in. */
const FRAGMENT_BYTES = 48;

const WAYS: readonly Way[] = [
  { name: 'plain', packetsOf: (transcript) => partsOf(transcript, SEGMENT_BYTES).flat() },
  ...[SMALL_BYTES, 7, 1].map((bytes) => ({
    name: `in segments of ${bytes} byte${bytes === 1 ? '' : 's'}`,
    packetsOf: (transcript: Transcript) => (transcript.transport === 'udp' ? null : partsOf(transcript, bytes).flat()),
  })),
  {
    name: 'in segments in reverse order',
    packetsOf: (transcript) =>
      transcript.transport === 'udp' ? null : partsOf(transcript, SMALL_BYTES).flatMap(reversedData),
  },
  {
    name: 'in IP fragments',
    packetsOf: (transcript) =>
      partsOf(transcript, SEGMENT_BYTES)
        .flat()
        .flatMap((packet, index) => fragments(packet, index + 1, FRAGMENT_BYTES)),
  },
  {
    name: 'with the body in chunks',
    packetsOf: (transcript) => {
      const turns = inChunks(transcript.turns);
      return turns === null ? null : partsOf({ ...transcript, turns }, SEGMENT_BYTES).flat();
    },
  },
];

const partsOf = ({ transport, turns, port }: Transcript, segmentBytes: number): Uint8Array[][] =>
  transport === 'udp' ? udpPackets(turns, port) : tcpPackets(turns, port, segmentBytes);

/** The first and the last part are the handshake and its counterpart. */
const reversedData = (part: Uint8Array[], index: number, { length }: readonly Uint8Array[][]): Uint8Array[] =>
  index === 0 || index === length - 1 ? part : part.toReversed();

const CHUNK_BYTES = 5; // Words that rules look for are longer.

/**
 * The same with the bodies of HTTP/1.1 messages in chunks (RFC 9112 §7.1); null where there is none of a known length.
 */
export function inChunks(turns: readonly Turn[]): Turn[] | null {
  const chunked = turns.map(({ direction, bytes }) => ({ direction, bytes: chunkedMessage(bytes) ?? bytes }));
  return chunked.some(({ bytes }, at) => bytes !== turns[at]!.bytes) ? chunked : null;
}

function chunkedMessage(message: Uint8Array): Uint8Array | null {
  const text = latin1(message);
  const head = /^[^\r\n]+ HTTP\/1\.1\r\n(?:[^\r\n]+\r\n)*?Content-Length: (\d+)\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(text);
  const body = head === null ? '' : text.slice(head[0].length);
  if (head === null || body === '' || body.length !== Number(head[1])) return null;

  const chunks = body.match(new RegExp(`[^]{1,${CHUNK_BYTES}}`, 'g')) ?? [];
  const coded = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
  return fromLatin1(`${head[0].replace(/Content-Length: \d+/, 'Transfer-Encoding: chunked')}${coded}0\r\n\r\n`);
}

function play(packets: readonly Uint8Array[], mode: Mode, ruleset: Ruleset, config: Config): Outcome {
  const outcome = new Outcome();
  const midstreamUntilMs = Number.NEGATIVE_INFINITY;
  const pipeline = new Pipeline({ config, mode, ruleset, sink: outcome, seed: [1, 2], midstreamUntilMs });
  const packet = new Packet();
  packet.checksum = CHECKSUM.trusted;
  for (const bytes of packets) {
    packet.setBytes(bytes);
    packet.number += 1;
    packet.timeMs = packet.number;
    pipeline.process(packet);
  }
  pipeline.finish();
  return outcome;
}

class Outcome implements EventSink {
  readonly alerts: number[] = [];
  isBlocked = false;

  alert(_packet: Frame, _flow: unknown, { rule }: AlertFacts): void {
    this.alerts.push(rule.sid);
  }

  drop(_packet: Frame, _flow: unknown, { reason }: DropFacts): void {
    this.isBlocked ||= reason === 'rules';
  }

  anomaly(): void {}
  stats(): void {}
}
