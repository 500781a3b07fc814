import { ARRAY_OVERHEAD_BYTES, fromLatin1 } from '../../base/bytes.ts';
import { type Direction, TO_SERVER } from '../../base/direction.ts';
import type { Transaction } from '../protocol.ts';
import { type Certificate, fingerprintOf } from './certificate.ts';
import type { TlsEvent } from './events.ts';
import { ja3Hash, ja3String, ja4 } from './fingerprints.ts';
import type { Hello } from './hello.ts';
import { VERSION } from './versions.ts';

/** Messages that `ssl_state` can name, by the bytes that stand for them in `TlsSide.states`. */
export const TLS_STATE = { client_hello: 1, server_hello: 2, client_keyx: 3, server_keyx: 4 } as const;

/** Each state is noted once. */
const MAX_STATES = Object.keys(TLS_STATE).length;

/** What one side of a connection has said in the clear. */
export class TlsSide {
  /** Null before it came, and in SSLv2. */
  hello: Hello | null = null;
  version: number = VERSION.unknown;
  /** Of the certificates that could be taken out of the list, the DER. */
  readonly certificates: Uint8Array[] = [];
  /** The first of them, if it could be read. */
  certificate: Certificate | null = null;
  readonly #states = new Uint8Array(MAX_STATES);
  #stateCount = 0;
  // Made when first asked for.
  #fingerprint: Uint8Array | null = null;
  #ja3: Uint8Array | null = null;
  #ja3Hash: Uint8Array | null = null;
  #ja4: Uint8Array | null = null;

  /** Memory that its hello and its certificates take. */
  get heldBytes(): number {
    const { hello, certificate, certificates } = this;
    // They lie in the message that they came in.
    const messageBytes = certificates[0]?.buffer.byteLength ?? 0;
    const arraysBytes = certificates.length * ARRAY_OVERHEAD_BYTES;
    return (
      (hello?.heldBytes ?? 0) + (this.#ja3?.length ?? 0) + (certificate?.heldBytes ?? 0) + messageBytes + arraysBytes
    );
  }

  /** Messages of TLS_STATE so far, in their order. */
  get states(): Uint8Array {
    return this.#states.subarray(0, this.#stateCount);
  }

  /** False if it was noted before. */
  addState(state: number): boolean {
    const isNew = !this.states.includes(state);
    if (isNew) this.#states[this.#stateCount++] = state;
    return isNew;
  }

  get fingerprint(): Uint8Array | null {
    if (this.#fingerprint === null && this.certificate !== null)
      this.#fingerprint = fingerprintOf(this.certificates[0]!);
    return this.#fingerprint;
  }

  get ja3(): Uint8Array | null {
    if (this.#ja3 === null && this.hello?.isWhole) this.#ja3 = fromLatin1(ja3String(this.hello));
    return this.#ja3;
  }

  get ja3Hash(): Uint8Array | null {
    if (this.#ja3Hash === null && this.ja3 !== null) this.#ja3Hash = fromLatin1(ja3Hash(this.ja3));
    return this.#ja3Hash;
  }

  get ja4(): Uint8Array | null {
    if (this.#ja4 === null && this.hello?.isWhole && this.hello.isClient) this.#ja4 = fromLatin1(ja4(this.hello));
    return this.#ja4;
  }
}

/** The handshake of one connection. */
export class TlsTransaction implements Transaction {
  readonly id = 0;
  readonly client = new TlsSide();
  readonly server = new TlsSide();
  readonly #events = new Set<TlsEvent>();

  side(direction: Direction): TlsSide {
    return direction === TO_SERVER ? this.client : this.server;
  }

  /** False if it was raised before. */
  addEvent(event: TlsEvent): boolean {
    const isNew = !this.#events.has(event);
    this.#events.add(event);
    return isNew;
  }
}
