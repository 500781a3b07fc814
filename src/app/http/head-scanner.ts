import { CR, LF } from '../../base/ascii.ts';
import { isBlank } from './chars.ts';
import type { Head } from './head.ts';
import { MAX_LINE_BYTES } from './options.ts';

/** What a scan of a head ran into. */
export const SCAN = { more: 0, startLine: 1, complete: 2, tooLong: 3 } as const;
export type Scan = (typeof SCAN)[keyof typeof SCAN];

/** An empty line behind a line of one blank belongs to the head, as one does behind LF CR CR LF: libhtp has it so. */
const BEHIND_BLANK_LINE: readonly number[] = [LF];
const BEHIND_ODD_END: readonly number[] = [CR, LF];

/**
 * Finds the end of a head, an empty line, in bytes that come in any pieces, and copies them into the head. Each byte is
 * looked at once: a scan goes on where the last one stopped.
 */
export class HeadScanner {
  /** Where the last scan stopped, an offset into its input. */
  at = 0;
  /** Some line was over MAX_LINE_BYTES. Whoever has read it sets it back. */
  hasLongLine = false;
  #lineBytes = 0;
  /** Bytes of the current line that are no CR; of a line of more than two bytes, just some. */
  #others = 0;
  #last = 0;
  /** The line before this one ended in LF without CR. */
  #endedInLf = false;
  /** The head ends with these bytes, as far as they come; so many of them have. */
  #tail: readonly number[] | null = null;
  #tailBytes = 0;
  readonly #isLenient: boolean;
  #hasStartLine = false;

  /** `isLenient`: also LF CR CR LF and a line of one blank end a head, as browsers and libhtp have it. */
  constructor(isLenient: boolean) {
    this.#isLenient = isLenient;
  }

  get hasStartLine(): boolean {
    return this.#hasStartLine;
  }

  /** For a new head, or (`hasStartLine`) for the fields of a trailer. */
  reset(hasStartLine: boolean): void {
    this.#lineBytes = 0;
    this.#others = 0;
    this.#last = 0;
    this.#endedInLf = false;
    this.#tail = null;
    this.hasLongLine = false;
    this.#hasStartLine = hasStartLine;
  }

  /** So many bytes of the current line are in the head already. */
  resume(hasStartLine: boolean, lineBytes: number): void {
    this.reset(hasStartLine);
    this.#lineBytes = lineBytes;
    this.#others = lineBytes;
  }

  /**
   * `startLine` is told, with the line copied, only if `tellsStartLine` and the line does not end in a version. Empty
   * lines before the start line are left out.
   */
  scan(bytes: Uint8Array, start: number, end: number, head: Head, maxBytes: number, tellsStartLine: boolean): Scan {
    let copyFrom = start;
    if (this.#tail !== null) return this.#scanTail(this.#tail, bytes, start, end, head);
    const stop = Math.min(end, start + Math.max(0, maxBytes - head.length));
    let lineStart = start;
    for (let at = start; at < stop; at++) {
      if (bytes[at] !== LF) continue;
      this.#addToLine(bytes, lineStart, at);
      lineStart = at + 1;
      const lineBytes = this.#lineBytes;
      const others = this.#others;
      const isEmpty = others === 0 && (lineBytes <= 1 || (this.#isLenient && lineBytes === 2 && this.#endedInLf));
      const isBlankLine = this.#isLenient && others === 1 && lineBytes === 1 && isBlank(this.#last);
      const isOddEnd = isEmpty && lineBytes === 2;
      this.#endedInLf = this.#last !== CR;
      this.#lineBytes = 0;
      this.#others = 0;
      if (this.#hasStartLine) {
        if (isBlankLine || isOddEnd) {
          head.append(bytes, copyFrom, at + 1);
          this.#tail = isBlankLine ? BEHIND_BLANK_LINE : BEHIND_ODD_END;
          this.#tailBytes = 0;
          return this.#scanTail(this.#tail, bytes, at + 1, end, head);
        }
        if (!isEmpty) continue;
        head.append(bytes, copyFrom, at + 1);
        this.at = at + 1;
        return SCAN.complete;
      }
      if (isEmpty) {
        head.length = 0;
        copyFrom = at + 1;
        continue;
      }
      this.#hasStartLine = true;
      if (tellsStartLine && !endsInVersion(bytes, copyFrom, at)) {
        head.append(bytes, copyFrom, at + 1);
        copyFrom = at + 1;
        if (endsInVersion(head.bytes, 0, head.length - 1)) continue;
        this.at = at + 1;
        return SCAN.startLine;
      }
    }
    head.append(bytes, copyFrom, stop);
    this.#addToLine(bytes, lineStart, stop);
    this.at = stop;
    return stop < end ? SCAN.tooLong : SCAN.more;
  }

  #scanTail(tail: readonly number[], bytes: Uint8Array, start: number, end: number, head: Head): Scan {
    let at = start;
    while (at < end && this.#tailBytes < tail.length && bytes[at] === tail[this.#tailBytes]) {
      at++;
      this.#tailBytes++;
    }
    head.append(bytes, start, at);
    this.at = at;
    if (at === end && this.#tailBytes < tail.length) return SCAN.more;
    this.#tail = null;
    return SCAN.complete;
  }

  /** Only of lines of one or two bytes matters what is in them, so that of longer ones only the last is looked at. */
  #addToLine(bytes: Uint8Array, start: number, end: number): void {
    if (start >= end) return;
    if (this.#lineBytes + (end - start) > 2) this.#others = 2;
    else for (let at = start; at < end; at++) if (bytes[at] !== CR) this.#others++;
    this.#lineBytes += end - start;
    if (this.#lineBytes > MAX_LINE_BYTES) this.hasLongLine = true;
    this.#last = bytes[end - 1]!;
  }
}

/** " HTTP/1.x" before a line end at `lf`, all of it behind `start`. False where it is not sure. */
export function endsInVersion(bytes: Uint8Array, start: number, lf: number): boolean {
  const end = bytes[lf - 1] === CR ? lf - 1 : lf;
  const at = end - 9;
  return (
    at > start &&
    bytes[at] === 0x20 &&
    bytes[at + 1] === 0x48 &&
    bytes[at + 2] === 0x54 &&
    bytes[at + 3] === 0x54 &&
    bytes[at + 4] === 0x50 &&
    bytes[at + 5] === 0x2f
  );
}
