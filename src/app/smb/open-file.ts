import { ByteBuffer } from '../byte-buffer.ts';
import type { DcerpcConversation } from '../dcerpc/conversation.ts';
import { HEADER_BYTES } from '../dcerpc/pdu.ts';
import type { ActiveTransfer } from './file-transfer.ts';
import type { Tree } from './tree.ts';

/** A file or a named pipe that a client has open. */
export class OpenFile {
  /** As sent, without the bytes of 0 that two-byte characters have. Empty: it was opened before anybody looked. */
  readonly name: Uint8Array;
  /** Null: it is not known. */
  readonly tree: Tree | null;
  /** The server's number for it; null while it has not given one. One character per byte. */
  id: string | null = null;
  /** What is written to it, and what is read from it; null: nothing. */
  readonly transfers: [ActiveTransfer | null, ActiveTransfer | null] = [null, null];
  /** Calls through it; null: nothing was seen that looks like some. */
  conversation: DcerpcConversation | null = null;

  /** A pipe's, as long as they are fewer than tell whether it is one of calls. */
  readonly firstBytes = new ByteBuffer(HEADER_BYTES);

  constructor(name: Uint8Array, tree: Tree | null) {
    this.name = name;
    this.tree = tree;
  }
}
