import { createHash } from 'node:crypto';
import { ARRAY_OVERHEAD_BYTES, fromLatin1, latin1 } from '../../base/bytes.ts';
import { DER, DerReader } from './der.ts';
import { formatName } from './distinguished-name.ts';
import type { TlsEvent } from './events.ts';

/**
 * What rules and events say of one X.509 certificate (RFC 5280 §4.1). Read by ourselves and not by node:crypto: OpenSSL
 * formats names in a way of its own, and refuses a certificate as a whole for a fault in a part that nobody asks for.
 */
export interface Certificate {
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  /** `0A:E1:...` */
  readonly serial: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** DNS names, addresses and the like of the extension subjectAltName, as far as they are text. */
  readonly alternativeNames: readonly Uint8Array[];
  /** Memory that it takes. */
  readonly heldBytes: number;
}

/** What could be read, or the event that says what could not. The bytes are borrowed for the call. */
export function parseCertificate(der: Uint8Array): Certificate | TlsEvent {
  const outer = new DerReader(der);
  if (!outer.expect(DER.sequence)) return outer.isTooLong ? 'tls.certificate_invalid_length' : faultOf(outer);
  const certificate = outer.inside();
  if (!certificate.expect(DER.sequence)) return faultOf(certificate);
  const body = certificate.inside();
  body.expect(VERSION);
  if (!body.expect(DER.integer)) return 'tls.certificate_invalid_serial';
  const serial = hexWithColons(body.value, true);
  if (!body.expect(DER.sequence)) return 'tls.certificate_invalid_algorithmidentifier';
  const issuer = body.expect(DER.sequence) ? formatName(body.inside()) : null;
  if (issuer === null) return 'tls.certificate_invalid_issuer';
  if (!body.expect(DER.sequence)) return 'tls.certificate_invalid_validity';
  const validity = body.inside();
  const notBeforeMs = validity.next() ? parseTime(validity.tag, validity.value) : null;
  const notAfterMs = validity.next() ? parseTime(validity.tag, validity.value) : null;
  if (notBeforeMs === null || notAfterMs === null) return 'tls.certificate_invalid_validity';
  const subject = body.expect(DER.sequence) ? formatName(body.inside()) : null;
  if (subject === null) return 'tls.certificate_invalid_subject';
  const alternativeNames = alternativeNamesOf(body);
  const heldBytes = [subject, issuer, serial, ...alternativeNames].reduce(
    (sum, { length }) => sum + length + ARRAY_OVERHEAD_BYTES,
    0,
  );
  return { subject, issuer, serial, notBeforeMs, notAfterMs, alternativeNames, heldBytes };
}

/** Why the frame of a certificate could not be read, by the names that Suricata has for it. */
function faultOf(reader: DerReader): TlsEvent {
  if (reader.isCut) return 'tls.certificate_invalid_length';
  return reader.isTooLong ? 'tls.invalid_certificate' : 'tls.certificate_invalid_der';
}

/** SHA-1 of the certificate: `32:56:...` */
export const fingerprintOf = (der: Uint8Array): Uint8Array =>
  hexWithColons(createHash('sha1').update(der).digest(), false);

/** Reads on behind the subject: public key, unique identifiers, extensions. */
function alternativeNamesOf(body: DerReader): readonly Uint8Array[] {
  while (body.next()) {
    if (body.tag !== EXTENSIONS) continue;
    const list = body.inside();
    if (!list.expect(DER.sequence)) return NO_NAMES;
    const extensions = list.inside();
    while (extensions.expect(DER.sequence)) {
      const extension = extensions.inside();
      if (!extension.expect(DER.oid) || latin1(extension.value) !== SUBJECT_ALT_NAME) continue;
      extension.expect(BOOLEAN);
      if (!extension.expect(OCTET_STRING)) return NO_NAMES;
      return textNames(extension.inside());
    }
    return NO_NAMES;
  }
  return NO_NAMES;
}

function textNames(value: DerReader): readonly Uint8Array[] {
  if (!value.expect(DER.sequence)) return NO_NAMES;
  const names: Uint8Array[] = [];
  const list = value.inside();
  while (list.next() && names.length < MAX_ALTERNATIVE_NAMES) {
    if (TEXT_NAMES.has(list.tag)) names.push(list.value.slice());
  }
  return names;
}

/** RFC 5280 §4.1.2.5: UTCTime has two digits for the year, 50 and more of the last century. Null if it is no time. */
function parseTime(tag: number, value: Uint8Array): number | null {
  const pattern = tag === DER.utcTime ? UTC_TIME : tag === DER.generalizedTime ? GENERALIZED_TIME : null;
  const digits = pattern?.exec(latin1(value, 0, Math.min(value.length, MAX_TIME_CHARACTERS)));
  if (digits === null || digits === undefined) return null;
  const [year, month, day, hour, minute, second] = digits.slice(1).map((part) => Number(part ?? 0));
  const fullYear = tag === DER.utcTime ? year! + (year! >= 50 ? 1900 : 2000) : year!;
  if (month! < 1 || month! > 12 || day! < 1 || day! > 31 || hour! > 24 || minute! > 59 || second! > 60) return null;
  const date = new Date(0);
  date.setUTCFullYear(fullYear, month! - 1, day!);
  date.setUTCHours(hour!, minute!, second!);
  return date.getTime();
}

function hexWithColons(bytes: Uint8Array, isUpperCase: boolean): Uint8Array {
  const pairs = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex').match(/../g) ?? [];
  const text = pairs.join(':');
  return fromLatin1(isUpperCase ? text.toUpperCase() : text);
}

/** Context-specific tags of RFC 5280 §4.1: [0] version, [3] extensions. */
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
const BOOLEAN = 0x01;
const OCTET_STRING = 0x04;
/** 2.5.29.17 */
const SUBJECT_ALT_NAME = '\x55\x1d\x11';
/** GeneralName of RFC 5280 §4.2.1.6: rfc822Name, dNSName, uniformResourceIdentifier. */
const TEXT_NAMES: ReadonlySet<number> = new Set([0x81, 0x82, 0x86]);
/** Certificates of large providers have a hundred; ours, and beyond it names are not looked into. */
const MAX_ALTERNATIVE_NAMES = 1024;
const MAX_TIME_CHARACTERS = 32;
const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?Z$/;
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:\.\d+)?Z$/;
const NO_NAMES: readonly Uint8Array[] = [];
