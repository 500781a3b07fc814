import type { AppProtocol, Transaction } from '../app/protocol.ts';
import { u8, u16, u32 } from '../base/bytes.ts';
import type { CounterTree } from '../base/counters.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import type { Rule } from '../rules/rule.ts';
import type { Mode } from '../verdict/judge.ts';
import { IP_PROTOCOL, NO_FLOW, type Packet } from '../wire/packet.ts';
import { addressText } from './address-text.ts';
import { transactionContext } from './context.ts';
import type { AlertFacts, AnomalyFacts, DropFacts, EventSink, FlowFacts, RecordFacts } from './event.ts';
import { EventFolder, type EveRecord, type FoldedType, type FoldingSettings } from './event-folder.ts';
import { type Evidence, evidenceOf } from './evidence.ts';
import type { LineOutput } from './line-output.ts';
import { timestamp } from './timestamp.ts';

export interface EveSettings {
  readonly mode: Mode;
  /** In a replay, lines name the packet's number in the capture file. */
  readonly hasPacketNumbers: boolean;
  /** The name of an interface by the kernel's index; null where it has none (any more). */
  readonly interfaceName?: (index: number) => string | null;
  /** Absent: every event is a line. */
  readonly folding?: FoldingSettings;
}

/**
 * EVE JSON lines with Suricata's names and meanings (etc/schema.json of Suricata 7). What is ours alone stands under
 * `vpatch`. Builds a line only when something happened; whoever reads it may be slow, that is the output's matter.
 */
export class EveWriter implements EventSink {
  /** Changes while the service runs. */
  mode: Mode;
  /** EVE's `pcap_filename`: which of several capture files the packets come from. */
  captureFile: string | null = null;
  readonly #output: LineOutput;
  readonly #settings: EveSettings;
  readonly #folder: EventFolder | null;

  constructor(output: LineOutput, settings: EveSettings) {
    this.#output = output;
    this.#settings = settings;
    this.mode = settings.mode;
    const { folding } = settings;
    this.#folder = folding === undefined ? null : new EventFolder((record) => this.#write(record), folding);
  }

  alert(packet: Packet, flow: FlowFacts | null, facts: AlertFacts): void {
    const { rule, isBlocked, heldBy, transaction } = facts;
    this.#tell('alert', `${rule.gid}:${rule.sid} ${isBlocked}`, packet, () => ({
      ...this.#head(packet, flow, 'alert'),
      ...(transaction !== null && { tx_id: transaction.id }),
      alert: {
        action: isBlocked ? 'blocked' : 'allowed',
        gid: rule.gid,
        signature_id: rule.sid,
        rev: rule.rev,
        signature: rule.message,
        category: rule.category,
        severity: rule.priority,
        ...(Object.keys(rule.metadata).length > 0 && { metadata: rule.metadata }),
        ...(rule.target !== undefined && targetOf(packet, rule.target)),
      },
      ...contextOf(facts.protocol, transaction),
      ...(flow !== null && { flow: flowSoFar(packet, flow) }),
      verdict: { action: facts.verdict, ...(facts.rejects && rejection(packet, rule)) },
      vpatch: {
        mode: this.mode,
        ...(heldBy !== null && { would_block: true, held_by: heldBy }),
        ...cvesOf(rule),
        ...matchedIn(packet, rule, transaction),
      },
    }));
  }

  anomaly(packet: Packet, flow: FlowFacts | null, facts: AnomalyFacts): void {
    const { type, event, isCheck, isBlocked, transaction, streamOffset, rule } = facts;
    const what = `${event} ${isBlocked}${rule === null ? '' : ` ${rule.gid}:${rule.sid}`}`;
    const appProtocol = type === 'applayer' ? (flow?.protocol?.name ?? null) : null;
    this.#tell('anomaly', what, packet, () => ({
      ...this.#head(packet, flow, 'anomaly'),
      ...(transaction !== null && { tx_id: transaction.id }),
      // Suricata's decoder events have this prefix in EVE, and none in rules.
      anomaly: {
        ...(appProtocol !== null && { app_proto: appProtocol }),
        type,
        event: type === 'decode' ? `decoder.${event}` : event,
        ...(type === 'applayer' && { layer: event.startsWith('applayer_') ? 'proto_detect' : 'proto_parser' }),
      },
      ...contextOf(flow?.protocol ?? null, transaction),
      vpatch: {
        mode: this.mode,
        ...(isCheck && { check: event, action: isBlocked ? 'drop' : 'report' }),
        ...(streamOffset >= 0 && { stream_offset: streamOffset }),
        ...(rule !== null && { gid: rule.gid, signature_id: rule.sid }),
      },
    }));
  }

  drop(packet: Packet, flow: FlowFacts | null, { reason, check, rule }: DropFacts): void {
    const what = `${reason} ${check ?? ''} ${rule === null ? '' : `${rule.gid}:${rule.sid}`}`;
    this.#tell('drop', what, packet, () => ({
      ...this.#head(packet, flow, 'drop'),
      drop: { ...headerFields(packet), reason },
      vpatch: {
        mode: this.mode,
        ...(check !== null && { check }),
        ...(rule !== null && { gid: rule.gid, signature_id: rule.sid }),
      },
    }));
  }

  /** Never folded: who switches records on, or tags packets, wants them all. */
  record(packet: Packet, flowId: number | null, { type, direction, transactionId, fields }: RecordFacts): void {
    this.#write({
      ...this.#origin(packet, flowId, type),
      ...endpoints(packet, direction),
      ...tunnelOf(packet),
      ...(transactionId !== null && { tx_id: transactionId }),
      ...fields,
      vpatch: { mode: this.mode },
    });
  }

  stats(timeMs: number, uptimeSeconds: number, counters: CounterTree): void {
    this.#write({
      timestamp: timestamp(timeMs),
      event_type: 'stats',
      stats: { uptime: Math.floor(uptimeSeconds), ...counters },
      vpatch: { mode: this.mode, lost_lines: this.#output.lostLines },
    });
  }

  elapse(nowMs: number): void {
    this.#folder?.elapse(nowMs);
  }

  close(): void {
    this.#folder?.close();
  }

  #tell(type: FoldedType, what: string, packet: Packet, build: () => EveRecord): void {
    if (this.#folder === null) this.#write(build());
    else this.#folder.tell(type, what, packet, build);
  }

  #head(packet: Packet, flow: FlowFacts | null, eventType: string): Record<string, unknown> {
    return {
      ...this.#origin(packet, flow?.flowId ?? null, eventType),
      ...endpoints(packet, packet.direction),
      ...tunnelOf(packet),
      ...(flow !== null && flow.protocol !== null && { app_proto: flow.protocol.name }),
      ...(packet.flow !== NO_FLOW && { direction: packet.direction === TO_SERVER ? 'to_server' : 'to_client' }),
    };
  }

  /** When and where it was seen. */
  #origin(packet: Packet, flowId: number | null, eventType: string): Record<string, unknown> {
    const { hasPacketNumbers, interfaceName } = this.#settings;
    const interfaceIndex = packet.inInterface || packet.outInterface;
    const interfaceText = interfaceIndex === 0 ? null : (interfaceName?.(interfaceIndex) ?? null);
    return {
      timestamp: timestamp(packet.timeMs),
      ...(flowId !== null && { flow_id: flowId }),
      ...(interfaceText !== null && { in_iface: interfaceText }),
      ...(hasPacketNumbers && packet.number > 0 && { pcap_cnt: packet.number }),
      ...(this.captureFile !== null && { pcap_filename: this.captureFile }),
      event_type: eventType,
      ...(packet.vlanId >= 0 && { vlan: [packet.vlanId] }),
    };
  }

  #write(event: EveRecord): void {
    this.#output.write(`${printable(JSON.stringify(event))}\n`);
  }
}

