/** Where lines of text go: a file, a pipe, another thread. */
export interface LineOutput {
  /**
   * Takes a whole line, or several, with their line feeds. Never throws; whether it may wait is the implementation's
   * contract.
   */
  write(line: string): void;
  /** Lines that were not written because the disk or the reader could not follow. */
  readonly lostLines: number;
  /** Writes what waits and lets go of the file. */
  close(): Promise<void>;
}
