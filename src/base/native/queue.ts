import { getSystemErrorName } from 'node:util';
import { addon, checkInteger, checkLength, NativeError, type NativeQueue } from './addon.ts';
import { findQueueOwner, type QueueOwner, readQueueStatistics } from './queue-statistics.ts';

/** Columns of a row in `QueueOptions.rows`; native/queue.cc writes them in this order. */
export const QUEUE_COLUMN = {
  ID: 0,
  /** Where the packet starts in `bytes`: its IP header, or the network header of `HW_PROTOCOL`. */
  START: 1,
  /** Bytes of the packet that are there. */
  BYTES: 2,
  /** Length of the packet on its way; more than BYTES when the kernel cut it to `copyBytes`. */
  WIRE_BYTES: 3,
  /** Bits of SKB_INFO. */
  SKB_INFO: 4,
  /** The packet mark that the firewall has set so far. */
  MARK: 5,
  /** NF_INET_PRE_ROUTING 0, LOCAL_IN 1, FORWARD 2, LOCAL_OUT 3, POST_ROUTING 4. */
  HOOK: 6,
  /** Interface index, 0 when the hook has none. */
  IN_INTERFACE: 7,
  OUT_INTERFACE: 8,
  /** EtherType, host order: 0x0800 or 0x86dd. */
  HW_PROTOCOL: 9,
} as const;
export const QUEUE_COLUMNS = Object.keys(QUEUE_COLUMN).length;

/** Bits of `QueueOptions.flags`: NFQA_CFG_F_* of linux/netfilter/nfnetlink_queue.h. */
export const QUEUE_FLAG = { FAIL_OPEN: 1, CONNTRACK: 2, GSO: 4, UID_GID: 8, SECCTX: 16 } as const;

/** Bits of the SKB_INFO column: NFQA_SKB_* of the same header. */
export const SKB_INFO = {
  /** The checksum will be filled in later: what is in the packet is not one. */
  CHECKSUM_NOT_READY: 1,
  GSO: 2,
  /** Nobody has checked the checksum yet. */
  CHECKSUM_NOT_VERIFIED: 4,
} as const;

export const NF_DROP = 0;
export const NF_ACCEPT = 1;

/** The kernel copies no more of a packet than this: the length of a netlink attribute has 16 bits. */
export const MAX_COPY_BYTES = 0xffff - 4;
/** Most packets that one `receive` can return (UIO_MAXIOV). */
const MAX_BATCH_PACKETS = 1024;
/** What a slot must hold beside the packet: the headers and attributes of its netlink message. */
export const SLOT_OVERHEAD_BYTES = 4096;

export interface QueueOptions {
  /** NFQUEUE number, 0 to 65535. */
  queue: number;
  /** Packets that may wait for a verdict before the kernel drops, or accepts with QUEUE_FLAG.FAIL_OPEN. */
  maxLength: number;
  /** Bytes of each packet to copy, at most MAX_COPY_BYTES. */
  copyBytes: number;
  /** Socket buffer to ask for. The kernel charges what the packets occupy, not their length. */
  receiveBufferBytes: number;
  /** QUEUE_FLAG bits. */
  flags: number;
  /** Packets of a batch, and so the rows of the arrays below. At most MAX_BATCH_PACKETS. */
  capacity: number;
  /** At least copyBytes + SLOT_OVERHEAD_BYTES, unless packets may be cut. */
  slotBytes: number;
  /**
   * The four arrays stay the caller's to read and write, are kept alive by the queue, and must not be transferred
   * to another thread. Length capacity * slotBytes: the packets of the last batch, overwritten by the next `receive`.
   */
  bytes: Uint8Array;
  /** Length capacity * QUEUE_COLUMNS, one row for each packet of the last batch. */
  rows: Uint32Array;
  /** Length capacity: what `decide` reads. NF_ACCEPT accepts, every other value drops. */
  verdicts: Uint8Array;
  /** Length capacity: packet mark to set together with the verdict, 0 to leave it as it is. */
  marks: Uint32Array;
}

/** Why a queue could not be opened, in words for the administrator. */
export class QueueError extends NativeError {
  override name = 'QueueError';
  readonly queue: number;
  /** errno name: EPERM, EBUSY, EPROTONOSUPPORT, ... */
  readonly code: string;
  /** 'socket', 'bind' or 'configure'. */
  readonly step: string;
  /** With EBUSY: who has the queue. */
  readonly owner: QueueOwner | null;

  constructor(message: string, queue: number, code: string, step: string, owner: QueueOwner | null, cause: unknown) {
    super(message, { cause });
    this.queue = queue;
    this.code = code;
    this.step = step;
    this.owner = owner;
  }
}

/** What native/queue.cc calls its columns, for the test that compares them with QUEUE_COLUMN. */
export const NATIVE_QUEUE_COLUMNS: readonly string[] = addon.queueColumns;

