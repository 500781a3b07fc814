import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { type BufferDefinition, STAGE, type Stage } from '../protocol.ts';
import { singleBuffer } from '../single-buffer.ts';
import type { Certificate } from './certificate.ts';
import type { TlsSide, TlsTransaction } from './transaction.ts';

type Buffer = BufferDefinition<TlsTransaction>;
type Reader = (side: TlsSide) => Uint8Array | null;

const RANDOM_TIME_BYTES = 4;

/** Every buffer of TLS, with the content that Suricata gives it. Those of certificates come from either side. */
export const TLS_BUFFERS: readonly Buffer[] = [
  ofHello('tls.sni', ['tls_sni'], 'name of the server, as the client asks for it', TO_SERVER, ({ hello }) =>
    hello === null ? null : hello.serverName,
  ),
  {
    name: 'tls.alpn',
    summary: 'one application protocol of the hello',
    direction: null,
    stage: STAGE.head,
    isRepeated: true,
    read: (tx, direction, nth) => tx.side(direction).hello?.applicationProtocols[nth] ?? null,
  },
  ofHello('tls.random', [], 'random of the hello', null, ({ hello }) => hello?.random ?? null),
  ofHello('tls.random_time', [], 'first 4 bytes of the random', null, ({ hello }) =>
    part(hello?.random, 0, RANDOM_TIME_BYTES),
  ),
  ofHello('tls.random_bytes', [], 'last 28 bytes of the random', null, ({ hello }) =>
    part(hello?.random, RANDOM_TIME_BYTES),
  ),
  caseless(ofHello('ja3.hash', ['ja3_hash'], "MD5 of the client's fingerprint", TO_SERVER, ({ ja3Hash }) => ja3Hash)),
  ofHello('ja3.string', ['ja3_string'], "the client's fingerprint", TO_SERVER, ({ ja3 }) => ja3),
  caseless(ofHello('ja3s.hash', [], "MD5 of the server's fingerprint", TO_CLIENT, ({ ja3Hash }) => ja3Hash)),
  ofHello('ja3s.string', [], "the server's fingerprint", TO_CLIENT, ({ ja3 }) => ja3),
  caseless(ofHello('ja4.hash', [], "JA4 of the client's hello", TO_SERVER, ({ ja4 }) => ja4)),
  ofCertificate('tls.cert_subject', ['tls_cert_subject'], 'subject of the certificate', ({ subject }) => subject),
  ofCertificate('tls.cert_issuer', ['tls_cert_issuer'], 'issuer of the certificate', ({ issuer }) => issuer),
  caseless(
    ofCertificate('tls.cert_serial', ['tls_cert_serial'], 'serial number of the certificate', ({ serial }) => serial),
  ),
  caseless(
    single(
      'tls.cert_fingerprint',
      ['tls_cert_fingerprint'],
      'SHA-1 of the certificate',
      null,
      STAGE.body,
      (side) => side.fingerprint,
    ),
  ),
  {
    name: 'tls.subjectaltname',
    summary: 'one alternative name of the certificate',
    direction: null,
    stage: STAGE.body,
    isRepeated: true,
    read: (tx, direction, nth) => tx.side(direction).certificate?.alternativeNames[nth] ?? null,
  },
  {
    name: 'tls.certs',
    summary: 'one certificate of the chain, as sent',
    direction: null,
    stage: STAGE.body,
    isRepeated: true,
    read: (tx, direction, nth) => tx.side(direction).certificates[nth] ?? null,
  },
  internal(single('tls.version', [], 'version, two bytes', null, STAGE.head, ({ version }) => numberBytes(version))),
  internal(single('ssl_state', [], 'messages so far, one byte each', null, STAGE.body, ({ states }) => states)),
  internal(
    single(
      'tls.cert_chain_len',
      [],
      'certificates of the chain, two bytes',
      TO_CLIENT,
      STAGE.body,
      ({ certificates }) => (certificates.length === 0 ? null : numberBytes(certificates.length)),
    ),
  ),
  internal(
    single('tls.cert_validity', [], 'dates of the certificate', null, STAGE.body, ({ certificate }) =>
      certificate === null ? null : dateBytes(certificate),
    ),
  ),
];

function single(
  name: string,
  aliases: readonly string[],
  summary: string,
  direction: Direction | null,
  stage: Stage,
  read: Reader,
): Buffer {
  return singleBuffer({ name, aliases, summary, direction, stage }, (tx, asked) => read(tx.side(asked)));
}

function ofHello(
  name: string,
  aliases: readonly string[],
  summary: string,
  direction: Direction | null,
  read: Reader,
): Buffer {
  return single(name, aliases, summary, direction, STAGE.head, read);
}

function ofCertificate(
  name: string,
  aliases: readonly string[],
  summary: string,
  read: (certificate: Certificate) => Uint8Array,
): Buffer {
  return single(name, aliases, summary, null, STAGE.body, ({ certificate }) =>
    certificate === null ? null : read(certificate),
  );
}

function caseless(buffer: Buffer): Buffer {
  return { ...buffer, isCaseless: true };
}

function internal(buffer: Buffer): Buffer {
  return { ...buffer, isInternal: true };
}

function part(bytes: Uint8Array | null | undefined, start: number, end?: number): Uint8Array | null {
  return bytes?.subarray(start, end) ?? null;
}

const numberBytes = (number: number): Uint8Array => Uint8Array.of(number >> 8, number & 0xff);

function dateBytes({ notBeforeMs, notAfterMs }: Certificate): Uint8Array {
  return new Uint8Array(Float64Array.of(notBeforeMs, notAfterMs).buffer);
}
