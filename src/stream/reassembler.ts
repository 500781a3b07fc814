import type { Packet } from '../wire/packet.ts';
import type { StreamConsumer } from './consumer.ts';
import { DeliveredMemory, isFromThisHost, StreamMemory } from './delivered-bytes.ts';
import type { StreamEvent } from './events.ts';
import type { ReassemblyLimits } from './options.ts';
import { refuse, type StreamOutcome } from './outcome.ts';
import { SEGMENT_OVERHEAD_BYTES, SegmentQueue } from './segment-queue.ts';
import { distance, isAfter } from './sequence.ts';
import type { TcpHalf } from './session.ts';

/**
 * Puts the bytes of each direction in order and hands them to the consumer, each once. In-order data is handed on where
 * it lies in the packet. What is out of order is copied, and so is what was delivered until it is acknowledged: the
 * first bytes count, and others in their place are refused. The consumer may call `stopComparing` from within, nothing
 * else.
 */
export class Reassembler {
  readonly #consumer: StreamConsumer;
  readonly #limits: ReassemblyLimits;
  readonly #memory: StreamMemory;
  readonly #deliveredMemory: DeliveredMemory;
  #synDataBytes = 0;
  #differingOffset = 0;

  constructor(consumer: StreamConsumer, limits: ReassemblyLimits) {
    this.#consumer = consumer;
    this.#limits = limits;
    this.#memory = new StreamMemory(limits.maxTotalBytes);
    this.#deliveredMemory = new DeliveredMemory(this.#memory, limits.maxTotalBytes / DELIVERED_SHARE);
  }

  /** What is kept for all connections now, with what keeping it costs. */
  get keptBytes(): number {
    return this.#memory.usedBytes;
  }

  /** After the outcome `differs`: where in the stream the first byte is that differs. */
  get differingOffset(): number {
    return this.#differingOffset;
  }

  /** See DeliveredMemory. */
  dropSpares(): void {
    this.#deliveredMemory.dropSpares();
  }

  /** Takes a packet's payload, whose first byte has this sequence number. There is at least one byte. */
  accept(flow: number, half: TcpHalf, packet: Packet, sequence: number): StreamOutcome {
    const length = packet.payloadEnd - packet.payloadStart;
    const end = (sequence + length) | 0;
    if (half.hasFin && isAfter(end, half.fin)) return refuse(packet, 'tcp.data_after_fin', 'invalid');
    if (isAfter(end, half.highest)) half.highest = end;
    if (!half.isAnchored && half.isSynced && sequence !== half.next) {
      const refusal = this.#judgePlace(flow, half, packet, sequence);
      if (refusal !== null) return refusal;
    }
    let outcome: StreamOutcome = 'inspected';
    if (isAfter(sequence, half.next) && isAfter(half.acked, half.next)) {
      // The receiver has what lies between, and the sender has gone on: it passed when we could not see or keep it.
      this.#gap(flow, half, packet, isAfter(half.acked, sequence) ? sequence : half.acked);
      outcome = 'gap';
    }
    const oldBytes = distance(half.next, sequence);
    if (oldBytes > 0) {
      const again = this.#judgeOldBytes(half, packet, sequence, Math.min(oldBytes, length));
      if (again !== 'inspected' || oldBytes >= length) return again;
    }
    const { queue } = half;
    const trimmedBytes = Math.max(oldBytes, 0);
    const from = (sequence + trimmedBytes) | 0;
    const at = packet.payloadStart + trimmedBytes;
    if (queue !== null && queue.count > 0) {
      const differing = queue.firstDifference(from, packet.bytes, at, packet.payloadEnd - at);
      if (differing >= 0) return this.#refuseDiffering(half, packet, (from + differing) | 0);
    }
    if (oldBytes < 0) {
      const kept = this.#keep(half, packet, from);
      return kept === 'kept' && outcome === 'gap' ? outcome : kept;
    }
    this.#deliver(flow, half, packet, packet.bytes, at, packet.payloadEnd);
    if (queue !== null) this.#drain(flow, half, packet);
    return outcome;
  }

