import { ARRAY_OVERHEAD_BYTES, firstDifference, u8, u16 } from '../../base/bytes.ts';
import type { TlsEvent } from './events.ts';
import { isGrease, isTls13, VERSION } from './versions.ts';

/** Extensions that are looked into; IANA's registry of TLS ExtensionType values. */
export const EXTENSION = {
  serverName: 0,
  supportedGroups: 10,
  pointFormats: 11,
  signatureAlgorithms: 13,
  heartbeat: 15,
  alpn: 16,
  supportedVersions: 43,
} as const;

/** RFC 8446 §4.1.3: a server hello with this random asks for another client hello. */
const RETRY_RANDOM = Uint8Array.from(
  Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex'),
);
const RANDOM_BYTES = 32;
/** RFC 1035 §2.3.4 bounds what can be a host's name. */
const MAX_SERVER_NAME_BYTES = 255;
/**
 * Of more application protocols, the first are looked into; `tls.too_many_protocols`. Ours: clients offer two or three.
 */
export const MAX_PROTOCOLS = 64;

/**
 * A client or server hello: RFC 8446 §4.1, RFC 5246 §7.4.1. Whatever stands before the first contradiction of its
 * lengths is there; `isWhole` tells. Offsets are into `message`, the handshake message without its header.
 */
export class Hello {
  readonly message: Uint8Array;
  readonly isClient: boolean;
  readonly events: TlsEvent[] = [];
  isWhole = false;
  /** As the hello's own field says, before extensions. */
  legacyVersion: number = VERSION.unknown;
  /** Of a client the one that it prefers, of a server the one that it chose. */
  version: number = VERSION.unknown;
  hasRandom = false;
  cipherStart = 0;
  cipherEnd = 0;
  extensionsStart = 0;
  extensionsEnd = 0;
  serverName: Uint8Array | null = null;
  /** A client's list, a server's choice. */
  readonly applicationProtocols: Uint8Array[] = [];
  offersTls13 = false;
  hasHeartbeat = false;
  /** Of the extension that `findExtension` found last. */
  extensionEnd = 0;
  #at = 0;

  constructor(message: Uint8Array, isClient: boolean) {
    this.message = message;
    this.isClient = isClient;
    this.isWhole = this.#read();
    if (!this.isWhole) this.events.push('tls.handshake_invalid_length');
  }

  /** Memory that it takes. */
  get heldBytes(): number {
    return this.message.buffer.byteLength + this.applicationProtocols.length * ARRAY_OVERHEAD_BYTES;
  }

  get isRetryRequest(): boolean {
    return !this.isClient && this.hasRandom && firstDifference(this.message, 2, RETRY_RANDOM, 0, RANDOM_BYTES) < 0;
  }

  get random(): Uint8Array | null {
    return this.hasRandom ? this.message.subarray(2, 2 + RANDOM_BYTES) : null;
  }

  /** Of a server that is whole: the one that it chose. */
  get cipherSuite(): number {
    return u16(this.message, this.cipherStart);
  }

  /** Where the extension of this type has its content, or -1. */
  findExtension(type: number): number {
    for (let at = this.extensionsStart; at < this.extensionsEnd; at = this.extensionEnd) {
      this.extensionEnd = at + 4 + u16(this.message, at + 2);
      if (u16(this.message, at) === type) return at + 4;
    }
    return -1;
  }

