import { areEqual } from '../base/bytes.ts';
import type { Packet } from '../wire/packet.ts';
import type { StreamConsumer } from './consumer.ts';
import type { StreamEvent } from './events.ts';
import type { StreamOutcome } from './outcome.ts';
import { SEGMENT_OVERHEAD_BYTES, SegmentQueue } from './segment-queue.ts';
import { distance, isAfter } from './sequence.ts';
import type { TcpHalf } from './session.ts';

export interface ReassemblyLimits {
  /** Out-of-order data in one direction of one connection. */
  readonly maxOutOfOrderBytes: number;
  readonly maxOutOfOrderSegments: number;
  /** Kept bytes of all connections, with what keeping them costs. */
  readonly maxTotalBytes: number;
}

/**
 * Puts the bytes of each direction in order and hands them to the consumer, each once. In-order data is handed on where
 * it lies in the packet; only what is out of order is copied. The consumer may call `stop` from within, nothing else.
 */
export class Reassembler {
  readonly #consumer: StreamConsumer;
  readonly #limits: ReassemblyLimits;
  #keptBytes = 0;
  #synDataBytes = 0;

  constructor(consumer: StreamConsumer, limits: ReassemblyLimits) {
    this.#consumer = consumer;
    this.#limits = limits;
  }

  /** What is kept for all connections now, with what keeping it costs. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Takes a packet's payload, whose first byte has this sequence number. There is at least one byte. */
  accept(flow: number, half: TcpHalf, packet: Packet, sequence: number): StreamOutcome {
    const length = packet.payloadEnd - packet.payloadStart;
    const end = (sequence + length) | 0;
    if (half.hasFin && isAfter(end, half.fin)) return this.#refuse(packet, 'tcp.data_after_fin', 'invalid');
    if (isAfter(end, half.highest)) half.highest = end;
    if (half.isStopped) {
      if (isAfter(end, half.next)) this.#skipTo(half, end);
      this.#finish(flow, half);
      return 'bypassed';
    }

    let outcome: StreamOutcome = 'inspected';
    if (isAfter(sequence, half.next) && isAfter(half.acked, half.next) && (half.queue?.count ?? 0) === 0) {
      // The receiver has what lies between, and the sender has gone on: it passed when we could not see or keep it.
      this.#gap(flow, half, packet, isAfter(half.acked, sequence) ? sequence : half.acked);
      outcome = 'gap';
    }
    const oldBytes = distance(half.next, sequence);
    if (oldBytes > 0) {
      const again = this.#judgeOldBytes(half, packet, sequence, Math.min(oldBytes, length));
      if (again === 'differs' || oldBytes >= length) return again;
      if (outcome === 'inspected') outcome = again;
    }
    const { queue } = half;
    const trimmedBytes = Math.max(oldBytes, 0);
    const from = (sequence + trimmedBytes) | 0;
    const at = packet.payloadStart + trimmedBytes;
    if (queue !== null && queue.count > 0 && !queue.agreesWith(from, packet.bytes, at, packet.payloadEnd - at)) {
      return this.#refuse(packet, 'tcp.retransmit_differs', 'differs');
    }
    if (oldBytes < 0) {
      const kept = this.#keep(half, packet, from);
      return kept === 'kept' && outcome === 'gap' ? outcome : kept;
    }
    this.#deliver(flow, half, packet.bytes, at, packet.payloadEnd);
    if (queue !== null) this.#drain(flow, half);
    return outcome;
  }

