/** A line of a list beside the rules that cannot be read. */
export interface ListProblem {
  readonly line: number;
  readonly message: string;
}

/** The lines of such a list, counted from 1 and without blanks around them; comments and empty ones are left out. */
export function* listLines(text: string): Iterable<{ readonly line: number; readonly text: string }> {
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const trimmed = raw.trim();
    if (trimmed !== '' && !trimmed.startsWith('#')) yield { line: index + 1, text: trimmed };
  }
}
