import { u8, u16 } from '../../base/bytes.ts';
import { type Direction, opposite, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { type AppParser, type AppSink, type FrameSink, STAGE } from '../protocol.ts';
import { parseCertificate } from './certificate.ts';
import { encrypts } from './cipher-suites.ts';
import type { TlsEvent } from './events.ts';
import { HANDSHAKE, HandshakeReader, type MessageHandler } from './handshake-reader.ts';
import { HEARTBEAT_HEADER_BYTES, Heartbeats } from './heartbeat.ts';
import { Hello } from './hello.ts';
import {
  CONTENT,
  type Content,
  HEADER_BYTES,
  type RecordHandler,
  RecordReader,
  SSL2_PREFIX_BYTES,
} from './record-reader.ts';
import { TLS_STATE, TlsTransaction } from './transaction.ts';
import { isTls13, VERSION } from './versions.ts';

/** RFC 8446 §5.1, RFC 6520 §6. */
const RECORD = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23, heartbeat: 24 } as const;
/** RFC 5246 §6.2.3. TLS 1.3 allows less (RFC 8446 §5.2); the looser limit fits both. */
const MAX_RECORD_BYTES = 2 ** 14 + 2048;
/** Of a list. Ours: with all that anybody sends they are larger than a message can be. */
export const MAX_CERTIFICATES = 128;
const SSL2_MESSAGE = { error: 0, clientHello: 1, serverHello: 4 } as const;

/** A record, its header, its content; and the content of records of two kinds. */
export const TLS_FRAMES = ['pdu', 'hdr', 'data', 'alert.pdu', 'heartbeat.pdu'] as const;
export type TlsFrame = (typeof TLS_FRAMES)[number];

/**
 * One connection: the handshake as far as it is in the clear, in both directions. Behind it there is nothing to see,
 * and the parser is done; only where heartbeats were agreed upon, or rules look into frames, are the records followed
 * further.
 */
export class TlsParser implements AppParser {
  readonly transaction = new TlsTransaction();
  readonly #sink: AppSink;
  readonly #frames: FrameSink | undefined;
  readonly #sides: readonly [Side, Side];
  readonly #heartbeats = new Heartbeats();
  /** A side has said what is not its turn to say: one of them may not speak TLS, and repeat what it is told. */
  #isOutOfTurn = false;

  constructor(sink: AppSink, frames?: FrameSink) {
    this.#sink = sink;
    this.#frames = frames;
    this.#sides = [new Side(this, TO_SERVER), new Side(this, TO_CLIENT)];
  }

  get isDone(): boolean {
    const [client, server] = this.#sides;
    if (!client.isComplete || !server.isComplete) return false;
    const followsRecords = this.#hasHeartbeats || this.#frames?.isWanted === true;
    return !followsRecords || (client.records.isStopped && server.records.isStopped);
  }

