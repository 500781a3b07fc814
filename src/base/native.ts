/**
 * The native addon: NFQUEUE, literal search by libhs and regular expressions by PCRE2. Its memory rules in short:
 * what is passed to a call is borrowed for that call; what a class exposes (`results`, `groups`) is overwritten by
 * its next call. Nothing here may be used from two threads: each worker makes its own.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { getSystemErrorName } from 'node:util';

/** A native part refused. Subclasses say which; `cause` is what the addon threw. */
export class NativeError extends Error {
  override name = 'NativeError';
}

// ---------------------------------------------------------------------------------------------------------------
// NFQUEUE

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
export const MAX_BATCH_PACKETS = 1024;
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

/** Since the queue was opened. */
export interface QueueErrors {
  /** Error answers of the kernel, such as ENOENT for a verdict on a packet that it has flushed meanwhile. */
  kernelErrors: number;
  /** ENOBUFS: the socket buffer was full. The kernel counts the lost packets as `userDropped`. */
  overruns: number;
  /** Messages or attributes that make no sense, or do not come from the kernel. */
  malformed: number;
}

interface NativeQueue {
  /**
   * Blocks for at most `timeoutMs` (rounded up to the kernel's tick; 0 only polls) and returns the packets received,
   * 0 after the timeout or a signal. Must not be called again before `decide`.
   */
  receive(timeoutMs: number): number;
  /** Answers the `count` packets that `receive` returned, in their order. Throws when the kernel takes no answers. */
  decide(count: number): void;
  /** Gives the queue up; the kernel drops what waits in it. Harmless when closed. */
  close(): void;
  /** The netlink port id, under which the kernel lists the queue's owner. */
  readonly portId: number;
  /** What the kernel granted, by its own count: twice the bytes asked for. 0 when closed. */
  readonly receiveBufferBytes: number;
  readonly statistics: QueueErrors;
}

/** The process that holds a queue. */
export interface QueueOwner {
  portId: number;
  /** Null when no process that we may look into has the socket; it may live in another container. */
  pid: number | null;
  command: string | null;
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

/** One line of /proc/net/netfilter/nfnetlink_queue. The counters wrap at 2^32. */
export interface QueueStatistics {
  queue: number;
  portId: number;
  /** Packets that wait for a verdict now. */
  waiting: number;
  /** 0 none, 1 metadata, 2 packet. */
  copyMode: number;
  copyBytes: number;
  /** Packets lost because the queue was full. */
  queueDropped: number;
  /** Packets lost because the socket's buffer was full. */
  userDropped: number;
  /** Id of the last packet, which is the number of packets so far. */
  idSequence: number;
}

// ---------------------------------------------------------------------------------------------------------------
// Literal patterns

export interface LiteralPattern {
  /** Any bytes, NUL included; neither empty nor longer than MAX_LITERAL_BYTES. Copied. */
  bytes: Uint8Array;
  /** 0 or MATCH_CASELESS. */
  flags: number;
}

/** libhs takes expressions of 16,000 characters, and a byte may take four of them. */
export const MAX_LITERAL_BYTES = 4000;

interface NativeMatcher {
  /** Goes first into `scan`; see Registry in native/addon.h. */
  readonly id: number;
  scan(id: number, bytes: Uint8Array, start: number, end: number): number;
  serialize(): Uint8Array;
  readonly results: Uint32Array;
  readonly databaseBytes: number;
}

/** Patterns that libhs does not take. */
export class MatcherError extends NativeError {
  override name = 'MatcherError';
  /** Index of the pattern at fault, null when it is not one alone. */
  readonly pattern: number | null;