/** One NFQUEUE of the network namespace that the calling thread lives in. */
export class NfQueue {
  readonly #native: NativeQueue;
  readonly #id: number;

  /** Throws QueueError, or RangeError for options that are none. */
  constructor(options: QueueOptions) {
    checkQueueOptions(options);
    this.#native = openQueue(options);
    this.#id = this.#native.id;
  }

  /**
   * Blocks for at most `timeoutMs` (rounded up to the kernel's tick; 0 only polls) and returns the packets received,
   * 0 after the timeout or a signal. Must not be called again before `decide`.
   */
  receive(timeoutMs: number): number {
    return this.#native.receive(this.#id, timeoutMs);
  }

  /** Answers the `count` packets that `receive` returned, in their order. Throws when the kernel takes no answers. */
  decide(count: number): void {
    this.#native.decide(this.#id, count);
  }

  /** Gives the queue up; the kernel drops what waits in it. Harmless when closed. */
  close(): void {
    this.#native.close();
  }

  /** The netlink port id, under which the kernel lists the queue's owner. */
  get portId(): number {
    return this.#native.portId;
  }

  /** What the kernel granted, by its own count: twice the bytes asked for. 0 when closed. */
  get receiveBufferBytes(): number {
    return this.#native.receiveBufferBytes;
  }
}

function openQueue(options: QueueOptions): NativeQueue {
  const { queue, maxLength, copyBytes, receiveBufferBytes, flags, capacity, slotBytes } = options;
  const { bytes, rows, verdicts, marks } = options;
  try {
    return new addon.NfQueue(
      queue,
      maxLength,
      copyBytes,
      receiveBufferBytes,
      flags,
      capacity,
      slotBytes,
      bytes,
      rows,
      verdicts,
      marks,
    );
  } catch (cause) {
    throw hasErrno(cause) ? explainQueueError(queue, cause) : cause;
  }
}

function checkQueueOptions(options: QueueOptions): void {
  checkInteger('queue', options.queue, 0, 0xffff);
  checkInteger('maxLength', options.maxLength, 1, 0xffff_ffff);
  checkInteger('copyBytes', options.copyBytes, 0, MAX_COPY_BYTES);
  checkInteger('receiveBufferBytes', options.receiveBufferBytes, 1, 0x3fff_ffff);
  checkInteger('flags', options.flags, 0, 0xffff_ffff);
  checkInteger('capacity', options.capacity, 1, MAX_BATCH_PACKETS);
  checkInteger('slotBytes', options.slotBytes, 512, 2 ** 20);
  checkLength('bytes', options.bytes, options.capacity * options.slotBytes);
  checkLength('rows', options.rows, options.capacity * QUEUE_COLUMNS);
  checkLength('verdicts', options.verdicts, options.capacity);
  checkLength('marks', options.marks, options.capacity);
}

interface QueueFailure {
  errno: number;
  step: string;
}

const hasErrno = (error: unknown): error is QueueFailure =>
  error instanceof Error && typeof (error as Partial<QueueFailure>).errno === 'number';

function explainQueueError(queue: number, failure: QueueFailure): QueueError {
  const code = getSystemErrorName(-failure.errno);
  const { step } = failure;
  // The kernel says EPERM both to a process without the right and to a stranger to the queue.
  const holder =
    code === 'EPERM' || code === 'EBUSY' ? readQueueStatistics().find((q) => q.queue === queue) : undefined;
  if (holder !== undefined) {
    const owner = findQueueOwner(holder.portId);
    const who = owner.pid === null ? `netlink port ${owner.portId}` : `process ${owner.pid} (${owner.command})`;
    const message = `NFQUEUE ${queue} is already taken by ${who}: stop that process, or choose another queue number`;
    return new QueueError(message, queue, 'EBUSY', step, owner, failure);
  }
  return new QueueError(`cannot open NFQUEUE ${queue}: ${adviceFor(code, step)}`, queue, code, step, null, failure);
}

function adviceFor(code: string, step: string): string {
  if (code === 'EPERM' || code === 'EACCES') {
    return 'not permitted; run as root or with the capability CAP_NET_ADMIN in the user namespace of this network';
  }
  // Without the module nfnetlink knows no such subsystem, and without nfnetlink there is no such protocol.
  if (code === 'EPROTONOSUPPORT' || (code === 'EINVAL' && step === 'bind')) {
    return 'this kernel has no NFQUEUE; try "modprobe nfnetlink_queue" (CONFIG_NETFILTER_NETLINK_QUEUE)';
  }
  if (code === 'ENOTSUP') return 'this kernel does not know one of the queue flags';
  if (code === 'EMFILE' || code === 'ENFILE') return 'too many open files';
  return `${code} in step "${step}"`;
}
