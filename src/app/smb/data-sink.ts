/** Who takes the data of one read or write, as they come. */
export interface DataSink {
  /** How many bytes it still wants. */
  readonly bytesLeft: number;
  consume(bytes: Uint8Array, start: number, end: number): void;
  gap(missingBytes: number): void;
  /** Nothing more comes of it. */
  end(): void;
}
