import { createHash } from 'node:crypto';
import { fromLatin1, latin1, u32 } from '../../base/bytes.ts';

// RFC 4253 §7.1: behind the message number, 16 random bytes, then lists of names in this order.
const COOKIE_BYTES = 16;
const LIST = {
  keyExchange: 0,
  encryptionToServer: 2,
  encryptionToClient: 3,
  macToServer: 4,
  macToClient: 5,
  compressionToServer: 6,
  compressionToClient: 7,
} as const;
const LIST_COUNT = 10;
const LENGTH_BYTES = 4;

/** What a side offers for the key exchange, and its fingerprint (https://github.com/salesforce/hassh). */
export class KeyExchange {
  /** Algorithms with semicolons between them. */
  readonly hasshString: Uint8Array;
  #hassh: Uint8Array | null = null;

  private constructor(hasshString: Uint8Array) {
    this.hasshString = hasshString;
  }

  /** The MD5 of the string, in hexadecimal. */
  get hassh(): Uint8Array {
    this.#hassh ??= fromLatin1(createHash('md5').update(this.hasshString).digest('hex'));
    return this.#hassh;
  }

  /** Reads the payload of a KEXINIT behind its message number. Null if it cannot be read. */
  static read(bytes: Uint8Array, start: number, end: number, isClient: boolean): KeyExchange | null {
    const lists: string[] = [];
    let at = start + COOKIE_BYTES;
    for (let n = 0; n < LIST_COUNT; n++) {
      if (end - at < LENGTH_BYTES) return null;
      const listStart = at + LENGTH_BYTES;
      at = listStart + u32(bytes, at);
      if (at > end) return null;
      lists.push(latin1(bytes, listStart, at));
    }
    const chosen = isClient
      ? [LIST.keyExchange, LIST.encryptionToServer, LIST.macToServer, LIST.compressionToServer]
      : [LIST.keyExchange, LIST.encryptionToClient, LIST.macToClient, LIST.compressionToClient];
    return new KeyExchange(fromLatin1(chosen.map((index) => lists[index]).join(';')));
  }
}