  /**
   * Takes the data of a SYN. The server may read it at once, or ignore it and get it again, so that it is not taken
   * where there is no room to remember it.
   */
  acceptSynData(flow: number, half: TcpHalf, packet: Packet, sequence: number): StreamOutcome {
    if (half.next !== sequence || isFromThisHost(packet)) {
      return this.accept(flow, half, packet, sequence);
    }
    const usedBefore = this.#memory.usedBytes;
    const isKept = this.#remember(half, packet.bytes, packet.payloadStart, packet.payloadEnd);
    half.synDataBytes = this.#memory.usedBytes - usedBefore;
    this.#synDataBytes += half.synDataBytes;
    if (isKept && this.#synDataBytes <= this.#limits.maxTotalBytes / SYN_DATA_SHARE) {
      return this.accept(flow, half, packet, sequence);
    }
    this.#forgetDelivered(half);
    half.highest = (sequence + packet.payloadEnd - packet.payloadStart) | 0;
    return refuse(packet, 'stream.reassembly_insert_memcap', 'memory-cap');
  }

  /** The sender goes on with this packet, and nobody saw what it has sent since `half.next`. */
  resume(flow: number, half: TcpHalf, packet: Packet): void {
    const sequence = packet.sequence | 0;
    const { offset } = half;
    this.#forgetQueue(half);
    this.#forgetDelivered(half);
    half.hasUrgent = false;
    half.highest = sequence;
    if (!half.hasWord && isAfter(half.acked, sequence)) half.acked = sequence;
    // More than 2 GiB may have passed.
    const missingBytes = (sequence - half.next) >>> 0;
    half.synchronise(sequence);
    if (offset === 0) return;
    half.offset = offset + missingBytes;
    this.#consumer.onGap(flow, half.direction, missingBytes, offset);
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
    if (half.delivered !== null) {
      half.delivered.release(half.acked);
      if (half.delivered.isEmpty) this.#forgetDelivered(half);
    }
    if (half.hasFin) this.#finish(flow, half);
    let hasGap = false;
    while (isAfter(half.acked, half.next) && !half.isEnded) {
      // A hole is known to be one when something lies behind it; a receiver may claim what was never sent.
      const hasKept = half.queue !== null && half.queue.count > 0;
      if (!hasKept && !half.hasFin) break;
      const behind = hasKept ? half.queue!.firstStart : half.fin;
      if (isAfter(behind, half.acked) || !isAfter(behind, half.next)) break;
      this.#gap(flow, half, packet, behind);
      this.#drain(flow, half, packet);
      hasGap = true;
    }
    return hasGap;
  }

  /** Bytes are still delivered, but no more kept until they are acknowledged. */
  stopComparing(half: TcpHalf): void {
    half.isCompared = false;
    this.#forgetDelivered(half);
  }

  /** What was delivered is not kept any longer: of what is sent again, nobody can say whether it is the same. */
  letGoOfDelivered(half: TcpHalf): void {
    this.#forgetDelivered(half);
  }

  /** Bytes will pass that nobody sees: what was kept to be compared or put in order with them is of no use. */
  forget(half: TcpHalf): void {
    this.#forgetQueue(half);
    this.#forgetDelivered(half);
  }

  /** No more bytes will come: tells the consumer, unless it knows, and lets go of what was kept. */
  end(flow: number, half: TcpHalf): void {
    this.forget(half);
    this.#tellEnd(flow, half);
  }