const tunnelOf = ({ carrier, tunnelDepth }: Packet): Record<string, unknown> =>
  carrier === null ? {} : { tunnel: { ...endpoints(carrier, carrier.direction), depth: tunnelDepth } };

/**
 * Of what travels in this direction; for events on a packet, its own: an alert on an answer has the server as source.
 */
function endpoints(packet: Packet, direction: Direction): Record<string, unknown> {
  if (packet.ipVersion === 0) return {};
  const { protocol } = packet;
  const hasPorts = protocol === IP_PROTOCOL.tcp || protocol === IP_PROTOCOL.udp || protocol === IP_PROTOCOL.sctp;
  const isIcmp = protocol === IP_PROTOCOL.icmp || protocol === IP_PROTOCOL.icmpv6;
  const isWhole = !packet.isFragment;
  // What stands for the end of a flow has no header.
  const hasHeader = packet.end > packet.start;
  const isForward = direction === packet.direction;
  return {
    src_ip: addressText(packet.ipVersion, isForward ? packet.source : packet.destination),
    ...(hasPorts && isWhole && { src_port: isForward ? packet.sourcePort : packet.destinationPort }),
    dest_ip: addressText(packet.ipVersion, isForward ? packet.destination : packet.source),
    ...(hasPorts && isWhole && { dest_port: isForward ? packet.destinationPort : packet.sourcePort }),
    proto: protocolName(packet),
    ...(isIcmp && isWhole && hasHeader && { icmp_type: packet.icmpType, icmp_code: packet.icmpCode }),
  };
}

function protocolName({ protocol, isFragment, ipVersion }: Packet): string {
  if (isFragment && ipVersion === 6) return 'IPv6-Frag';
  return PROTOCOL_NAMES.get(protocol) ?? String(protocol).padStart(3, '0');
}

/** As Suricata spells them; others are their number. */
const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map([
  [IP_PROTOCOL.icmp, 'ICMP'],
  [IP_PROTOCOL.tcp, 'TCP'],
  [IP_PROTOCOL.udp, 'UDP'],
  [IP_PROTOCOL.icmpv6, 'IPv6-ICMP'],
  [IP_PROTOCOL.sctp, 'SCTP'],
  [2, 'IGMP'],
  [IP_PROTOCOL.ipv4, 'IP-in-IP'],
  [IP_PROTOCOL.ipv6, 'IPv6'],
  [IP_PROTOCOL.gre, 'GRE'],
  [IP_PROTOCOL.esp, 'ESP'],
  [51, 'AH'],
]);

