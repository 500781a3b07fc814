/** What a live view needs of a terminal: process.stdin and process.stdout. */
export interface Terminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

// ECMA-48 and xterm: the other screen buffer, which leaves what was there before as it was; the cursor; erasing.
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const ERASE_LINE = '\x1b[K';
const ERASE_BELOW = '\x1b[J';

const CTRL_C = '\x03';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs `show` with a terminal of its own until somebody presses q or Ctrl-C, or a signal comes, which `ended` then
 * tells. The terminal is as it was before, whatever happens.
 */
export async function withScreen(
  { input, output }: Terminal,
  show: (draw: (lines: readonly string[]) => void, ended: AbortSignal) => Promise<void>,
): Promise<void> {
  const end = new AbortController();
  const stop = (): void => end.abort();
  const onKey = (keys: Buffer): void => {
    const text = keys.toString('latin1');
    if (text.includes('q') || text.includes('Q') || text.includes(CTRL_C)) stop();
  };
  let last: readonly string[] = [];
  const draw = (lines: readonly string[]): void => {
    last = lines;
    // A terminal that is too small shows the beginning, and does not scroll.
    const shown = lines.slice(0, Math.max(1, output.rows - 1));
    output.write(
      `${HOME}${shown.map((line) => `${line.slice(0, output.columns)}${ERASE_LINE}\r\n`).join('')}${ERASE_BELOW}`,
    );
  };
  const redraw = (): void => draw(last);

  for (const signal of SIGNALS) process.on(signal, stop);
  output.write(ENTER);
  output.on('resize', redraw);
  if (input.isTTY) input.setRawMode(true);
  input.on('data', onKey).resume();
  try {
    await show(draw, end.signal);
  } finally {
    input.off('data', onKey).pause();
    if (input.isTTY) input.setRawMode(false);
    output.off('resize', redraw);
    output.write(LEAVE);
    for (const signal of SIGNALS) process.off(signal, stop);
  }
}
