import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Direction } from '../../src/base/direction.ts';
import { runAll } from '../../src/base/steps.ts';
import { VERDICT } from '../../src/capture/source.ts';
import type { Config } from '../../src/config/config.ts';
import { mergeConfig, type Overrides } from '../../src/config/overrides.ts';
import type { Ruleset } from '../../src/detect/ruleset.ts';
import type { AnomalyType, EventSink } from '../../src/output/event.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { compileRuleset, imageOf, loadImageInSteps } from '../../src/service/rule-set.ts';
import type { Mode } from '../../src/verdict/judge.ts';
import { CHECKSUM, LINK, type LinkType, Packet } from '../../src/wire/packet.ts';
import { buildTcp, buildUdp } from './packets.ts';

/** What came out of a pipeline, in a form that tests can compare. */
export interface Played {
  /** Signature ids in the order in which they alerted. */
  alerts: number[];
  blockedAlerts: number[];
  anomalies: { type: AnomalyType; event: string; isBlocked: boolean }[];
  /** Numbers of the packets that did not arrive; the first packet is 1. */
  dropped: number[];
  dropReasons: string[];
  /** Context that an alert would show: EVE's name of the protocol. */
  appProtocols: (string | null)[];
  pipeline: Pipeline;
}

export interface PlayOptions {
  rules?: string;
  /** Files beside the rules, which they name. */
  ruleFiles?: Readonly<Record<string, string>>;
  mode?: Mode;
  config?: Overrides;
  linkType?: LinkType;
  midstreamUntilMs?: number;
  /** Where packets go out that came in by no interface; 0: nobody knows. */
  outInterface?: number;
  /** Where each packet was received; left out: by no interface. */
  inInterfaces?: readonly number[];
  /** See PipelineOptions. */
  canBypass?: boolean;
  counterMemory?: ArrayBufferLike;
  /** Between two packets. */
  stepMs?: number;
  /** Packets have no checksums to judge: they were changed after they were built. */
  trustsChecksums?: boolean;
}

/** Sends packets through a pipeline of its own. Rules that do not load are a mistake of the test. */
export function playPackets(packets: readonly Uint8Array[], options: PlayOptions = {}): Played {
  const player = new Player(options);
  for (const [i, packet] of packets.entries()) player.send(packet, options.inInterfaces?.[i]);
  return player.finish();
}

/** A pipeline that takes packets one by one. */
export class Player {
  readonly played: Played;
  readonly #packet = new Packet();
  readonly #linkType: LinkType;
  readonly #stepMs: number;
  readonly #outInterface: number;
  /** Of the last packet. */
  timeMs = 1_700_000_000_000;

  constructor(options: PlayOptions = {}) {
    const config = configOf(options.config);
    this.#linkType = options.linkType ?? LINK.rawIp;
    this.#stepMs = options.stepMs ?? 1;
    this.#outInterface = options.outInterface ?? 0;
    if (options.trustsChecksums === true) this.#packet.checksum = CHECKSUM.trusted;
    const sink = new Collector();
    this.played = sink.played as Played;
    this.played.pipeline = new Pipeline({
      config,
      mode: options.mode ?? 'detect',
      ruleset: rulesetOf(options.rules ?? '', config, options.ruleFiles),
      sink,
      seed: [1, 2],
      midstreamUntilMs: options.midstreamUntilMs ?? Number.NEGATIVE_INFINITY,
      canBypass: options.canBypass ?? false,
      ...(options.counterMemory !== undefined && { counterMemory: options.counterMemory }),
    });
  }

