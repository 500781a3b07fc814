import {
  MAX_COPY_BYTES,
  NfQueue,
  QUEUE_COLUMN,
  QUEUE_COLUMNS,
  QUEUE_FLAG,
  SKB_INFO,
  SLOT_OVERHEAD_BYTES,
} from '../base/native/queue.ts';
import { CHECKSUM, type ChecksumState, LINK, type Packet } from '../wire/packet.ts';
import { Backlog } from './backlog.ts';
import type { PacketSource, Verdict } from './source.ts';
import { WallClock } from './wall-clock.ts';

const { ID, START, BYTES, WIRE_BYTES, SKB_INFO: INFO, MARK, IN_INTERFACE, OUT_INTERFACE } = QUEUE_COLUMN;

/**
 * Packets of one system call. More of them save calls under load but touch more memory: with GSO a batch of bulk
 * traffic fills its slots. 16, 64 and 256 carried the same throughput, within the noise (two cores, Node 20).
 */
const BATCH_PACKETS = 64;
const SLOT_BYTES = MAX_COPY_BYTES + SLOT_OVERHEAD_BYTES;
/**
 * Socket buffer. The kernel charges a packet by the memory that it occupies, up to some 70 KiB with GSO. A full buffer
 * loses packets just as a full queue does, and it holds the window of many fast flows (tcp_rmem ends at 6 MiB).
 */
const RECEIVE_BUFFER_BYTES = 64 * 1024 * 1024;
/** Fixed in the kernel: LOOPBACK_IFINDEX of include/net/flow.h. */
const LOOPBACK_INTERFACE = 1;

export interface NfqueueOptions {
  readonly queue: number;
  /** Packets that may wait for a verdict. */
  readonly lengthPackets: number;
  /** A full queue lets packets pass instead of dropping them. */
  readonly isFailOpen: boolean;
  /** The answer to a packet that nobody decided about. */
  readonly whenUndecided: Verdict;
}

/** One NFQUEUE of the network namespace that the process lives in. Blocks its thread while it waits. */
export class NfqueueSource implements PacketSource {
  readonly #queue: NfQueue;
  readonly #whenUndecided: Verdict;
  readonly #bytes = new Uint8Array(BATCH_PACKETS * SLOT_BYTES);
  readonly #rows = new Uint32Array(BATCH_PACKETS * QUEUE_COLUMNS);
  readonly #verdicts = new Uint8Array(BATCH_PACKETS);
  readonly #marks = new Uint32Array(BATCH_PACKETS);
  readonly #clock = new WallClock();
  /** Packets of the batch that `flush` has to answer. */
  #count = 0;
  /** Packets of all batches before this one. */
  #seenPackets = 0;
  #batchTimeMs = 0;
  /** Null: what the queue cannot hold is dropped, and sent again. */
  readonly #backlog: Backlog | null;
  #hasOverflowed = false;

  /** Throws QueueError, whose message is for the administrator. */
  constructor({ queue, lengthPackets, isFailOpen, whenUndecided }: NfqueueOptions) {
    this.#whenUndecided = whenUndecided;
    this.#backlog = isFailOpen ? new Backlog(lengthPackets, BATCH_PACKETS) : null;
    this.#queue = new NfQueue({
      queue,
      maxLength: lengthPackets,
      copyBytes: MAX_COPY_BYTES,
      receiveBufferBytes: RECEIVE_BUFFER_BYTES,
      flags: QUEUE_FLAG.GSO | (isFailOpen ? QUEUE_FLAG.FAIL_OPEN : 0),
      capacity: BATCH_PACKETS,
      slotBytes: SLOT_BYTES,
      bytes: this.#bytes,
      rows: this.#rows,
      verdicts: this.#verdicts,
      marks: this.#marks,
    });
  }

  /** Under which the kernel lists the queue's owner. */
  get portId(): number {
    return this.#queue.portId;
  }

  /** How often others may have passed that the queue could not hold. */
  get overflows(): number {
    return this.#backlog?.overflows ?? 0;
  }

  /** When the last `receive` returned, also where it returned nothing. */
  get timeMs(): number {
    return this.#batchTimeMs;
  }

  /** Before or among the packets of this batch, others may have passed that the queue could not hold. */
  get hasOverflowed(): boolean {
    return this.#hasOverflowed;
  }

  elapsedMs(): number {
    return this.#clock.elapsedMs();
  }

  receive(timeoutMs: number): number {
    this.#seenPackets += this.#count;
    this.#count = this.#queue.receive(timeoutMs);
    this.#batchTimeMs = this.#clock.nowMs();
    for (let row = 0; row < this.#count; row++) this.decide(row, this.#whenUndecided, 0);
    if (this.#backlog !== null) this.#hasOverflowed = this.#backlog.hasOverflowed(this.#count, this.#lastId());
    return this.#count;
  }

  read(row: number, packet: Packet): void {
    const rows = this.#rows;
    const at = row * QUEUE_COLUMNS;
    packet.bytes = this.#bytes;
    packet.start = rows[at + START]!;
    packet.end = packet.start + rows[at + BYTES]!;
    packet.wireBytes = rows[at + WIRE_BYTES]!;
    packet.linkType = LINK.rawIp;
    packet.timeMs = this.#batchTimeMs;
    packet.number = this.#seenPackets + row + 1;
    packet.checksum = checksumState(rows[at + INFO]!);
    packet.inInterface = rows[at + IN_INTERFACE]!;
    packet.outInterface = rows[at + OUT_INTERFACE]!;
    packet.mark = rows[at + MARK]!;
    packet.isLoopback = packet.inInterface === LOOPBACK_INTERFACE || packet.outInterface === LOOPBACK_INTERFACE;
  }

  decide(row: number, verdict: Verdict, mark: number): void {
    this.#verdicts[row] = verdict;
    this.#marks[row] = mark;
  }

  flush(): void {
    this.#queue.decide(this.#count);
  }

  close(): void {
    this.#queue.close();
  }

  #lastId(): number {
    return this.#count === 0 ? 0 : this.#rows[(this.#count - 1) * QUEUE_COLUMNS + ID]!;
  }
}

function checksumState(info: number): ChecksumState {
  if ((info & SKB_INFO.CHECKSUM_NOT_READY) !== 0) return CHECKSUM.notReady;
  if ((info & SKB_INFO.CHECKSUM_NOT_VERIFIED) !== 0) return CHECKSUM.unverified;
  return CHECKSUM.trusted;
}
