import type { HistoryLimits } from './event-store.ts';

/** What the thread of the history is started with. */
export interface HistoryThreadSettings {
  readonly file: string;
  readonly limits: HistoryLimits;
  /** See CELL. */
  readonly cells: SharedArrayBuffer;
}

/**
 * Int32 columns of `HistoryThreadSettings.cells`. The main thread adds to what is pending, the history's takes it away.
 */
export const CELL = {
  /** Sent, and not written yet. */
  PENDING_CHARACTERS: 0,
  PENDING_LINES: 1,
  /** Lines that could not be written. */
  LOST_LINES: 2,
} as const;
export const CELLS_BYTES = Object.keys(CELL).length * Int32Array.BYTES_PER_ELEMENT;

export type HistoryCommand =
  /** EVE lines of alerts and drops. */
  | { readonly type: 'lines'; readonly lines: readonly string[] }
  /** Write what is there, then end. */
  | { readonly type: 'close' };

export type HistoryReport =
  /** See HistoryWriterOptions. */
  { readonly type: 'problem'; readonly problem: string | null } | { readonly type: 'note'; readonly note: string };