const contextOf = (protocol: AppProtocol | null, transaction: Transaction | null): Record<string, unknown> =>
  protocol === null || transaction === null ? {} : transactionContext(protocol, transaction);

/** EVE's `source` and `target` of an attack, as the rule's `target` says. */
function targetOf(packet: Packet, target: 'src_ip' | 'dest_ip'): Record<string, unknown> {
  const { src_ip, src_port, dest_ip, dest_port } = endpoints(packet, packet.direction);
  const sender = { ip: src_ip, port: src_port };
  const receiver = { ip: dest_ip, port: dest_port };
  return target === 'dest_ip' ? { source: sender, target: receiver } : { source: receiver, target: sender };
}

/** EVE's `flow` of an alert: how far it has got, seen from its client. */
function flowSoFar(packet: Packet, { startMs, packets, bytes }: FlowFacts): Record<string, unknown> {
  const { proto: _, ...addresses } = endpoints(packet, TO_SERVER);
  return {
    pkts_toserver: packets[TO_SERVER],
    pkts_toclient: packets[TO_CLIENT],
    bytes_toserver: bytes[TO_SERVER],
    bytes_toclient: bytes[TO_CLIENT],
    start: timestamp(startMs),
    ...addresses,
  };
}

// RFC 9293 §3.1: the control bits, and Suricata's names for them.
const TCP_FLAGS = [
  ['fin', 0x01],
  ['syn', 0x02],
  ['rst', 0x04],
  ['psh', 0x08],
  ['ack', 0x10],
  ['urg', 0x20],
] as const;

const ICMP_ECHO_BYTES = 8;
const UDP_HEADER_BYTES = 8;
const TCP_HEADER_BYTES = 20;

/** What the headers of a dropped packet say, as far as they were there. */
function headerFields(packet: Packet): Record<string, unknown> {
  const { bytes, ipStart, ipEnd, transportStart, protocol } = packet;
  if (packet.ipVersion === 0) return { len: packet.wireBytes };
  const fields: Record<string, unknown> = { len: ipEnd - ipStart, ttl: packet.ttl };
  if (packet.ipVersion === 4) {
    fields.tos = u8(bytes, ipStart + 1);
    fields.ipid = u16(bytes, ipStart + 4);
  } else {
    // RFC 8200 §3: version, traffic class, flow label.
    fields.tc = (u32(bytes, ipStart) >>> 20) & 0xff;
    fields.flowlbl = u32(bytes, ipStart) & 0xf_ffff;
  }
  const transportBytes = packet.isFragment ? 0 : ipEnd - transportStart;
  if (protocol === IP_PROTOCOL.tcp && transportBytes >= TCP_HEADER_BYTES) {
    fields.tcpseq = packet.sequence;
    fields.tcpack = packet.acknowledgement;
    fields.tcpwin = packet.window;
    for (const [name, bit] of TCP_FLAGS) fields[name] = (packet.tcpFlags & bit) !== 0;
  } else if (protocol === IP_PROTOCOL.udp && transportBytes >= UDP_HEADER_BYTES) {
    fields.udplen = u16(bytes, transportStart + 4);
  } else if (protocol === IP_PROTOCOL.icmp && transportBytes >= ICMP_ECHO_BYTES) {
    fields.icmp_id = u16(bytes, transportStart + 4);
    fields.icmp_seq = u16(bytes, transportStart + 6);
  }
  return fields;
}

function rejection(packet: Packet, { action }: Rule): Record<string, unknown> {
  const isToServer = packet.direction === TO_SERVER;
  // `rejectsrc` tells the sender of this packet, `rejectdst` its receiver.
  const tellsServer = action === 'rejectdst' ? isToServer : !isToServer;
  return {
    reject_target: action === 'rejectboth' ? 'both' : tellsServer ? 'to_server' : 'to_client',
    reject: [packet.protocol === IP_PROTOCOL.tcp ? 'tcp-reset' : 'icmp-prohib'],
  };
}

function matchedIn(
  packet: Packet,
  rule: Rule,
  transaction: Transaction | null,
): { readonly matched?: readonly Evidence[] } {
  const matched = evidenceOf(packet, rule, transaction);
  return matched.length === 0 ? {} : { matched };
}

/** From `reference:cve,2021-44228` and from `metadata: cve CVE_2021_44228`, each once. */
function cvesOf(rule: Rule): { readonly cve?: readonly string[] } {
  const named = rule.references.filter(({ type }) => type.toLowerCase() === 'cve').map(({ id }) => id);
  const texts = [...named, ...(rule.metadata.cve ?? [])];
  const cves = texts.flatMap((text) =>
    Array.from(text.matchAll(/(\d{4})[-_](\d{4,19})/g), ([, year, number]) => `CVE-${year}-${number}`),
  );
  return cves.length === 0 ? {} : { cve: [...new Set(cves)] };
}

/** Control characters that JSON allows as they are, but that a terminal obeys (C1) and line readers split at. */
const printable = (json: string): string =>
  json.replace(
    /[\x7f-\x9f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