  constructor(message: string, pattern: number | null, cause?: unknown) {
    super(message, { cause });
    this.pattern = pattern;
  }
}

// ---------------------------------------------------------------------------------------------------------------
// Regular expressions

export interface RegexLimits {
  /** PCRE2's match limit for each start position. JIT code counts less finely than the interpreter. */
  matchLimit: number;
  /** Nested backtracking; only the interpreter heeds it, JIT code has a stack of 512 KiB instead. */
  depthLimit: number;
}

interface NativeRegex {
  readonly id: number;
  match(id: number, bytes: Uint8Array, start: number, end: number, from: number): number;
  readonly groups: Uint32Array;
  readonly isJit: boolean;
}

export const REGEX_UNSET = 0xffff_ffff;

/** PCRE2 does not take the pattern. */
export class RegexError extends NativeError {
  override name = 'RegexError';
  /** Offset in the pattern, in bytes. */
  readonly offset: number;

  constructor(message: string, offset: number, cause: unknown) {
    super(message, { cause });
    this.offset = offset;
  }
}

// ---------------------------------------------------------------------------------------------------------------
// The addon

type RegexFlag = 'CASELESS' | 'DOTALL' | 'MULTILINE' | 'EXTENDED' | 'ANCHORED' | 'DOLLAR_ENDONLY' | 'UNGREEDY';
type RegexErrorCode = 'MATCH_LIMIT' | 'DEPTH_LIMIT' | 'HEAP_LIMIT' | 'OTHER';

interface Addon {
  NfQueue: new (
    queue: number,
    maxLength: number,
    copyBytes: number,
    receiveBufferBytes: number,
    flags: number,
    capacity: number,
    slotBytes: number,
    bytes: Uint8Array,
    rows: Uint32Array,
    verdicts: Uint8Array,
    marks: Uint32Array,
  ) => NativeQueue;
  queueColumns: readonly string[];
  Matcher: new (serialized: Uint8Array) => NativeMatcher;
  /** Pattern i is bytes[ends[i - 1], ends[i]). */
  compileLiterals(bytes: Uint8Array, ends: Uint32Array, flags: Uint32Array): Uint8Array;
  MATCH_CASELESS: number;
  Regex: new (pattern: Uint8Array, flags: number, matchLimit: number, depthLimit: number) => NativeRegex;
  regexFlags: Readonly<Record<RegexFlag, number>>;
  regexErrors: Readonly<Record<RegexErrorCode, number>>;
  liveObjects(): number;
}

const ADDON = join(packageRoot(), 'native/build/Release/vpatch.node');

const addon = loadAddon();

/** This file runs from src/, dist/ and dist/tools/src/; without package.json above it, Node would not take it for ESM. */
function packageRoot(): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, 'package.json')) && directory !== '/') directory = dirname(directory);
  return directory;
}

function loadAddon(): Addon {
  try {
    return createRequire(import.meta.url)(ADDON) as Addon;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const advice =
      code === 'MODULE_NOT_FOUND'
        ? 'is missing: run "make build"'
        : `cannot be loaded: run "make build" again, and check that libhs and libpcre2-8 are installed (${cause})`;
    throw new NativeError(`the native addon ${ADDON} ${advice}`, { cause });
  }
}

/** Natives that are alive in this process, for leak checks. */
export const liveNativeObjects = (): number => addon.liveObjects();
/** What native/queue.cc calls its columns, for the test that compares them with QUEUE_COLUMN. */
export const NATIVE_QUEUE_COLUMNS: readonly string[] = addon.queueColumns;

/** One NFQUEUE of the network namespace that the calling thread lives in. */
export class NfQueue extends addon.NfQueue {
  constructor(options: QueueOptions) {
    checkQueueOptions(options);
    const { queue, maxLength, copyBytes, receiveBufferBytes, flags, capacity, slotBytes } = options;
    const { bytes, rows, verdicts, marks } = options;
    try {
      super(queue, maxLength, copyBytes, receiveBufferBytes, flags, capacity, slotBytes, bytes, rows, verdicts, marks);
    } catch (cause) {
      throw hasErrno(cause) ? explainQueueError(queue, cause) : cause;
    }
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

/** What the kernel says of the queues in this network namespace; empty where it has no NFQUEUE or hides the file. */
export function readQueueStatistics(): QueueStatistics[] {
  return parseQueueStatistics(readProc('/proc/thread-self/net/netfilter/nfnetlink_queue'));
}

/** Lines that are no such lines are skipped. */
export function parseQueueStatistics(text: string): QueueStatistics[] {
  const queues: QueueStatistics[] = [];
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/\s+/).map(Number);
    if (fields.length < 8 || fields.some(Number.isNaN)) continue;
    const [queue, portId, waiting, copyMode, copyBytes, queueDropped, userDropped, idSequence] = fields as ProcLine;
    queues.push({ queue, portId, waiting, copyMode, copyBytes, queueDropped, userDropped, idSequence });
  }
  return queues;
}