  /** Takes the data of a SYN and remembers it. The server may read it at once, or ignore it and get it again. */
  acceptSynData(flow: number, half: TcpHalf, packet: Packet, sequence: number): StreamOutcome {
    const length = packet.payloadEnd - packet.payloadStart;
    if (half.synData !== null || half.next !== sequence) return this.accept(flow, half, packet, sequence);
    const cost = length + SEGMENT_OVERHEAD_BYTES;
    const { maxTotalBytes } = this.#limits;
    if (this.#synDataBytes + cost > maxTotalBytes / SYN_DATA_SHARE || this.#keptBytes + cost > maxTotalBytes) {
      half.highest = (sequence + length) | 0;
      return this.#refuse(packet, 'stream.reassembly_insert_memcap', 'memory-cap');
    }
    half.synData = copyOf(packet.bytes, packet.payloadStart, packet.payloadEnd);
    this.#keptBytes += cost;
    this.#synDataBytes += cost;
    return this.accept(flow, half, packet, sequence);
  }

  /** The sender's last byte is before `fin`. False where that cannot be: it has sent more, or ended elsewhere. */
  acceptFin(flow: number, half: TcpHalf, fin: number): boolean {
    if (half.hasFin ? half.fin !== fin : isAfter(half.highest, fin)) return false;
    half.hasFin = true;
    half.fin = fin;
    half.highest = (fin + 1) | 0;
    this.#finish(flow, half);
    return true;
  }

  /** After `half.acked` has moved. True where bytes that nobody saw were skipped because of it. */
  acknowledged(flow: number, half: TcpHalf, packet: Packet): boolean {
    if (half.synData !== null && distance(half.acked, (half.initial + 1) | 0) >= half.synData.length) {
      this.#forgetSynData(half);
    }
    let hasGap = false;
    while (isAfter(half.acked, half.next)) {
      if (half.isStopped) {
        this.#skipTo(half, half.acked);
        break;
      }
      // A hole is known to be one when something lies behind it; a receiver may claim what was never sent.
      const hasKept = half.queue !== null && half.queue.count > 0;
      if (!hasKept && !half.hasFin) break;
      const behind = hasKept ? half.queue!.firstStart : half.fin;
      if (isAfter(behind, half.acked) || !isAfter(behind, half.next)) break;
      this.#gap(flow, half, packet, behind);
      this.#drain(flow, half);
      hasGap = true;
    }
    if (half.isStopped) this.#finish(flow, half);
    return hasGap;
  }

  /** Nobody wants the bytes of this direction any more. Its end will still be told. */
  stop(half: TcpHalf): void {
    half.isStopped = true;
    this.#forgetQueue(half);
  }

  /** No more bytes will come: tells the consumer, unless it knows, and lets go of what was kept. */
  end(flow: number, half: TcpHalf): void {
    this.#forgetQueue(half);
    this.#forgetSynData(half);
    if (half.isEnded) return;
    half.isEnded = true;
    this.#consumer.onEnd(flow, half.direction);
  }

