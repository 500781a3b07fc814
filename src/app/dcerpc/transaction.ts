import type { Transaction } from '../protocol.ts';
import type { DcerpcCall } from './call.ts';

/** A call with its answer. */
export class DcerpcTransaction implements Transaction {
  readonly id: number;
  readonly call: DcerpcCall;

  constructor(id: number, call: DcerpcCall) {
    this.id = id;
    this.call = call;
  }
}
