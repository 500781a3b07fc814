import type { Direction } from '../base/direction.ts';
import type { FlowSlot } from '../flow/slot.ts';

/** Who gets the bytes of TCP streams: in order, each byte once, while the packet that completes them is judged. */
export interface StreamConsumer {
  /** `offset`: how many bytes of this direction came before, counting gaps. Bytes are borrowed for the call. */
  onData(flow: FlowSlot, direction: Direction, bytes: Uint8Array, start: number, end: number, offset: number): void;
  /** Bytes that the receiver acknowledged or will never get, and that we did not see. */
  onGap(flow: FlowSlot, direction: Direction, missingBytes: number, offset: number): void;
  /**
   * What was handed over of this direction is not where its receiver is: forget it. The next bytes have offset 0, and
   * those that were handed over come again behind them.
   */
  onRestart(flow: FlowSlot, direction: Direction): void;
  /** FIN in order, RST, or the flow's end. Once for each direction. */
  onEnd(flow: FlowSlot, direction: Direction): void;
}
