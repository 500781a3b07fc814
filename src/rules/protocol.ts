import { APP_PROTOCOLS } from '../app/index.ts';
import { IP_PROTOCOL } from '../wire/packet.ts';
import type { PacketTest, RuleDraft } from './draft.ts';
import { RuleFault } from './fault.ts';
import { SURICATA_PROTOCOLS } from './known-names.ts';
import { nearestName } from './nearest-name.ts';
import type { Span } from './parser.ts';
import type { RuleProtocol } from './rule.ts';

/** A rule header's protocol, with the packet test that it implies. */
export interface HeaderProtocol extends RuleProtocol {
  readonly test: PacketTest | null;
}

/** Throws RuleFault for what is not inspected. */
export function readProtocol(span: Span, knownAppProtocols: readonly string[]): HeaderProtocol {
  const name = span.text;
  const basic = BASIC[name];
  if (basic !== undefined) return { apps: null, scope: 'any', test: null, ...basic, name };

  const apps = appsNamed(name).filter((app) => knownAppProtocols.includes(app));
  if (apps.length > 0) return { ipProtocols: transportOf(apps[0]!), apps, scope: 'any', name, test: null };
  if (SURICATA_PROTOCOLS.has(name)) throw new RuleFault(`protocol ${name} is not inspected yet`, span.at);
  const near = nearestName(name, [...Object.keys(BASIC), ...knownAppProtocols]);
  throw new RuleFault(`there is no protocol "${name}"${near === null ? '' : `: did you mean ${near}?`}`, span.at);
}

/** What rules call by this name. */
export const appsNamed = (name: string): readonly string[] => FAMILIES[name] ?? [name];

/** A rule that looks into a protocol's buffers must be able to meet that protocol. */
export function checkBufferProtocol(draft: RuleDraft, protocol: RuleProtocol): void {
  if (draft.apps === null || protocol.apps !== null || protocol.ipProtocols === null) return;
  const [app] = draft.apps;
  const transport = transportOf(app!);
  if (!protocol.ipProtocols.some((number) => transport.includes(number))) {
    draft.fail(`the rule is for ${protocol.name}, and ${app} does not run over it`, draft.parsed.protocol.at);
  }
}

const ANY: readonly number[] | null = null;
const ICMP = [IP_PROTOCOL.icmp, IP_PROTOCOL.icmpv6];
const isV4 = (packet: { ipVersion: number }): boolean => packet.ipVersion === 4;
const isV6 = (packet: { ipVersion: number }): boolean => packet.ipVersion === 6;

const BASIC: Readonly<Record<string, Pick<HeaderProtocol, 'ipProtocols'> & Partial<HeaderProtocol>>> = {
  // Meant for rules on events of packets that may have no IP header; else the same as ip.
  pkthdr: { ipProtocols: ANY },
  ip: { ipProtocols: ANY },
  ipv4: { ipProtocols: ANY, test: isV4 },
  ip4: { ipProtocols: ANY, test: isV4 },
  ipv6: { ipProtocols: ANY, test: isV6 },
  ip6: { ipProtocols: ANY, test: isV6 },
  tcp: { ipProtocols: [IP_PROTOCOL.tcp] },
  'tcp-pkt': { ipProtocols: [IP_PROTOCOL.tcp], scope: 'packet' },
  'tcp-stream': { ipProtocols: [IP_PROTOCOL.tcp], scope: 'stream' },
  udp: { ipProtocols: [IP_PROTOCOL.udp] },
  sctp: { ipProtocols: [IP_PROTOCOL.sctp] },
  icmp: { ipProtocols: ICMP },
  icmpv4: { ipProtocols: [IP_PROTOCOL.icmp] },
  icmpv6: { ipProtocols: [IP_PROTOCOL.icmpv6] },
  icmp6: { ipProtocols: [IP_PROTOCOL.icmpv6] },
};

/**
 * As in Suricata, `http` is HTTP of any version, and a protocol is also found in what carries it: named pipes of SMB.
 */
const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  http: ['http', 'http2'],
  http1: ['http'],
  dcerpc: ['dcerpc', 'smb'],
  ssl: ['tls'],
  ikev2: ['ike'],
};

function transportOf(app: string): readonly number[] {
  const transports = APP_PROTOCOLS.find(({ name }) => name === app)?.transports ?? [];
  return transports.map((transport) => IP_PROTOCOL[transport]).sort((a, b) => a - b);
}