  /**
   * Data that does not follow what was delivered, of a sender of which nobody knows yet whether its receiver is where
   * we began to read. Null where `accept` goes on with it.
   *
   * Whoever sends it could have made us begin too early or too late. So what is ahead does not pass, though it is kept:
   * the receiver may read it at once. And what lies before the beginning, and which the receiver does not say to have,
   * becomes the beginning; all that was delivered follows behind it once more.
   */
  #judgePlace(flow: number, half: TcpHalf, packet: Packet, sequence: number): StreamOutcome | null {
    const { delivered, queue, acked, pickedUpAt } = half;
    const length = packet.payloadEnd - packet.payloadStart;
    const differing = Math.max(
      delivered?.firstDifference(sequence, packet.bytes, packet.payloadStart, length) ?? -1,
      queue?.firstDifference(sequence, packet.bytes, packet.payloadStart, length) ?? -1,
    );
    if (differing >= 0) return this.#refuseDiffering(half, packet, (sequence + differing) | 0);
    if (isAfter(sequence, half.next)) {
      const kept = this.#keep(half, packet, sequence);
      return kept === 'kept' ? refuse(packet, 'tcp.unplaced_data', 'unplaced') : kept;
    }
    if (!isAfter(pickedUpAt, sequence)) return null;
    if (half.hasWord && !isAfter((sequence + length) | 0, acked)) return null;
    if (half.restarts === MAX_RESTARTS) return refuse(packet, 'tcp.unplaced_data', 'unplaced');
    if (delivered !== null && !this.#memory.hasRoomFor(delivered.queueCostBytes)) {
      return refuse(packet, 'stream.reassembly_insert_memcap', 'memory-cap');
    }
    this.#restart(flow, half, half.hasWord && isAfter(acked, sequence) ? acked : sequence);
    return null;
  }

  /** Begins anew at `from`, before what was delivered. */
  #restart(flow: number, half: TcpHalf, from: number): void {
    const { delivered } = half;
    if (delivered !== null) {
      half.queue ??= new SegmentQueue();
      const costBefore = half.queue.costBytes;
      delivered.copyTo(half.queue);
      this.#memory.usedBytes += half.queue.costBytes - costBefore;
      this.#forgetDelivered(half);
    }
    half.restarts++;
    half.offset = 0;
    half.isCompared = true;
    half.urgentBytes = 0;
    half.next = from;
    half.synchronise(from);
    this.#consumer.onRestart(flow, half.direction);
  }

  /**
   * Bytes that were delivered before. Those that the receiver has acknowledged it will not read again. Others it may
   * not have got: then it reads these, and they must be what was inspected.
   */
  #judgeOldBytes(half: TcpHalf, packet: Packet, sequence: number, length: number): StreamOutcome {
    const end = (sequence + length) | 0;
    if (!isAfter(end, half.acked)) {
      // RFC 1122 §4.2.3.6: a keep-alive probe has the last byte again, or any other in its place.
      const isProbe = packet.payloadEnd - packet.payloadStart === 1 && end === half.next;
      if (!isProbe) packet.events.push('stream.pkt_spurious_retransmission' satisfies StreamEvent);
      return 'inspected';
    }
    const { delivered } = half;
    if (delivered !== null) {
      const differing = delivered.firstDifference(sequence, packet.bytes, packet.payloadStart, length);
      if (differing >= 0) return this.#refuseDiffering(half, packet, (sequence + differing) | 0);
    }
    packet.events.push('stream.pkt_retransmission' satisfies StreamEvent);
    if (!half.isCompared || isFromThisHost(packet)) return 'inspected';
    const from = isAfter(sequence, half.acked) ? sequence : half.acked;
    const isComparedWhole =
      delivered !== null && distance(from, delivered.start) >= 0 && distance(end, delivered.end) <= 0;
    if (isComparedWhole || this.#limits.isOneSided) return 'inspected';
    return refuse(packet, 'tcp.retransmit_not_compared', 'not-compared');
  }

  /** Copies data behind a hole. */
  #keep(half: TcpHalf, packet: Packet, sequence: number): StreamOutcome {
    half.queue ??= new SegmentQueue();
    const { queue } = half;
    const newBytes = queue.plan(sequence, packet.payloadEnd - packet.payloadStart);
    if (newBytes === 0) return 'kept';
    const { maxOutOfOrderBytes, maxOutOfOrderSegments } = this.#limits;
    if (queue.bytes + newBytes > maxOutOfOrderBytes || queue.plannedCount > maxOutOfOrderSegments) {
      return refuse(packet, 'stream.reassembly_insert_limit', 'memory-cap');
    }
    if (!this.#memory.hasRoomFor(newBytes + SEGMENT_OVERHEAD_BYTES)) {
      return refuse(packet, 'stream.reassembly_insert_memcap', 'memory-cap');
    }
    const costBefore = queue.costBytes;
    queue.insert(sequence, packet.bytes, packet.payloadStart);
    this.#memory.usedBytes += queue.costBytes - costBefore;
    return 'kept';
  }

  /** The kernel leaves an urgent byte out of what the application reads, unless that has set SO_OOBINLINE. */
  #deliver(flow: number, half: TcpHalf, packet: Packet, bytes: Uint8Array, start: number, end: number): void {
    if (half.isCompared && !isFromThisHost(packet)) this.#remember(half, bytes, start, end);
    const urgentAt = half.hasUrgent ? start + distance(half.urgent, half.next) : end;
    if (urgentAt >= start && urgentAt < end) {
      if (urgentAt > start) this.#hand(flow, half, bytes, start, urgentAt);
      half.next = (half.next + 1) | 0;
      half.urgentBytes++;
      if (urgentAt + 1 < end) this.#hand(flow, half, bytes, urgentAt + 1, end);
    } else this.#hand(flow, half, bytes, start, end);
    if (half.hasFin) this.#finish(flow, half);
  }

  /** State first: what the consumer asks from within is then already true. */
  #hand(flow: number, half: TcpHalf, bytes: Uint8Array, start: number, end: number): void {
    const { offset } = half;
    half.next = (half.next + (end - start)) | 0;
    half.offset = offset + (end - start);
    this.#consumer.onData(flow, half.direction, bytes, start, end, offset);
  }

  /** Delivers kept data that has become contiguous. */
  #drain(flow: number, half: TcpHalf, packet: Packet): void {
    const { queue } = half;
    if (queue === null) return;
    const costBefore = queue.costBytes;
    let done = 0;
    while (done < queue.count && !isAfter(queue.startAt(done), half.next)) {
      const bytes = queue.bytesAt(done);
      const from = distance(half.next, queue.startAt(done));
      done++;
      if (from < bytes.length) this.#deliver(flow, half, packet, bytes, from, bytes.length);
    }
    // The end of the stream has emptied the queue, and its cost is off the account.
    if (queue.count === 0) return;
    queue.drop(done);
    this.#memory.usedBytes += queue.costBytes - costBefore;
  }

  /**
   * Copies bytes that are delivered next, unless the receiver has them, or data of a SYN is remembered already. False
   * where there is no room.
   */
  #remember(half: TcpHalf, bytes: Uint8Array, start: number, end: number): boolean {
    const next = (half.next + (end - start)) | 0;
    if (!isAfter(next, half.acked)) return true;
    if (half.synDataBytes > 0 && half.delivered !== null && !isAfter(next, half.delivered.end)) return true;
    half.delivered ??= this.#deliveredMemory.open();
    const isKept = half.delivered.append(half.next, bytes, start, end, this.#limits.maxOutOfOrderBytes);
    if (half.delivered.isEmpty) this.#forgetDelivered(half);
    return isKept;
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
    if (!half.hasFin || half.isEnded || !half.isAnchored || half.next !== half.fin) return;
    half.next = (half.fin + 1) | 0;
    this.#forgetQueue(half);
    this.#tellEnd(flow, half);
  }

  #tellEnd(flow: number, half: TcpHalf): void {
    if (half.isEnded) return;
    half.isEnded = true;
    this.#consumer.onEnd(flow, half.direction);
  }

  #forgetQueue(half: TcpHalf): void {
    if (half.queue === null) return;
    this.#memory.usedBytes -= half.queue.costBytes;
    half.queue.clear();
    half.queue = null;
  }

  #forgetDelivered(half: TcpHalf): void {
    this.#synDataBytes -= half.synDataBytes;
    half.synDataBytes = 0;
    if (half.delivered === null) return;
    this.#deliveredMemory.close(half.delivered);
    half.delivered = null;
  }

  #refuseDiffering(half: TcpHalf, packet: Packet, sequence: number): StreamOutcome {
    this.#differingOffset = half.offset + distance(sequence, half.next);
    return refuse(packet, 'tcp.retransmit_differs', 'differs');
  }
}

/** Segments that were sent in the wrong order, right when we came. Each costs what was delivered since. Our choice. */
const MAX_RESTARTS = 8;
/** A SYN can have a forged sender, so all data of SYNs together gets a part only of the memory. Our choice. */
const SYN_DATA_SHARE = 8;
/** Delivered bytes get a part only, so that what is out of order always finds room. Our choice. */
const DELIVERED_SHARE = 2;
