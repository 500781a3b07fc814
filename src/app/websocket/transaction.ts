import type { Direction } from '../../base/direction.ts';
import type { Transaction } from '../protocol.ts';
import type { WebsocketEvent } from './events.ts';
import type { MessageContent } from './message-content.ts';

/** RFC 6455 §5.2. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, connectionClose: 8, ping: 9, pong: 10 } as const;
/** In the words of rules and of EVE. */
export const OPCODE_NAMES: ReadonlyMap<number, string> = new Map([
  [OPCODE.continuation, 'continuation'],
  [OPCODE.text, 'text'],
  [OPCODE.binary, 'binary'],
  [OPCODE.connectionClose, 'connection_close'],
  [OPCODE.ping, 'ping'],
  [OPCODE.pong, 'pong'],
]);
/** RFC 6455 §5.2, RFC 7692 §6: bits of a frame's first byte. */
export const FLAG = { fin: 0x80, compressed: 0x40, reserved: 0x30 } as const;

/** One frame. The last one of a message has the payload of all its fragments. */
export class WebsocketTransaction implements Transaction {
  readonly id: number;
  readonly direction: Direction;
  /** The upper four bits of its first byte. */
  readonly flags: number;
  readonly opcode: number;
  /** Null: it has none. */
  mask: number | null = null;
  /** Null: it has no payload. */
  content: MessageContent | null = null;
  /** Where in the content its payload begins. */
  contentStart = 0;
  readonly #events = new Set<WebsocketEvent>();

  constructor(id: number, direction: Direction, firstByte: number) {
    this.id = id;
    this.direction = direction;
    this.flags = firstByte & 0xf0;
    this.opcode = firstByte & 0x0f;
  }

  /** False if it was raised before. */
  addEvent(event: WebsocketEvent): boolean {
    if (this.#events.has(event)) return false;
    this.#events.add(event);
    return true;
  }
}
