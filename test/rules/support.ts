import type { BufferDefinition, Stage, Transaction } from '../../src/app/protocol.ts';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { compileRules } from '../../src/rules/compiler.ts';
import { Countries } from '../../src/rules/countries.ts';
import { type RuleEnvironment, ruleEnvironment } from '../../src/rules/environment.ts';
import { evaluateSteps } from '../../src/rules/evaluate.ts';
import { readReputation } from '../../src/rules/reputation.ts';
import type { CompiledRules, Inspected, Rule } from '../../src/rules/rule.ts';
import { Packet } from '../../src/wire/packet.ts';
import { countryDatabase } from '../support/country-database.ts';

function buffer(name: string, direction: Direction | null, aliases: readonly string[] = [], stage: Stage = 1) {
  const definition: BufferDefinition<Transaction> = {
    name,
    aliases,
    summary: name,
    direction,
    stage,
    read: () => null,
  };
  return { protocol: 'http', definition };
}

/** The buffers that old modifiers name, and enough others; nobody reads them here. */
export const TEST_BUFFERS = [
  buffer('http.uri', TO_SERVER, ['http_uri', 'uricontent']),
  buffer('http.uri.raw', TO_SERVER, ['http_raw_uri']),
  buffer('http.header', null, ['http_header']),
  buffer('http.header.raw', null),
  buffer('http.method', TO_SERVER),
  buffer('http.cookie', null),
  buffer('http.user_agent', TO_SERVER),
  buffer('http.host', TO_SERVER),
  buffer('http.host.raw', TO_SERVER),
  buffer('http.request_body', TO_SERVER, [], 2),
  buffer('http.response_body', TO_CLIENT, [], 2),
  buffer('http.stat_code', TO_CLIENT),
  buffer('http.stat_msg', TO_CLIENT),
  buffer('file.data', null, ['file_data'], 2),
  { protocol: 'dns', definition: { ...buffer('dns.query', null, ['dns_query']).definition } },
  { protocol: 'dns', definition: { ...buffer('dns.opcode', null).definition, isInternal: true } },
  { protocol: 'ssh', definition: buffer('ssh.proto', null).definition },
  { protocol: 'ssh', definition: buffer('ssh.software', null).definition },
  otherBuffer('ftp', 'ftp.port_address', { isInternal: true }),
  ...['opcode', 'flags', 'mask'].map((name) => otherBuffer('websocket', `websocket.${name}`, { isInternal: true })),
  ...['frametype', 'errorcode', 'priority', 'window', 'size_update', 'settings'].map((name) =>
    otherBuffer('http2', `http2.${name}`, { isInternal: true }),
  ),
  otherBuffer('ftp-data', 'file.name'),
  otherBuffer('ftp-data', 'file.magic'),
  ...['file.size', 'file.md5', 'file.sha1', 'file.sha256'].map((name) =>
    otherBuffer('ftp-data', name, { isInternal: true }),
  ),
  otherBuffer('ftp-data', 'ftpdata_command', { isInternal: true }),
  tlsBuffer('frame:tls.pdu', { aliases: ['frame:pdu'], isInternal: true, isFrame: true }),
  otherBuffer('smb', 'smb.version', { isInternal: true }),
  otherBuffer('dcerpc', 'dcerpc.stub_data'),
  otherBuffer('dcerpc', 'dcerpc.opnum', { isInternal: true }),
  otherBuffer('dcerpc', 'dcerpc.iface', { isInternal: true }),
  tlsBuffer('tls.cert_subject'),
  tlsBuffer('tls.cert_issuer'),
  tlsBuffer('tls.cert_fingerprint', { isCaseless: true }),
  tlsBuffer('tls.certs'),
  tlsBuffer('tls.version', { isInternal: true }),
  tlsBuffer('ssl_state', { isInternal: true }),
  tlsBuffer('tls.cert_chain_len', { isInternal: true }),
  tlsBuffer('tls.cert_validity', { isInternal: true }),
];

function otherBuffer(protocol: string, name: string, traits: Partial<BufferDefinition<Transaction>> = {}) {
  return { protocol, definition: { ...buffer(name, null).definition, ...traits } };
}

function tlsBuffer(name: string, traits: Partial<BufferDefinition<Transaction>> = {}) {
  return otherBuffer('tls', name, traits);
}

/** 192.0.2.1 has 10 in it, its neighbours 90. */
const TEST_REPUTATION = readReputation({ file: '', text: '1,CnC,Command and control\n' }, [
  { file: '', text: '192.0.2.0/24,1,90\n192.0.2.1,1,10\n' },
]).reputation;

/** Digests of "abc", of each kind. */
const TEST_FILES: ReadonlyMap<string, string> = new Map([
  [
    'known-bad.txt',
    `# a list

900150983cd24fb0d6963f7d28e17f72  abc.txt
A9993E364706816ABA3E25717850C26C9CD0D89D
ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
`,
  ],
]);

export const TEST_ENVIRONMENT: RuleEnvironment = ruleEnvironment({
  buffers: TEST_BUFFERS,
  reputation: TEST_REPUTATION,
  countries: new Countries(
    countryDatabase({ '192.0.2.1/32': 'DE', '192.0.2.2/32': 'CH', '2001:db8:1::/48': 'DE', '2001:db8:2::/48': 'CH' }),
  ),
  fileText: (_ruleFile, name) => TEST_FILES.get(name) ?? null,
});

export const compileText = (text: string, environment = TEST_ENVIRONMENT): CompiledRules =>
  compileRules([{ file: 'test.rules', text }], environment);

/** The only rule of a text that must be good. */
export function compileRule(text: string, environment = TEST_ENVIRONMENT): Rule {
  const { rules, diagnostics } = compileText(text, environment);
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (errors.length > 0)
    throw new Error(`${text}\n${errors.map((error) => `${error.column}: ${error.message}`).join('\n')}`);
  if (rules.length !== 1) throw new Error(`${rules.length} rules in ${text}`);
  return rules[0]!;
}

/** A rule of these options for all TCP traffic. */
export const ruleOf = (options: string, protocol = 'tcp'): Rule =>
  compileRule(`alert ${protocol} any any -> any any (${options} sid:1;)`);

/** The bytes, as one window of a longer stream where something was skipped; not at the start of their array. */
export function inspected(data: string | Uint8Array, skippedBytes = 0): Inspected {
  const content = typeof data === 'string' ? fromLatin1(data) : data;
  const bytes = new Uint8Array(content.length + 7).fill(0x41);
  bytes.set(content, 3);
  return { bytes, start: 3, end: 3 + content.length, skippedBytes };
}

export interface Traffic {
  readonly payload?: string | Uint8Array;
  /** By the buffer's name. */
  readonly buffers?: Readonly<Record<string, string>>;
  readonly packet?: Partial<Packet>;
}

/** Do the rule's tests and inspections all hold? Header and flow are not looked at. */
export function isMatch(rule: Rule, traffic: Traffic): boolean {
  const packet = Object.assign(new Packet(), traffic.packet);
  const { ipVersion, source, destination } = packet;
  return (
    rule.addressTests.every((test) => ipVersion !== 0 && test(ipVersion, source, destination)) &&
    rule.packetTests.every((test) => test(packet)) &&
    rule.inspections.every(({ buffer, steps }) => {
      const data = buffer === null ? (traffic.payload ?? '') : traffic.buffers?.[buffer.name];
      return data !== undefined && evaluateSteps(steps, inspected(data));
    })
  );
}
