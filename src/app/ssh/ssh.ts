import { latin1, u8 } from '../../base/bytes.ts';
import type { AppProtocol, ProbeAnswer } from '../protocol.ts';
import { SSH_BUFFERS } from './buffers.ts';
import { SshParser } from './parser.ts';
import type { SshSide, SshTransaction } from './transaction.ts';

/** The part of SSH that is in the clear: versions and the offer of algorithms (RFC 4253). */
export const createSsh = (): AppProtocol<SshTransaction> => ({
  name: 'ssh',
  transports: ['tcp'],
  buffers: SSH_BUFFERS,
  frames: { prefix: 'ssh', names: ['record_hdr', 'record_data', 'record_pdu'] },
  probe: (_direction, bytes, start, end) => probeSsh(bytes, start, end),
  open: (sink, { frames }) => new SshParser(sink, frames),
  describe: ({ client, server }) => ({
    ...(client.protocolVersion !== null && { client: describeSide(client) }),
    ...(server.protocolVersion !== null && { server: describeSide(server) }),
  }),
});

/** Both sides begin with "SSH-". What a server may send before is no sign; its client's first line is. */
function probeSsh(bytes: Uint8Array, start: number, end: number): ProbeAnswer {
  for (let i = 0; i < MAGIC.length; i++) {
    if (start + i === end) return 'more';
    if (u8(bytes, start + i) !== MAGIC.charCodeAt(i)) return 'no';
  }
  return 'yes';
}

const describeSide = ({ protocolVersion, software, keyExchange }: SshSide): Record<string, unknown> => ({
  proto_version: latin1(protocolVersion!),
  software_version: latin1(software!),
  ...(keyExchange !== null && { hassh: { hash: latin1(keyExchange.hassh), string: latin1(keyExchange.hasshString) } }),
});

const MAGIC = 'SSH-';