  /**
   * The server's hello is its consent: a client alone could say anything, to be taken for encrypted. So could it where
   * the server repeats that.
   */
  get isEncrypted(): boolean {
    const { client, server } = this.transaction;
    if (this.#isOutOfTurn || client.hello === null || server.hello?.isWhole !== true) return false;
    return this.#sides[TO_SERVER].isEncrypted && encrypts(server.hello.cipherSuite);
  }

  get heldBytes(): number {
    const { client, server } = this.transaction;
    const [fromClient, fromServer] = this.#sides;
    return client.heldBytes + server.heldBytes + fromClient.heldBytes + fromServer.heldBytes;
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    this.#sides[direction].records.consume(bytes, start, end);
    this.#finishIfStopped(direction);
  }

  gap(direction: Direction, missingBytes: number): void {
    this.#sides[direction].records.gap(missingBytes);
    this.#finishIfStopped(direction);
  }

  end(direction: Direction): void {
    this.complete(direction);
  }

  raise(direction: Direction, event: TlsEvent): void {
    if (this.transaction.addEvent(event)) this.#sink.onEvent(this.transaction, direction, event);
  }

  /** This direction shows no more. */
  complete(direction: Direction): void {
    const side = this.#sides[direction];
    if (side.isComplete) return;
    side.isComplete = true;
    if (side.hasBegun) this.#sink.onProgress(this.transaction, direction, STAGE.complete);
  }

  onHello(direction: Direction, message: Uint8Array): void {
    const side = this.#sides[direction];
    const known = this.transaction.side(direction);
    const hello = new Hello(message, direction === TO_SERVER);
    for (const event of hello.events) this.raise(direction, event);
    if (hello.isRetryRequest) return;
    if (known.hello !== null) {
      // After a retry request the client repeats its hello, and may not change the name (RFC 8446 §4.1.2).
      if (direction === TO_SERVER && !isSameName(known.hello, hello)) this.raise(direction, 'tls.server_name_changed');
      return;
    }
    known.hello = hello;
    this.begin(direction, hello.version);
    if (direction === TO_SERVER || !isTls13(hello.version)) return;
    this.complete(TO_CLIENT);
    this.complete(TO_SERVER);
    side.isEncrypted = true;
    this.#sides[TO_SERVER].isEncrypted = true;
  }

  begin(direction: Direction, version: number): void {
    const known = this.transaction.side(direction);
    known.version = version;
    known.addState(direction === TO_SERVER ? TLS_STATE.client_hello : TLS_STATE.server_hello);
    this.#sides[direction].hasBegun = true;
    this.#sink.onProgress(this.transaction, direction, STAGE.head);
  }

  onCertificates(direction: Direction, message: Uint8Array): void {
    const known = this.transaction.side(direction);
    if (known.certificates.length > 0) return;
    let isFirst = true;
    const end = message.length < 3 ? -1 : 3 + u24(message, 0);
    let at = 3;
    while (at + 3 <= end && end <= message.length) {
      const start = at + 3;
      at = start + u24(message, at);
      if (at > end) break;
      if (known.certificates.length === MAX_CERTIFICATES) {
        this.raise(direction, 'tls.too_many_certificates');
        at = end;
        break;
      }
      const der = message.subarray(start, at);
      if (isFirst) {
        isFirst = false;
        const certificate = parseCertificate(der);
        if (typeof certificate === 'string') {
          this.raise(direction, certificate);
          continue;
        }
        known.certificate = certificate;
      }
      known.certificates.push(der);
    }
    if (at !== end) this.raise(direction, 'tls.invalid_certificate');
    if (known.certificates.length > 0) this.#grow(direction);
  }

  onKeyExchange(direction: Direction, state: number): void {
    if (this.transaction.side(direction).addState(state)) this.#grow(direction);
  }

  /** Everything behind it is encrypted, unless it only pleases middleboxes (RFC 8446 §D.4) or comes out of turn. */
  onChangeCipherSpec(direction: Direction): void {
    const { client, server } = this.transaction;
    if (this.transaction.side(direction).hello === null) return;
    if (server.hello === null ? client.hello?.offersTls13 === true : isTls13(server.version)) return;
    this.#encrypt(direction);
  }

  onApplicationData(direction: Direction): void {
    const { client, server } = this.transaction;
    // Early data (RFC 8446 §2.3): another client hello may follow.
    if (direction === TO_SERVER && server.hello === null && client.hello?.offersTls13 === true) return;
    this.#encrypt(direction);
  }

  onHelloOfOther(direction: Direction): void {
    this.#isOutOfTurn = true;
    this.raise(direction, 'tls.invalid_handshake_message');
  }

  onRecord(direction: Direction, type: number, at: number, bytes: number): void {
    if (this.#frames?.isWanted !== true) return;
    this.#frame(direction, 'hdr', at, HEADER_BYTES);
    this.#frame(direction, 'data', at + HEADER_BYTES, bytes);
    this.#frame(direction, 'pdu', at, HEADER_BYTES + bytes);
    if (type === RECORD.alert) this.#frame(direction, 'alert.pdu', at + HEADER_BYTES, bytes);
    if (type === RECORD.heartbeat) this.#frame(direction, 'heartbeat.pdu', at + HEADER_BYTES, bytes);
  }

  #frame(direction: Direction, name: TlsFrame, at: number, bytes: number): void {
    this.#frames!.beginFrame(direction, name, at, bytes);
  }

  onPlainHeartbeat(direction: Direction, type: number, payloadBytes: number, recordBytes: number): void {
    this.raise(direction, 'tls.heartbeat_message');
    const event = this.#heartbeats.plain(direction, type, payloadBytes, recordBytes);
    if (event !== null) this.raise(direction, event);
  }

  onEncryptedHeartbeat(direction: Direction, recordBytes: number): void {
    const event = this.#heartbeats.encrypted(direction, recordBytes);
    if (event !== null) this.raise(direction, event);
  }

  isOtherEncrypted(direction: Direction): boolean {
    return this.#sides[opposite(direction)].isEncrypted;
  }

  get #hasHeartbeats(): boolean {
    const { client, server } = this.transaction;
    return client.hello?.hasHeartbeat === true && server.hello?.hasHeartbeat === true;
  }

  #encrypt(direction: Direction): void {
    if (this.transaction.server.hello === null) this.#isOutOfTurn = true;
    this.#sides[direction].isEncrypted = true;
    this.complete(direction);
  }

  #grow(direction: Direction): void {
    const side = this.#sides[direction];
    if (side.hasBegun && !side.isComplete) this.#sink.onProgress(this.transaction, direction, STAGE.body);
  }

  #finishIfStopped(direction: Direction): void {
    if (this.#sides[direction].records.isStopped) this.complete(direction);
  }
}

/** One direction's records and messages, and how far they have got. */
class Side implements RecordHandler, MessageHandler {
  readonly records = new RecordReader(this);
  isComplete = false;
  /** Its hello was told of. */
  hasBegun = false;
  isEncrypted = false;
  readonly #parser: TlsParser;
  readonly #direction: Direction;
  readonly #messages = new HandshakeReader(this);
  readonly #heartbeat = new Uint8Array(HEARTBEAT_HEADER_BYTES);
  #recordBytes = 0;

  constructor(parser: TlsParser, direction: Direction) {
    this.#parser = parser;
    this.#direction = direction;
  }

  get heldBytes(): number {
    return this.#messages.heldBytes;
  }

