import { type BufferDefinition, STAGE } from '../protocol.ts';
import type { WebsocketTransaction } from './transaction.ts';

/** What rules can look into, by the names of Suricata 8. A frame has one direction. */
export const WEBSOCKET_BUFFERS: readonly BufferDefinition<WebsocketTransaction>[] = [
  {
    name: 'websocket.payload',
    summary: 'payload of a frame, without mask and unpacked; of the last fragment, the whole message (Suricata 8)',
    direction: null,
    stage: STAGE.body,
    read: ({ content, contentStart, direction }, asked, nth) =>
      content === null || nth > 0 || asked !== direction || content.length <= contentStart
        ? null
        : content.view(contentStart),
  },
  number('websocket.flags', 'upper four bits of the first byte', 1, ({ flags }) => flags),
  number('websocket.opcode', 'opcode', 1, ({ opcode }) => opcode),
  number('websocket.mask', 'mask of a frame that has one', 4, ({ mask }) => mask),
];

function number(
  name: string,
  summary: string,
  size: number,
  read: (tx: WebsocketTransaction) => number | null,
): BufferDefinition<WebsocketTransaction> {
  return {
    name,
    summary,
    direction: null,
    stage: STAGE.head,
    isInternal: true,
    read: (tx, asked, nth) => {
      const value = nth > 0 || asked !== tx.direction ? null : read(tx);
      if (value === null) return null;
      const bytes = Buffer.alloc(size);
      bytes.writeUIntBE(value, 0, size);
      return bytes;
    },
  };
}
