/** What a user can decide about fragments. */
export interface DefragOptions {
  /** For the data and headers of all incomplete packets of one worker together. */
  readonly memoryBytes: number;
  /** Incomplete packets at once. */
  readonly maxDatagrams: number;
  /** From the first fragment that arrives to the last; then what was kept is forgotten. */
  readonly timeoutMs: number;
  /** A first fragment, with its IP header, is at least as large. 0: any size. */
  readonly minFirstBytes: number;
  /** A fragment that is not the first begins at least there in its packet. 0: anywhere. */
  readonly minOffsetBytes: number;
}

/**
 * Number, time and sizes are the defaults of Deep Security's network engine; RFC 8200 §4.5 has the same 60 s. The
 * memory is Suricata's.
 */
export const DEFAULT_DEFRAG_OPTIONS: DefragOptions = {
  memoryBytes: 32 * 1024 * 1024,
  maxDatagrams: 1000,
  timeoutMs: 60_000,
  minFirstBytes: 120,
  minOffsetBytes: 60,
};