  /** Of the handshake; records may be followed further. */
  get isOver(): boolean {
    return this.isEncrypted || this.#parser.isDone;
  }

  onRecord(type: number, version: number, bytes: number, at: number): Content {
    const parser = this.#parser;
    const direction = this.#direction;
    if (parser.isDone) return CONTENT.stop;
    if (version >> 8 !== VERSION.ssl3 >> 8) {
      parser.raise(direction, 'tls.invalid_record_version');
      return CONTENT.stop;
    }
    if (bytes > MAX_RECORD_BYTES) parser.raise(direction, 'tls.invalid_record_length');
    this.#recordBytes = bytes;
    parser.onRecord(direction, type, at, bytes);
    switch (type) {
      case RECORD.changeCipherSpec:
        parser.onChangeCipherSpec(direction);
        return CONTENT.skip;
      case RECORD.alert:
        return CONTENT.skip;
      case RECORD.handshake:
        if (this.isEncrypted) return CONTENT.skip;
        return CONTENT.handshake;
      case RECORD.applicationData:
        parser.onApplicationData(direction);
        return CONTENT.skip;
      case RECORD.heartbeat:
        if (!this.isEncrypted && !parser.isOtherEncrypted(direction)) return CONTENT.heartbeat;
        parser.onEncryptedHeartbeat(direction, bytes);
        return CONTENT.skip;
      default:
        parser.raise(direction, 'tls.invalid_record_type');
        return CONTENT.stop;
    }
  }

  onContent(content: Content, bytes: Uint8Array, start: number, end: number, offset: number): void {
    if (content === CONTENT.handshake) {
      this.#messages.consume(bytes, start, end);
      if (offset + end - start === this.#recordBytes && this.#messages.isInHeader) {
        this.#parser.raise(this.#direction, 'tls.invalid_ssl_record');
        this.#parser.raise(this.#direction, 'tls.invalid_handshake_message');
      }
      return;
    }
    const header = this.#heartbeat;
    for (let at = start; at < end && offset + at - start < HEARTBEAT_HEADER_BYTES; at++) {
      header[offset + at - start] = u8(bytes, at);
    }
    const isWhole = offset < HEARTBEAT_HEADER_BYTES && offset + end - start >= HEARTBEAT_HEADER_BYTES;
    if (isWhole) this.#parser.onPlainHeartbeat(this.#direction, u8(header, 0), u16(header, 1), this.#recordBytes);
  }

  onMessage(type: number, message: Uint8Array | null): void {
    const parser = this.#parser;
    const direction = this.#direction;
    switch (type) {
      case HANDSHAKE.clientHello:
      case HANDSHAKE.serverHello:
        if ((type === HANDSHAKE.clientHello) !== (direction === TO_SERVER)) parser.onHelloOfOther(direction);
        else if (message !== null) parser.onHello(direction, message);
        return;
      case HANDSHAKE.certificate:
        if (message !== null) parser.onCertificates(direction, message);
        return;
      case HANDSHAKE.serverKeyExchange:
        parser.onKeyExchange(direction, TLS_STATE.server_keyx);
        return;
      case HANDSHAKE.clientKeyExchange:
        parser.onKeyExchange(direction, TLS_STATE.client_keyx);
        return;
      case HANDSHAKE.serverHelloDone:
        parser.complete(direction);
    }
  }

  onUnknown(): void {
    this.#parser.raise(this.#direction, 'tls.invalid_handshake_message');
  }

  onTooLong(): void {
    this.#parser.raise(this.#direction, 'tls.handshake_message_too_long');
  }

  onSsl2Message(prefix: Uint8Array, messageBytes: number): Content {
    const isClient = this.#direction === TO_SERVER;
    if (isClient && isSsl2Hello(prefix, messageBytes)) {
      const version = u16(prefix, 1);
      this.#parser.begin(this.#direction, version);
      return version === VERSION.ssl2 ? CONTENT.stop : CONTENT.skip;
    }
    if (!isClient && prefix[0] === SSL2_MESSAGE.serverHello) this.#parser.begin(this.#direction, VERSION.ssl2);
    else if (prefix[0] === SSL2_MESSAGE.error) this.#parser.raise(this.#direction, 'tls.error_message_encountered');
    else this.#parser.raise(this.#direction, 'tls.invalid_sslv2_header');
    return CONTENT.stop;
  }
}

/** RFC 5246 §E.2: type, version, and three lengths that fill the message. */
export const isSsl2Hello = (prefix: Uint8Array, messageBytes: number): boolean =>
  prefix.length === SSL2_PREFIX_BYTES &&
  u8(prefix, 0) === SSL2_MESSAGE.clientHello &&
  SSL2_PREFIX_BYTES + u16(prefix, 3) + u16(prefix, 5) + u16(prefix, 7) === messageBytes;

const u24 = (bytes: Uint8Array, at: number): number => (u8(bytes, at) << 16) | u16(bytes, at + 1);

function isSameName(first: Hello, second: Hello): boolean {
  const a = first.serverName;
  const b = second.serverName;
  return a === null || b === null ? a === b : Buffer.compare(a, b) === 0;
}
