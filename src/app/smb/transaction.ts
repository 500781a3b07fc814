import type { DcerpcCall } from '../dcerpc/call.ts';
import type { Transaction } from '../protocol.ts';
import type { FileTransfer } from './file-transfer.ts';
import type { SmbHeader } from './header.ts';
import type { NtlmAccount } from './ntlmssp.ts';
import type { Tree } from './tree.ts';

/** What both sides have agreed on. */
export interface Agreement {
  /** `3.11`, `NT LM 0.12`. */
  dialect: string;
  /** SMB2; 0: not known. */
  maxReadBytes: number;
  maxWriteBytes: number;
}

/** Offers of the client. */
export interface Negotiation {
  readonly kind: 'negotiate';
  readonly dialects: readonly string[];
  readonly clientGuid: Uint8Array | null;
  serverGuid: Uint8Array | null;
}

export interface SessionSetup {
  readonly kind: 'session';
  readonly account: NtlmAccount | null;
}

export interface TreeConnect {
  readonly kind: 'tree';
  readonly tree: Tree;
  /** Which buffer shows the name; null: not known yet. */
  shownAs: 'share' | 'pipe' | null;
  /** SMB1: what the client asks for and what the server says; `IPC`, `A:`. */
  readonly requestService: string | null;
  responseService: string | null;
  /** SMB2; 0: not known. */
  shareType: number;
}

/** A file is opened or made. */
export interface Creation {
  readonly kind: 'create';
  readonly name: Uint8Array;
  readonly disposition: number;
  readonly options: number;
  sizeBytes: number;
  fileId: Uint8Array | null;
}

export type SmbDetail = Negotiation | SessionSetup | TreeConnect | Creation | FileTransfer | DcerpcCall;

/** A command with its answer; or all that is read from a file, or written to it; or a call through a pipe. */
export class SmbTransaction implements Transaction {
  readonly id: number;
  readonly version: 1 | 2;
  readonly command: number;
  sessionId: number;
  treeId: number;
  /** Null: no answer. */
  status: number | null = null;
  hasDosError = false;
  readonly detail: SmbDetail | null;
  readonly agreement: Agreement;

  constructor(id: number, header: SmbHeader, detail: SmbDetail | null, agreement: Agreement) {
    this.id = id;
    this.version = header.version;
    this.command = header.command;
    this.sessionId = header.sessionId;
    this.treeId = header.treeId;
    this.detail = detail;
    this.agreement = agreement;
  }
}
