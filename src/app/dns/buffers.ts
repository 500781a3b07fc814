import { TO_SERVER } from '../../base/direction.ts';
import { type BufferDefinition, STAGE } from '../protocol.ts';
import { singleBuffer } from '../single-buffer.ts';
import type { DnsTransaction } from './transaction.ts';

/** The buffers of DNS that Suricata 7 has. */
export const DNS_BUFFERS: readonly BufferDefinition<DnsTransaction>[] = [
  {
    name: 'dns.query',
    aliases: ['dns_query'],
    summary: 'each name that is asked for, with dots, in the case in which it came',
    direction: TO_SERVER,
    stage: STAGE.head,
    isRepeated: true,
    read: (tx, direction, nth) => (direction === TO_SERVER ? (tx.request?.questions[nth]?.name ?? null) : null),
  },
  singleBuffer(
    {
      name: 'dns.opcode',
      isInternal: true,
      summary: 'opcode of the header, one byte',
      direction: null,
      stage: STAGE.head,
    },
    (tx, direction) => {
      const message = tx.message(direction);
      return message === null ? null : Uint8Array.of(message.opcode);
    },
  ),
];
