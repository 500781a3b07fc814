import type { BufferChoice } from '../draft.ts';
import { indexByName, type Keyword } from '../keyword.ts';
import { asn1Keywords } from './asn1.ts';
import { base64Keywords } from './base64.ts';
import { bufferKeywords, stickyBufferKeywords } from './buffers.ts';
import { byteKeywords } from './bytes.ts';
import { checksumKeywords } from './checksums.ts';
import { contentKeywords } from './content.ts';
import { datasetKeywords } from './datasets.ts';
import { dnsKeywords } from './dns.ts';
import { eventKeywords } from './events.ts';
import { fileKeywords } from './files.ts';
import { flowKeywords } from './flow.ts';
import { flowFigureKeywords } from './flow-figures.ts';
import { frameKeywords } from './frame.ts';
import { ftpKeywords } from './ftp.ts';
import { geoipKeywords } from './geoip.ts';
import { http2Keywords } from './http2.ts';
import { icmpKeywords } from './icmp.ts';
import { ipKeywords } from './ip.ts';
import { metaKeywords } from './meta.ts';
import { packetBufferKeywords } from './packet-buffers.ts';
import { payloadKeywords } from './payload.ts';
import { pcreKeywords } from './pcre.ts';
import { reputationKeywords } from './reputation.ts';
import { rpcKeywords } from './rpc.ts';
import { smbKeywords } from './smb.ts';
import { sshKeywords } from './ssh.ts';
import { stateKeywords } from './state.ts';
import { tcpKeywords } from './tcp.ts';
import { thresholdKeywords } from './threshold.ts';
import { tlsKeywords } from './tls.ts';
import { transformKeywords } from './transforms.ts';
import { variableKeywords } from './variables.ts';
import { websocketKeywords } from './websocket.ts';

export interface KeywordFamily {
  readonly title: string;
  readonly keywords: readonly Keyword[];
}

/** The families whose keywords do not depend on the application layer. */
const FIXED_FAMILIES: readonly KeywordFamily[] = [
  { title: 'About the rule', keywords: metaKeywords },
  { title: 'Flow', keywords: flowKeywords },
  { title: 'Figures of flows', keywords: flowFigureKeywords },
  { title: 'State', keywords: stateKeywords },
  { title: 'Thresholds', keywords: thresholdKeywords },
  { title: 'Content', keywords: contentKeywords },
  { title: 'Regular expressions', keywords: pcreKeywords },
  { title: 'Variables', keywords: variableKeywords },
  { title: 'Sizes and places', keywords: payloadKeywords },
  { title: 'Numbers', keywords: byteKeywords },
  { title: 'IP', keywords: ipKeywords },
  { title: 'Reputation', keywords: reputationKeywords },
  { title: 'Countries', keywords: geoipKeywords },
  { title: 'TCP', keywords: tcpKeywords },
  { title: 'ICMP', keywords: icmpKeywords },
  { title: 'Headers', keywords: packetBufferKeywords },
  { title: 'Checksums', keywords: checksumKeywords },
  { title: 'ONC RPC', keywords: rpcKeywords },
  { title: 'ASN.1', keywords: asn1Keywords },
  { title: 'DNS', keywords: dnsKeywords },
  { title: 'SSH', keywords: sshKeywords },
  { title: 'TLS', keywords: tlsKeywords },
  { title: 'FTP', keywords: ftpKeywords },
  { title: 'HTTP/2', keywords: http2Keywords },
  { title: 'WebSocket', keywords: websocketKeywords },
  { title: 'SMB and DCERPC', keywords: smbKeywords },
  { title: 'Files', keywords: fileKeywords },
  { title: 'Events', keywords: eventKeywords },
  { title: 'Buffers', keywords: bufferKeywords },
  { title: 'Frames', keywords: frameKeywords },
  { title: 'Transforms', keywords: transformKeywords },
  { title: 'Base64', keywords: base64Keywords },
  { title: 'Sets of values', keywords: datasetKeywords },
];

const FIXED_NAMES: ReadonlySet<string> = new Set(
  indexByName(FIXED_FAMILIES.flatMap(({ keywords }) => keywords)).keys(),
);

/** Every keyword there is, in the order of the reference. */
export function keywordFamilies(buffers: readonly BufferChoice[]): readonly KeywordFamily[] {
  return [...FIXED_FAMILIES, { title: 'Sticky buffers', keywords: stickyBufferKeywords(buffers, FIXED_NAMES) }];
}

export const keywordIndex = (buffers: readonly BufferChoice[]): ReadonlyMap<string, Keyword> =>
  indexByName(keywordFamilies(buffers).flatMap((family) => family.keywords));
