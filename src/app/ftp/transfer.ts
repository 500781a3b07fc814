/** Bytes that stand for the commands in the buffer `ftpdata_command`. */
export const TRANSFER = { retr: 1, stor: 2 } as const;
export type TransferCommand = (typeof TRANSFER)[keyof typeof TRANSFER];

/** One file on its way, as the control connection has announced it. */
export class FtpTransfer {
  readonly command: TransferCommand;
  readonly fileName: Uint8Array;

  constructor(command: TransferCommand, fileName: Uint8Array) {
    this.command = command;
    this.fileName = fileName;
  }
}
