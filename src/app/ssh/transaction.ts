import { type Direction, TO_SERVER } from '../../base/direction.ts';
import type { Transaction } from '../protocol.ts';
import type { KeyExchange } from './key-exchange.ts';

/** What one side has said in the clear. */
export class SshSide {
  /** `2.0` in `SSH-2.0-OpenSSH_9.2 comment`. Null before that line came. */
  protocolVersion: Uint8Array | null = null;
  /** `OpenSSH_9.2`; may be empty. */
  software: Uint8Array | null = null;
  keyExchange: KeyExchange | null = null;
}

/** A connection is one transaction. */
export class SshTransaction implements Transaction {
  readonly id = 0;
  readonly client = new SshSide();
  readonly server = new SshSide();

  side(direction: Direction): SshSide {
    return direction === TO_SERVER ? this.client : this.server;
  }
}
