/** `event_type` of a line that EveWriter wrote: quotes in what comes from traffic are escaped. */
const TYPE = /"event_type":"([^"]+)"/;

/** Calls for each line of whole EVE lines, without its line feed. `type` is its `event_type`. */
export function forEachEveLine(text: string, visit: (line: string, type: string) => void): void {
  for (let start = 0; start < text.length; ) {
    const lineFeed = text.indexOf('\n', start);
    const end = lineFeed < 0 ? text.length : lineFeed;
    const line = text.slice(start, end);
    visit(line, TYPE.exec(line)?.[1] ?? '');
    start = end + 1;
  }
}

/** How many lines end in it. */
export function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