  /** Did the packet arrive? `inInterface` is where it was received; 0: nobody knows, or this host sent it. */
  send(bytes: Uint8Array, inInterface = 0, mark = 0): boolean {
    const packet = this.#packet;
    packet.mark = mark;
    packet.inInterface = inInterface;
    packet.outInterface = inInterface === 0 ? this.#outInterface : 0;
    packet.setBytes(bytes, this.#linkType);
    packet.number += 1;
    this.timeMs += this.#stepMs;
    packet.timeMs = this.timeMs;
    return this.played.pipeline.process(packet) === VERDICT.accept;
  }

  finish(): Played {
    this.played.pipeline.finish();
    return this.played;
  }
}

export interface Turn {
  direction: Direction;
  bytes: Uint8Array;
}

export interface ConversationOptions {
  clientPort?: number;
  serverPort?: number;
  ipv6?: boolean;
  /** Where the client's and the server's sequence numbers begin. */
  initialSequences?: readonly [number, number];
  /** The largest piece of data in one packet. */
  segmentBytes?: number;
}

/** Of the client and of the server, in each version of IP. */
export const ENDS = { 4: ['192.0.2.1', '192.0.2.2'], 6: ['2001:db8::1', '2001:db8::2'] } as const;

/** The packets of one TCP connection: handshake, the turns with their acknowledgements, FIN from both sides. */
export function conversation(turns: readonly Turn[], options: ConversationOptions = {}): Uint8Array[] {
  const sequence: [number, number] = [...(options.initialSequences ?? [1000, 5000])];
  const addresses = ENDS[options.ipv6 ? 6 : 4];
  const ports = [options.clientPort ?? 40_000, options.serverPort ?? 80];
  const packet = (direction: Direction, flags: string, payload?: Uint8Array): Uint8Array => {
    const from = direction;
    const to = 1 - direction;
    const built = buildTcp({
      source: addresses[from]!,
      destination: addresses[to]!,
      sourcePort: ports[from]!,
      destinationPort: ports[to]!,
      sequence: sequence[from]!,
      acknowledgement: flags === 'S' ? 0 : sequence[to]!,
      flags,
      ...(payload !== undefined && { payload }),
    });
    const consumed = (payload?.length ?? 0) + (/[SF]/.test(flags) ? 1 : 0);
    sequence[from] = (sequence[from]! + consumed) >>> 0;
    return built;
  };
  const packets = [packet(0, 'S'), packet(1, 'SA'), packet(0, 'A')];
  for (const { direction, bytes } of turns) {
    const step = options.segmentBytes ?? 1460;
    for (let at = 0; at < bytes.length; at += step)
      packets.push(packet(direction, 'PA', bytes.subarray(at, at + step)));
    packets.push(packet((1 - direction) as Direction, 'A'));
  }
  packets.push(packet(0, 'FA'), packet(1, 'FA'), packet(0, 'A'));
  return packets;
}

/** One datagram for each turn. */
export function datagrams(
  turns: readonly Turn[],
  { clientPort = 40_000, serverPort = 53, ipv6 = false } = {},
): Uint8Array[] {
  const [client, server] = ENDS[ipv6 ? 6 : 4];
  return turns.map(({ direction, bytes }) =>
    buildUdp({
      source: direction === 0 ? client : server,
      destination: direction === 0 ? server : client,
      sourcePort: direction === 0 ? clientPort : serverPort,
      destinationPort: direction === 0 ? serverPort : clientPort,
      payload: bytes,
    }),
  );
}

/** Compiling takes longer than most tests, and many in turn use the same rules: the last ones are kept. */
let compiled: { readonly key: string; readonly ruleset: Ruleset } | null = null;

/** Faults are a mistake of the test. */
export function rulesetOf(text: string, config: Config, beside: PlayOptions['ruleFiles'] = {}): Ruleset {
  const key = JSON.stringify([text, config.rules, config.variables, beside]);
  if (compiled?.key === key) return compiled.ruleset;
  const texts = {
    files: [{ file: 'test.rules', text }],
    named: Object.fromEntries(Object.entries(beside).map(([name, content]) => [resolve(name), content])),
    classification: null,
    reference: null,
    threshold: null,
    reputation: null,
  };
  const all = compileRuleset(texts, config);
  const faults = all.diagnostics.filter(({ severity }) => severity === 'error');
  if (faults.length > 0) throw new Error(`rules of the test: ${JSON.stringify(faults, null, 1)}`);
  // As the service has them: each rule made again when it is first needed.
  const { ruleset } = runAll(loadImageInSteps(imageOf(all), texts, config));
  compiled = { key, ruleset };
  return ruleset;
}

export const readRules = (file: string): string => readFileSync(file, 'utf8');

export function configOf(overrides?: Overrides): Config {
  // Addresses of the tests are documentation addresses (RFC 5737, RFC 3849): the server's side is at home.
  const home: Overrides = { variables: { addresses: { HOME_NET: '[192.0.2.2,10.0.0.0/8,2001:db8::2]' } } };
  return overrides === undefined ? mergeConfig(home) : mergeConfig(home, overrides);
}

class Collector implements EventSink {
  readonly played: Omit<Played, 'pipeline'> = {
    alerts: [],
    blockedAlerts: [],
    anomalies: [],
    dropped: [],
    dropReasons: [],
    appProtocols: [],
  };

  alert: EventSink['alert'] = (_packet, flow, { rule, isBlocked }) => {
    this.played.alerts.push(rule.sid);
    if (isBlocked) this.played.blockedAlerts.push(rule.sid);
    this.played.appProtocols.push(flow?.protocol?.name ?? null);
  };

  anomaly: EventSink['anomaly'] = (_packet, _flow, { type, event, isBlocked }) => {
    this.played.anomalies.push({ type, event, isBlocked });
  };

  drop: EventSink['drop'] = (packet, _flow, { reason, check }) => {
    this.played.dropped.push(packet.number);
    this.played.dropReasons.push(check ?? reason);
  };

  stats(): void {}
}
