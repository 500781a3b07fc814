import { createHash } from 'node:crypto';
import { fromLatin1, latin1, u32 } from '../../base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../../base/direction.ts';

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
  /** Of each direction, the algorithms that it may be encrypted by, in the order of preference. */
  readonly #encryptions: readonly [string, string];
  /** Random bytes. */
  readonly #cookie: string;
  #hassh: Uint8Array | null = null;

  private constructor(cookie: string, lists: readonly string[], isClient: boolean) {
    const chosen = isClient
      ? [LIST.keyExchange, LIST.encryptionToServer, LIST.macToServer, LIST.compressionToServer]
      : [LIST.keyExchange, LIST.encryptionToClient, LIST.macToClient, LIST.compressionToClient];
    this.hasshString = fromLatin1(chosen.map((index) => lists[index]).join(';'));
    this.#encryptions = [lists[LIST.encryptionToServer]!, lists[LIST.encryptionToClient]!];
    this.#cookie = cookie;
  }

  /** Memory that it takes. */
  get heldBytes(): number {
    return this.hasshString.length + this.#encryptions[TO_SERVER].length + this.#encryptions[TO_CLIENT].length;
  }

  /** The MD5 of the string, in hexadecimal. */
  get hassh(): Uint8Array {
    this.#hassh ??= fromLatin1(createHash('md5').update(this.hasshString).digest('hex'));
    return this.#hassh;
  }

  /**
   * Of a client: with what this server offers, will both directions be encrypted? By the first of its algorithms that
   * the server has too (RFC 4253 §7.1). An offer with the same random bytes is this one, repeated.
   */
  encryptsWith(server: KeyExchange): boolean {
    return (
      this.#cookie !== server.#cookie &&
      agreesToEncrypt(this.#encryptions[TO_SERVER], server.#encryptions[TO_SERVER]) &&
      agreesToEncrypt(this.#encryptions[TO_CLIENT], server.#encryptions[TO_CLIENT])
    );
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
    return new KeyExchange(latin1(bytes, start, start + COOKIE_BYTES), lists, isClient);
  }
}

/** Lists of names with commas between them. */
function agreesToEncrypt(client: string, server: string): boolean {
  const known = new Set(server.split(','));
  const chosen = client.split(',').find((name) => known.has(name));
  return chosen !== undefined && chosen !== NO_ENCRYPTION;
}

/** RFC 4253 §6.3. */
const NO_ENCRYPTION = 'none';
