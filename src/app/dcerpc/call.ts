import type { Direction } from '../../base/direction.ts';
import { ByteBuffer } from '../byte-buffer.ts';
import type { OfferedInterface } from './pdu.ts';

/** What is kept of each stub; the rest is dropped. As long as the longest fragment; ours. */
export const MAX_STUB_BYTES = 64 * 1024;

/** An interface that was offered, and what the server says to it. */
export interface BoundInterface extends OfferedInterface {
  /** 0: accepted. Null while there is no answer. */
  result: number | null;
  /** Was it in the first fragment of its bind? */
  readonly isInFirstFragment: boolean;
}

/** A call and what comes of it. A bind is one too. */
export class DcerpcCall {
  readonly kind = 'dcerpc';
  readonly callId: number;
  readonly isLittleEndian: boolean;
  /** Null: it was not seen. */
  readonly requestType: number | null;
  responseType: number | null = null;
  contextId = 0;
  opnum = 0;
  readonly stubs: readonly [ByteBuffer, ByteBuffer] = [new ByteBuffer(MAX_STUB_BYTES), new ByteBuffer(MAX_STUB_BYTES)];
  readonly fragments: [number, number] = [0, 0];
  /** Of its conversation. */
  readonly interfaces: readonly BoundInterface[];

  constructor(
    callId: number,
    requestType: number | null,
    isLittleEndian: boolean,
    interfaces: readonly BoundInterface[],
  ) {
    this.callId = callId;
    this.requestType = requestType;
    this.isLittleEndian = isLittleEndian;
    this.interfaces = interfaces;
  }

  /** The accepted ones that the call can mean. */
  get usedInterfaces(): readonly BoundInterface[] {
    return this.interfaces.filter(({ result, contextId }) => result === 0 && contextId === this.contextId);
  }

  get keptBytes(): number {
    return this.stubs[0].length + this.stubs[1].length;
  }

  addStub(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    this.fragments[direction]++;
    this.stubs[direction].append(bytes, start, end);
  }
}
