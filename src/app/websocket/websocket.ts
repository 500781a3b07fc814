import type { AppProtocol } from '../protocol.ts';
import { WEBSOCKET_BUFFERS } from './buffers.ts';
import { WebsocketParser } from './parser.ts';
import { FLAG, OPCODE_NAMES, type WebsocketTransaction } from './transaction.ts';

/** RFC 6455, and packed messages: RFC 7692. It has no sign of its own: HTTP/1 hands over to it. */
export const createWebsocket = (): AppProtocol<WebsocketTransaction> => ({
  name: 'websocket',
  transports: ['tcp'],
  buffers: WEBSOCKET_BUFFERS,
  isByAgreement: true,
  hasOneWayTransactions: true,
  probe: () => 'no',
  open: (sink, { subject }) => new WebsocketParser(sink, subject),
  describe: ({ flags, mask, opcode }) => ({
    fin: (flags & FLAG.fin) !== 0,
    ...(mask !== null && { mask }),
    opcode: OPCODE_NAMES.get(opcode) ?? `unknown-${opcode}`,
  }),
});
