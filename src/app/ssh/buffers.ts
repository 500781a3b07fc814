import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { type BufferDefinition, STAGE, type Stage } from '../protocol.ts';
import { singleBuffer } from '../single-buffer.ts';
import type { SshSide, SshTransaction } from './transaction.ts';

/** The buffers of SSH that Suricata 7 has. */
export const SSH_BUFFERS: readonly BufferDefinition<SshTransaction>[] = [
  buffer('ssh.proto', ['ssh_proto'], 'version of the protocol: 2.0', null, STAGE.head, (side) => side.protocolVersion),
  buffer(
    'ssh.software',
    ['ssh_software'],
    'name of the software: OpenSSH_9.2',
    null,
    STAGE.head,
    (side) => side.software,
  ),
  ...hasshBuffers('ssh.hassh', 'client', TO_SERVER),
  ...hasshBuffers('ssh.hassh.server', 'server', TO_CLIENT),
];

function hasshBuffers(name: string, who: string, direction: Direction): BufferDefinition<SshTransaction>[] {
  return [
    {
      ...buffer(
        name,
        [],
        `MD5 of the algorithms that the ${who} offers`,
        direction,
        STAGE.complete,
        (side) => side.keyExchange?.hassh ?? null,
      ),
      isCaseless: true,
    },
    buffer(
      `${name}.string`,
      [],
      `algorithms that the ${who} offers`,
      direction,
      STAGE.complete,
      (side) => side.keyExchange?.hasshString ?? null,
    ),
  ];
}

function buffer(
  name: string,
  aliases: readonly string[],
  summary: string,
  direction: Direction | null,
  stage: Stage,
  read: (side: SshSide) => Uint8Array | null,
): BufferDefinition<SshTransaction> {
  return singleBuffer({ name, aliases, summary, direction, stage }, (tx, asked) => read(tx.side(asked)));
}