type ProcLine = [number, number, number, number, number, number, number, number];

/** The kernel gives the first netlink socket of a process its pid as port id, but any other socket a random one. */
export function findQueueOwner(portId: number): QueueOwner {
  const pid = findSocketHolder(netlinkInode(portId)) ?? portId;
  const command = readProc(`/proc/${pid}/comm`).trim();
  return command === '' ? { portId, pid: null, command: null } : { portId, pid, command };
}

/** Columns of /proc/net/netlink: sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode. */
function netlinkInode(portId: number): string | null {
  const NETLINK_NETFILTER = '12';
  for (const line of readProc('/proc/thread-self/net/netlink').split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (fields[1] === NETLINK_NETFILTER && fields[2] === String(portId)) return fields[9] ?? null;
  }
  return null;
}

function findSocketHolder(inode: string | null): number | null {
  if (inode === null) return null;
  for (const pid of listProc('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of listProc(`/proc/${pid}/fd`)) {
      if (readLink(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`) return Number(pid);
    }
  }
  return null;
}

// Processes come and go while /proc is read, and not all of it is ours to see.
const readProc = (path: string): string => orElse('', () => readFileSync(path, 'utf8'));
const listProc = (path: string): string[] => orElse([], () => readdirSync(path));
const readLink = (path: string): string => orElse('', () => readlinkSync(path));

function orElse<T>(fallback: T, read: () => T): T {
  try {
    return read();
  } catch {
    return fallback;
  }
}

/** For `LiteralPattern.flags`: ASCII letters match in either case. */
export const MATCH_CASELESS = addon.MATCH_CASELESS;

/** Searches for many literals at once. Comes from `compile` or `load`. */
export class Matcher {
  /** One element for each pattern. The front holds what the last scan found. */
  readonly results: Uint32Array;
  readonly #native: NativeMatcher;
  readonly #id: number;

  private constructor(native: NativeMatcher) {
    this.#native = native;
    this.#id = native.id;
    this.results = native.results;
  }

  /** Takes 20 to 40 µs for each pattern, so some 0.3 s for 8,000, during which the thread stands still. */
  static compile(patterns: readonly LiteralPattern[]): Matcher {
    return new Matcher(new addon.Matcher(compileLiterals(patterns)));
  }

  /**
   * Reads what `serialize` made. Damage is noticed by a checksum, malice is not: the bytes must come from ourselves.
   */
  static load(serialized: Uint8Array): Matcher {
    try {
      return new Matcher(new addon.Matcher(serialized));
    } catch (cause) {
      throw new MatcherError(`cannot load a matcher: ${(cause as Error).message}`, null, cause);
    }
  }

  /**
   * Searches bytes[start, end) and returns how many patterns occur in it. Their indexes, each once and in no
   * particular order, are then at the front of `results`, until the next scan.
   */
  scan(bytes: Uint8Array, start: number, end: number): number {
    return this.#native.scan(this.#id, bytes, start, end);
  }

  /** A copy that `load` takes in any thread, on processors of the same kind and with the same libhs. */
  serialize(): Uint8Array {
    return this.#native.serialize();
  }

  get databaseBytes(): number {
    return this.#native.databaseBytes;
  }
}

function compileLiterals(patterns: readonly LiteralPattern[]): Uint8Array {
  if (patterns.length === 0) throw new MatcherError('a matcher needs at least one pattern', null);
  const ends = new Uint32Array(patterns.length);
  const flags = new Uint32Array(patterns.length);
  let end = 0;
  for (const [i, pattern] of patterns.entries()) {
    const { length } = pattern.bytes;
    if (length === 0) throw new MatcherError(`pattern ${i} is empty`, i);
    if (length > MAX_LITERAL_BYTES) {
      throw new MatcherError(`pattern ${i} has ${length} bytes; the limit is ${MAX_LITERAL_BYTES}`, i);
    }
    if (pattern.flags !== 0 && pattern.flags !== MATCH_CASELESS) {
      throw new MatcherError(`pattern ${i} has unknown flags: ${pattern.flags}`, i);
    }
    end += length;
    ends[i] = end;
    flags[i] = pattern.flags;
  }
  const bytes = new Uint8Array(end);
  for (const [i, pattern] of patterns.entries()) bytes.set(pattern.bytes, ends[i]! - pattern.bytes.length);

  try {
    return addon.compileLiterals(bytes, ends, flags);
  } catch (cause) {
    const { message, pattern = -1 } = cause as Error & { pattern?: number };
    const culprit = pattern >= 0 ? pattern : null;
    throw new MatcherError(culprit === null ? message : `pattern ${culprit}: ${message}`, culprit, cause);
  }
}

/** PCRE2_* compile options, to be combined with |. */
export const REGEX_FLAG = addon.regexFlags;
/** What `Regex.match` returns when it could not finish. All negative; the subject may or may not match. */
export const REGEX_ERROR = addon.regexErrors;

/** One PCRE2 pattern over bytes: never UTF-8, and a character class sees one byte. */
export class Regex {
  /**
   * Start and end of the whole match, then of each group, as offsets in the `bytes` of the last `match` that matched.
   * REGEX_UNSET for a group that took no part.
   */
  readonly groups: Uint32Array;
  /** False where the interpreter does the work: JIT is not available or cannot do this pattern. */
  readonly isJit: boolean;
  readonly #native: NativeRegex;
  readonly #id: number;

  /** A pattern given as a string is taken as latin1, one byte a character. */
  constructor(pattern: Uint8Array | string, flags: number, limits: RegexLimits) {
    const native = compileRegex(pattern, flags, limits);
    this.groups = native.groups;
    this.isJit = native.isJit;
    this.#native = native;
    this.#id = native.id;
  }

  /**
   * Searches bytes[start, end) from offset `from` on; lookbehind and `^` see `start`. Returns 0 for no match, one more
   * than the number of the highest group that is set for a match, or one of REGEX_ERROR, which are negative.
   */
  match(bytes: Uint8Array, start: number, end: number, from: number): number {
    return this.#native.match(this.#id, bytes, start, end, from);
  }
}

function compileRegex(pattern: Uint8Array | string, flags: number, limits: RegexLimits): NativeRegex {
  checkInteger('flags', flags, 0, 0xffff_ffff);
  checkInteger('matchLimit', limits.matchLimit, 1, 0xffff_ffff);
  checkInteger('depthLimit', limits.depthLimit, 1, 0xffff_ffff);
  const bytes = typeof pattern === 'string' ? latin1Bytes(pattern) : pattern;
  try {
    return new addon.Regex(bytes, flags, limits.matchLimit, limits.depthLimit);
  } catch (cause) {
    const { message, offset } = cause as Error & { offset?: number };
    throw offset === undefined ? cause : new RegexError(message, offset, cause);
  }
}

function latin1Bytes(text: string): Uint8Array {
  const wide = /[^\0-\xff]/.exec(text);
  if (wide !== null) throw new RangeError(`the pattern has a character beyond latin1 at ${wide.index}`);
  return Buffer.from(text, 'latin1');
}

function checkInteger(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be an integer from ${least} to ${most}, not ${value}`);
  }
}

function checkLength(name: string, array: { length: number }, least: number): void {
  if (array.length < least) throw new RangeError(`${name} has ${array.length} elements and needs ${least}`);
}
