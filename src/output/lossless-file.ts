import { closeSync, openSync, writeSync } from 'node:fs';
import type { LineOutput } from './line-output.ts';

/** Lines gathered into one write: a write per line costs more than the event. */
const CHUNK_CHARACTERS = 64 * 1024;
/** How long to leave a full pipe alone before the next attempt. */
const PIPE_FULL_WAIT_MS = 2;
const STDOUT_FD = 1;
const FILE_MODE = 0o640;

/**
 * For replays: waits for the disk or the reader, and so loses nothing. Throws from `write` and `close` what the system
 * says of the disk; a reader that closed the pipe (`| head`) ends the output quietly, and later lines are lost.
 */
export class LosslessFile implements LineOutput {
  lostLines = 0;
  readonly #fd: number;
  #chunk = '';
  #isClosed = false;

  /** `-` is standard output; a file is emptied first. */
  constructor(file: string) {
    this.#fd = file === '-' ? STDOUT_FD : openSync(file, 'w', FILE_MODE);
  }

  write(line: string): void {
    if (this.#isClosed) {
      this.lostLines++;
      return;
    }
    this.#chunk += line;
    if (this.#chunk.length >= CHUNK_CHARACTERS) this.#flush();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#flush();
    this.#isClosed = true;
    if (this.#fd !== STDOUT_FD) closeSync(this.#fd);
  }

  #flush(): void {
    const bytes = Buffer.from(this.#chunk);
    this.#chunk = '';
    for (let at = 0; at < bytes.length; ) {
      try {
        at += writeSync(this.#fd, bytes, at);
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : '';
        if (code === 'EAGAIN') sleep(PIPE_FULL_WAIT_MS);
        else if (code === 'EPIPE') {
          this.#isClosed = true;
          return;
        } else throw error;
      }
    }
  }
}

const sleep = (durationMs: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);
};
