/**
 * The native addon: NFQUEUE, literal search by libhs and regular expressions by PCRE2. Its memory rules in short:
 * what is passed to a call is borrowed for that call; what a class exposes (`results`, `groups`) is overwritten by
 * its next call. Nothing here may be used from two threads: each worker makes its own.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** A native part refused. Subclasses say which; `cause` is what the addon threw. */
export class NativeError extends Error {
  override name = 'NativeError';
}

/** What they mean: NfQueue in queue.ts. */
export interface NativeQueue {
  /** Goes first into `receive` and `decide`; see Registry in native/addon.h. */
  readonly id: number;
  receive(id: number, timeoutMs: number): number;
  decide(id: number, count: number): void;
  close(): void;
  readonly portId: number;
  readonly receiveBufferBytes: number;
}

export interface NativeMatcher {
  /** Goes first into `scan`; see Registry in native/addon.h. */
  readonly id: number;
  scan(id: number, bytes: Uint8Array, start: number, end: number): number;
  serialize(): Uint8Array;
  readonly results: Uint32Array;
  readonly databaseBytes: number;
}

export interface NativePatternCompiler {
  /** Pattern i is bytes[ends[i - 1], ends[i]). All is copied. A number for `finish`. */
  begin(bytes: Uint8Array, ends: Uint32Array, flags: Uint32Array): number;
  /** What `Matcher` takes, once for each. */
  finish(number: number): Uint8Array;
}

export interface NativeRegex {
  readonly id: number;
  match(id: number, bytes: Uint8Array, start: number, end: number, from: number): number;
  /** Of the last match, two for each group; behind them its work. */
  readonly groups: Uint32Array;
  readonly isJit: boolean;
}

type RegexFlag = 'CASELESS' | 'DOTALL' | 'MULTILINE' | 'EXTENDED' | 'ANCHORED' | 'DOLLAR_ENDONLY' | 'UNGREEDY';
type RegexErrorCode = 'MATCH_LIMIT' | 'DEPTH_LIMIT' | 'HEAP_LIMIT' | 'OTHER';

/** As they were when the other end connected, or began to listen. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

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
  PatternCompiler: new () => NativePatternCompiler;
  MATCH_CASELESS: number;
  Regex: new (pattern: Uint8Array, flags: number, matchLimit: number, depthLimit: number) => NativeRegex;
  regexFlags: Readonly<Record<RegexFlag, number>>;
  regexErrors: Readonly<Record<RegexErrorCode, number>>;
  sendDatagram(path: string, text: string): void;
  peerCredentials(fd: number): PeerCredentials;
  /** Throws with an `errno`. */
  takeConnectionMarks(bit: number): number;
  liveObjects(): number;
  trimMemory(): void;
  threadProcessorMs(): number;
}

const ADDON = join(packageRoot(), 'native/build/Release/vpatch.node');

export const addon = loadAddon();

/** Natives that are alive in this process, for leak checks. */
export const liveNativeObjects = (): number => addon.liveObjects();

/** Returns to the system what native code has freed. */
export const trimNativeMemory = (): void => addon.trimMemory();

/** Processor time that the calling thread has had so far: what it does not have while others run in its place. */
export const threadProcessorMs = (): number => addon.threadProcessorMs();

/** Throws RangeError: the addon takes what it is given. */
export function checkInteger(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be an integer from ${least} to ${most}, not ${value}`);
  }
}

/** The same for an array that the addon uses. */
export function checkLength(name: string, array: { length: number }, least: number): void {
  if (array.length < least) throw new RangeError(`${name} has ${array.length} elements and needs ${least}`);
}

/**
 * This file runs from src/, dist/ and dist/tools/src/; without package.json above it, Node would not take it for ESM.
 */
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
