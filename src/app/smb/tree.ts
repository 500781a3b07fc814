/** A share that a client is connected to. */
export interface Tree {
  /** `\\host\share`. */
  readonly name: Uint8Array;
  /** Named pipes are in it, and no files. */
  isPipe: boolean;
}

/** Servers offer named pipes in the share of this name, and in no other. */
export const hasPipeName = (name: Uint8Array): boolean => /(?:^|\\)IPC\$$/i.test(Buffer.from(name).toString('latin1'));