  /**
   * Bytes that were delivered before. Those that the receiver has acknowledged it will not read again. Others it may
   * not have got: then it reads these, and they must be what was inspected. Only the data of a SYN can be compared so
   * far; comparing the rest needs a copy of what is delivered and not acknowledged, and this is the place for it.
   */
  #judgeOldBytes(half: TcpHalf, packet: Packet, sequence: number, length: number): StreamOutcome {
    const { synData } = half;
    if (synData !== null) {
      const skipped = distance(sequence, (half.initial + 1) | 0);
      const from = Math.max(skipped, 0);
      const to = Math.min(skipped + length, synData.length);
      if (to > from && !areEqual(packet.bytes, packet.payloadStart + from - skipped, synData, from, to - from)) {
        return this.#refuse(packet, 'tcp.retransmit_differs', 'differs');
      }
      if (from === skipped && to === skipped + length) return 'inspected';
    }
    // RFC 1122 §4.2.3.6: a keep-alive probe has the last byte again, or any other in its place.
    const isProbe = length === 1 && packet.payloadEnd - packet.payloadStart === 1 && sequence === ((half.next - 1) | 0);
    if (!isAfter((sequence + length) | 0, half.acked)) {
      if (!isProbe) packet.events.push('stream.pkt_spurious_retransmission' satisfies StreamEvent);
      return 'inspected';
    }
    packet.events.push('stream.pkt_retransmission' satisfies StreamEvent);
    return 'resent';
  }

  /** Copies data behind a hole. */
  #keep(half: TcpHalf, packet: Packet, sequence: number): StreamOutcome {
    half.queue ??= new SegmentQueue();
    const { queue } = half;
    const newBytes = queue.plan(sequence, packet.payloadEnd - packet.payloadStart);
    if (newBytes === 0) return 'kept';
    const { maxOutOfOrderBytes, maxOutOfOrderSegments, maxTotalBytes } = this.#limits;
    if (queue.bytes + newBytes > maxOutOfOrderBytes || queue.plannedCount > maxOutOfOrderSegments) {
      return this.#refuse(packet, 'stream.reassembly_insert_limit', 'memory-cap');
    }
    if (this.#keptBytes + newBytes + SEGMENT_OVERHEAD_BYTES > maxTotalBytes) {
      return this.#refuse(packet, 'stream.reassembly_insert_memcap', 'memory-cap');
    }
    const costBefore = queue.costBytes;
    queue.insert(sequence, packet.bytes, packet.payloadStart);
    this.#keptBytes += queue.costBytes - costBefore;
    return 'kept';
  }

  /** State first: what the consumer asks from within is then already true. */
  #deliver(flow: number, half: TcpHalf, bytes: Uint8Array, start: number, end: number): void {
    const { offset } = half;
    half.next = (half.next + (end - start)) | 0;
    half.offset = offset + (end - start);
    if (!half.isStopped) this.#consumer.onData(flow, half.direction, bytes, start, end, offset);
    if (half.hasFin) this.#finish(flow, half);
  }

  /** Delivers kept data that has become contiguous. */
  #drain(flow: number, half: TcpHalf): void {
    const { queue } = half;
    if (queue === null) return;
    const costBefore = queue.costBytes;
    let done = 0;
    while (done < queue.count && !isAfter(queue.startAt(done), half.next)) {
      const bytes = queue.bytesAt(done);
      const from = distance(half.next, queue.startAt(done));
      done++;
      if (from < bytes.length) this.#deliver(flow, half, bytes, from, bytes.length);
    }
    // A consumer that stopped has emptied the queue, and its cost is off the account.
    if (queue.count === 0) return;
    queue.drop(done);
    this.#keptBytes += queue.costBytes - costBefore;
  }

  #gap(flow: number, half: TcpHalf, packet: Packet, target: number): void {
    const { offset } = half;
    const missingBytes = this.#skipTo(half, target);
    packet.events.push('stream.reassembly_seq_gap' satisfies StreamEvent);
    this.#consumer.onGap(flow, half.direction, missingBytes, offset);
    this.#finish(flow, half);
  }

  #skipTo(half: TcpHalf, target: number): number {
    const skippedBytes = distance(target, half.next);
    half.next = target;
    half.offset += skippedBytes;
    return skippedBytes;
  }

  #finish(flow: number, half: TcpHalf): void {
    if (!half.hasFin || half.isEnded) return;
    if (half.isStopped ? distance(half.next, half.fin) < 0 : half.next !== half.fin) return;
    half.next = (half.fin + 1) | 0;
    this.end(flow, half);
  }

  #forgetQueue(half: TcpHalf): void {
    if (half.queue === null) return;
    this.#keptBytes -= half.queue.costBytes;
    half.queue.clear();
    half.queue = null;
  }

  #forgetSynData(half: TcpHalf): void {
    if (half.synData === null) return;
    const cost = half.synData.length + SEGMENT_OVERHEAD_BYTES;
    this.#keptBytes -= cost;
    this.#synDataBytes -= cost;
    half.synData = null;
  }

  #refuse(packet: Packet, event: StreamEvent, outcome: StreamOutcome): StreamOutcome {
    packet.events.push(event);
    return outcome;
  }
}

/** A SYN can have a forged sender, so all data of SYNs together gets a part only of the memory. Our choice. */
const SYN_DATA_SHARE = 8;

function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const copy = new Uint8Array(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}