  #read(): boolean {
    const { message } = this;
    if (!this.#has(2)) return false;
    this.legacyVersion = u16(message, 0);
    this.version = this.legacyVersion;
    // Drafts 1 to 15 call themselves 1.3; none that can be told apart does so in this field later.
    const isDraft = isTls13(this.version);
    if (this.version === VERSION.tls13 || (isDraft && this.version < VERSION.draft16))
      this.version = VERSION.preDraft16;
    this.#at = 2;
    if (!this.#has(RANDOM_BYTES)) return false;
    this.hasRandom = true;
    this.#at += RANDOM_BYTES;
    // Server hellos of drafts before 22 have neither session nor compression.
    const isShort = !this.isClient && isDraft;
    if (!isShort && !this.#skipVector(1)) return false;

    if (this.isClient) {
      this.cipherStart = this.#at + 2;
      if (!this.#skipVector(2)) return false;
      this.cipherEnd = this.#at;
      if ((this.cipherEnd - this.cipherStart) % 2 !== 0) return false;
    } else {
      if (!this.#has(2)) return false;
      this.cipherStart = this.#at;
      this.#at += 2;
      this.cipherEnd = this.#at;
    }
    if (this.isClient) {
      if (!this.#skipVector(1)) return false;
    } else if (!isShort) {
      if (!this.#has(1)) return false;
      this.#at += 1;
    }
    return this.#readExtensions();
  }

  #has(bytes: number): boolean {
    return this.message.length - this.#at >= bytes;
  }

  /** A vector whose length is in so many bytes. */
  #skipVector(lengthBytes: 1 | 2): boolean {
    if (!this.#has(lengthBytes)) return false;
    const length = lengthBytes === 1 ? u8(this.message, this.#at) : u16(this.message, this.#at);
    if (!this.#has(lengthBytes + length)) return false;
    this.#at += lengthBytes + length;
    return true;
  }

  #readExtensions(): boolean {
    if (!this.#has(2)) return true;
    const { message } = this;
    const end = this.#at + 2 + u16(message, this.#at);
    if (end > message.length) return false;
    let at = this.#at + 2;
    this.extensionsStart = at;
    this.extensionsEnd = at;
    while (at < end) {
      if (end - at < 4) return false;
      const contentEnd = at + 4 + u16(message, at + 2);
      if (contentEnd > end) return false;
      if (!this.#readExtension(u16(message, at), at + 4, contentEnd)) return false;
      at = contentEnd;
      this.extensionsEnd = at;
    }
    return true;
  }

  #readExtension(type: number, start: number, end: number): boolean {
    switch (type) {
      case EXTENSION.serverName:
        return !this.isClient || start === end || this.#readServerName(start, end);
      case EXTENSION.supportedVersions:
        return start === end || this.#readVersions(start, end);
      case EXTENSION.alpn:
        return this.#readProtocols(start, end);
      case EXTENSION.heartbeat:
        this.hasHeartbeat = true;
        return true;
      default:
        return true;
    }
  }

  /** RFC 6066 §3. As in Suricata the first name of the first such extension counts, up to a NUL. */
  #readServerName(start: number, end: number): boolean {
    const { message } = this;
    if (end - start < 3) return false;
    if (u8(message, start + 2) !== 0) {
      this.events.push('tls.invalid_sni_type');
      return true;
    }
    if (end - start < 5) return false;
    const nameStart = start + 5;
    const length = u16(message, start + 3);
    if (length === 0 || length > MAX_SERVER_NAME_BYTES || length > end - nameStart) {
      this.events.push('tls.invalid_sni_length');
      return true;
    }
    if (this.serverName !== null) {
      this.events.push('tls.multiple_sni_extensions');
      return true;
    }
    const name = message.subarray(nameStart, nameStart + length);
    const nulAt = name.indexOf(0);
    this.serverName = nulAt < 0 ? name : name.subarray(0, nulAt);
    return true;
  }

  #readVersions(start: number, end: number): boolean {
    const { message } = this;
    if (!this.isClient) {
      if (end - start < 2) return false;
      this.version = u16(message, start);
      return true;
    }
    const listEnd = start + 1 + u8(message, start);
    if (listEnd > end || listEnd - start < 3) return false;
    let isFirst = true;
    for (let at = start + 1; at + 2 <= listEnd; at += 2) {
      const version = u16(message, at);
      if (isTls13(version)) this.offersTls13 = true;
      if (isFirst && !isGrease(version)) {
        this.version = version;
        isFirst = false;
      }
    }
    return true;
  }

  /** RFC 7301 §3.1. */
  #readProtocols(start: number, end: number): boolean {
    const { message } = this;
    if (end - start < 2) return false;
    for (let at = start + 2; at < end; ) {
      const nameEnd = at + 1 + u8(message, at);
      if (nameEnd > end) return false;
      if (this.applicationProtocols.length === MAX_PROTOCOLS) {
        this.events.push('tls.too_many_protocols');
        return true;
      }
      this.applicationProtocols.push(message.subarray(at + 1, nameEnd));
      at = nameEnd;
    }
    return true;
  }
}
