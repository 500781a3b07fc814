import { type Direction, TO_SERVER } from '../../base/direction.ts';
import type { Transaction } from '../protocol.ts';
import type { DnsMessage } from './message.ts';

/** A query and its answer, either of which may be missing. Messages are there until their packet is over. */
export class DnsTransaction implements Transaction {
  readonly id: number;
  request: DnsMessage | null = null;
  response: DnsMessage | null = null;
  /** By which an answer finds its query. */
  messageId = 0;

  constructor(id: number) {
    this.id = id;
  }

  message(direction: Direction): DnsMessage | null {
    return direction === TO_SERVER ? this.request : this.response;
  }

  release(): void {
    this.request = null;
    this.response = null;
  }
}
