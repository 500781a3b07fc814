/** Where something is in a rule file. Lines and columns start at 1; a column counts UTF-16 units, as editors do. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** One rule of a file: the physical lines that `\` joined, on one line. */
export class LogicalLine {
  readonly text: string;
  /** Of the first physical line. */
  readonly line: number;
  /** Offsets in the file: from its first character to behind its last one. */
  readonly start: number;
  readonly end: number;
  readonly #pieces: readonly Piece[];

  constructor(pieces: readonly Piece[]) {
    const last = pieces.at(-1);
    this.text = pieces.map((piece) => piece.text).join('');
    this.line = pieces[0]?.line ?? 1;
    this.start = pieces[0]?.at ?? 0;
    this.end = last === undefined ? 0 : last.at + last.text.length;
    this.#pieces = pieces;
  }

  /** Where the character at `at` of `text` stands in the file; beyond the end, where the next one would. */
  place(at: number): Place {
    let rest = at;
    for (const [index, piece] of this.#pieces.entries()) {
      const isLast = index === this.#pieces.length - 1;
      if (rest < piece.text.length || isLast) return { line: piece.line, column: piece.column + rest };
      rest -= piece.text.length;
    }
    return { line: this.line, column: 1 };
  }
}

/** What one physical line contributes. */
export interface Piece {
  readonly text: string;
  /** Offset in the file. */
  readonly at: number;
  readonly line: number;
  readonly column: number;
}

/**
 * The rules of a file: without comments, blank lines and byte order mark, with lines that end in `\` joined to the
 * next one. A comment ends with its physical line, as in Suricata: a `\` at its end joins nothing. Unlike Suricata,
 * which silently skips a line that begins with a space, an indented rule is a rule.
 */
export function logicalLines(text: string): LogicalLine[] {
  const lines: LogicalLine[] = [];
  let pieces: Piece[] = [];
  const finish = (): void => {
    if (pieces.some((piece) => piece.text.trim() !== '')) lines.push(new LogicalLine(pieces));
    pieces = [];
  };

  const start = text.charCodeAt(0) === BYTE_ORDER_MARK ? 1 : 0;
  let line = 0;
  for (let at = start; at < text.length; ) {
    line++;
    const lineEnd = text.indexOf('\n', at);
    const nextAt = lineEnd < 0 ? text.length : lineEnd + 1;
    let end = lineEnd < 0 ? text.length : lineEnd;
    if (end > at && text[end - 1] === '\r') end--;

    const column = pieces.length === 0 ? firstNonBlank(text, at, end) - at : 0;
    const isComment = pieces.length === 0 && COMMENT_STARTS.includes(text[at + column] ?? '');
    if (at + column < end && !isComment) {
      const isContinued = text[end - 1] === '\\';
      const start = at + column;
      pieces.push({ text: text.slice(start, isContinued ? end - 1 : end), at: start, line, column: column + 1 });
      if (!isContinued) finish();
    } else if (!isComment) {
      // A blank line ends what a `\` before it began.
      finish();
    }
    at = nextAt;
  }
  finish();
  return lines;
}

function firstNonBlank(text: string, start: number, end: number): number {
  let at = start;
  while (at < end && (text[at] === ' ' || text[at] === '\t')) at++;
  return at;
}

const BYTE_ORDER_MARK = 0xfeff;
/** Suricata skips lines that begin with either. */
const COMMENT_STARTS = ['#', ';'];
