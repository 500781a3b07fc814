import { APP_EVENTS } from '../../app/all-events.ts';
import { FLOW_EVENTS } from '../../flow/events.ts';
import { STREAM_EVENTS, UNRAISED_STREAM_EVENTS } from '../../stream/events.ts';
import { UNRAISED_EVENTS, WIRE_EVENTS } from '../../wire/events.ts';
import type { RuleDraft } from '../draft.ts';
import { defineKeyword, type Keyword } from '../keyword.ts';
import { SURICATA_EVENTS } from '../known-events.ts';
import { SURICATA_PROTOCOLS } from '../known-names.ts';
import { nearestName } from '../nearest-name.ts';
import { appsNamed } from '../protocol.ts';
import { type OptionValue, word } from '../values.ts';

/** Other spellings of Suricata's, and its names for what has one of ours. */
const SAME_EVENT: ReadonlyMap<string, string> = new Map([
  ['stream.est_synack_resend_with_diff_ack', 'stream.est_synack_resend_with_different_ack'],
  ['stream.3whs_synack_resend_with_diff_ack', 'stream.3whs_synack_resend_with_different_ack'],
  ['stream.reassembly_overlap_different_data', 'tcp.retransmit_differs'],
  ['stream.urgent_oob_limit_reached', 'stream.reassembly_urgent_oob_limit_reached'],
  ['http.request_too_many_headers', 'http.request_too_many_fields'],
  ['http.response_too_many_headers', 'http.response_too_many_fields'],
]);

const RAISED_ON_PACKETS: ReadonlySet<string> = new Set([
  ...Object.keys(WIRE_EVENTS),
  ...Object.keys(FLOW_EVENTS),
  ...Object.keys(STREAM_EVENTS),
]);

const decodeEvent = packetEventKeyword({
  name: 'decode-event',
  summary: 'Decoding found this in the packet; such rules meet malformed packets too',
  example: 'decode-event:ipv4.trunc_pkt;',
  fullName: (text) => text,
});

const streamEvent = packetEventKeyword({
  name: 'stream-event',
  summary: 'TCP tracking found this in the packet',
  example: 'stream-event:pkt_invalid_ack;',
  // Events that Suricata does not have stand in rules as they are everywhere.
  fullName: (text) => (RAISED_ON_PACKETS.has(text) ? text : `stream.${text}`),
});

const engineEvent = packetEventKeyword({
  name: 'engine-event',
  summary: 'Either of the two by its full name: decoder.NAME or stream.NAME',
  example: 'engine-event:decoder.ipv4.trunc_pkt;',
  fullName: (text) => text.replace(/^decoder\./, ''),
});

const appLayerEvent = defineKeyword({
  name: 'app-layer-event',
  summary: 'The parser of a protocol, or the detection of protocols, reported this; once in a transaction or flow',
  example: 'app-layer-event:http.missing_host_header;',
  parse: (value) => readEvent(value, lowerCaseWord(value), (name) => APP_EVENTS.has(name)),
  compile: (event, draft) => {
    const [protocol, ...rest] = event.name.split('.');
    if (rest.length > 0) setProtocol(draft, event.name, protocol!);
    warnUnlessRaised(draft, event);
    draft.appEvents.push(event.name);
  },
});

export const eventKeywords: readonly Keyword[] = [decodeEvent, streamEvent, appLayerEvent, engineEvent];

interface PacketEventKeyword {
  readonly name: string;
  readonly summary: string;
  readonly example: string;
  /** The name that the event has everywhere else. */
  fullName(text: string): string;
}

function packetEventKeyword({ fullName, ...words }: PacketEventKeyword): Keyword {
  return defineKeyword({
    ...words,
    parse: (value) => readEvent(value, fullName(lowerCaseWord(value)), (name) => RAISED_ON_PACKETS.has(name)),
    compile: (event, draft) => {
      warnUnlessRaised(draft, event);
      draft.packetEvents.push(event.name);
      draft.testPacket((packet) => packet.events.includes(event.name));
    },
  });
}

interface NamedEvent {
  readonly name: string;
  /** False: Suricata knows it, and it never happens here. */
  readonly isRaised: boolean;
}

function readEvent(value: OptionValue, written: string, isRaised: (name: string) => boolean): NamedEvent {
  const name = SAME_EVENT.get(written) ?? written;
  if (isRaised(name)) return { name, isRaised: true };
  if (SURICATA_EVENTS.has(name)) return { name, isRaised: false };
  const [protocol, ...rest] = name.split('.');
  if (value.keyword === appLayerEvent.name && rest.length > 0 && !PROTOCOLS_WITH_EVENTS.has(protocol!)) {
    if (SURICATA_PROTOCOLS.has(protocol!)) return value.fail(`protocol ${protocol} is not inspected yet`);
  }
  const near = nearestName(name, [...RAISED_ON_PACKETS, ...APP_EVENTS.keys(), ...SURICATA_EVENTS]);
  return value.fail(`there is no event "${name}"${near === null ? '' : `: did you mean ${near}?`}`);
}

const PROTOCOLS_WITH_EVENTS: ReadonlySet<string> = new Set([...APP_EVENTS.keys()].map((name) => name.split('.')[0]!));

/** As Suricata, whose own rules write them in either case. */
const lowerCaseWord = (value: OptionValue): string => word(value).toLowerCase();

function setProtocol(draft: RuleDraft, event: string, protocol: string): void {
  const known = draft.context.environment.knownAppProtocols;
  const apps = appsNamed(protocol).filter((app) => known.includes(app));
  if (apps.length === 0) draft.fail(`protocol ${protocol} is not inspected yet`);
  if (!draft.narrow(apps)) {
    draft.fail(`${event} is an event of ${protocol}, and the rule is for ${draft.apps?.[0]}`);
  }
}

function warnUnlessRaised(draft: RuleDraft, { name, isRaised }: NamedEvent): void {
  if (isRaised) return;
  const reason = UNRAISED_EVENTS[name] ?? UNRAISED_STREAM_EVENTS[name];
  draft.warn(
    `vpatch never raises ${name}${reason === undefined ? '' : ` (${reason})`}: the rule is loaded, and never matches`,
  );
}
