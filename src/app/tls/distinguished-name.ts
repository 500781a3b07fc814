import { fromLatin1, latin1 } from '../../base/bytes.ts';
import { DER, type DerReader } from './der.ts';

/**
 * X.501 names as Suricata 7 writes them: `C=FR, O=Example, CN=example.com`, the values of one relative name joined by
 * ` + `. Values are the certificate's own bytes, whatever their character set; those of two or four bytes a character
 * become UTF-8, and what is no string is hexadecimal. Null where the structure is broken.
 */
export function formatName(name: DerReader): Uint8Array | null {
  const parts: string[] = [];
  while (name.next()) {
    if (name.tag !== DER.set) return null;
    const set = name.inside();
    const values: string[] = [];
    while (set.next()) {
      if (set.tag !== DER.sequence) return null;
      const attribute = set.inside();
      if (!attribute.expect(DER.oid)) return null;
      const type = oidText(attribute.value);
      if (!attribute.next()) return null;
      values.push(`${SHORT_NAMES[type] ?? `OID(${type})`}=${valueText(attribute.tag, attribute.value)}`);
    }
    parts.push(values.join(' + '));
  }
  return fromLatin1(parts.join(', '));
}

/** One character per byte. */
function valueText(tag: number, value: Uint8Array): string {
  if (STRINGS.has(tag)) return latin1(value);
  if (tag === DER.bmpString) return utf8(value, 2);
  if (tag === DER.universalString) return utf8(value, 4);
  return Buffer.from(value).toString('hex').toUpperCase();
}

function utf8(value: Uint8Array, bytesPerCharacter: 2 | 4): string {
  let text = '';
  for (let at = 0; at + bytesPerCharacter <= value.length; at += bytesPerCharacter) {
    let code = 0;
    for (let i = 0; i < bytesPerCharacter; i++) code = code * 256 + value[at + i]!;
    text += bytesPerCharacter === 2 ? String.fromCharCode(code) : String.fromCodePoint(Math.min(code, 0x10ffff));
  }
  return latin1(Buffer.from(text, 'utf8'));
}

/** Dotted decimal. Parts beyond 2^53 lose precision; no attribute has one. */
function oidText(value: Uint8Array): string {
  const parts: number[] = [];
  let part = 0;
  for (const byte of value) {
    part = part * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    if (parts.length === 0)
      parts.push(Math.min(2, Math.floor(part / 40)), part - 40 * Math.min(2, Math.floor(part / 40)));
    else parts.push(part);
    part = 0;
  }
  return parts.join('.');
}

const STRINGS: ReadonlySet<number> = new Set([
  DER.utf8String,
  DER.numericString,
  DER.printableString,
  DER.t61String,
  DER.videotexString,
  DER.ia5String,
  DER.graphicString,
  DER.visibleString,
  DER.generalString,
]);

/** As Suricata abbreviates them, or else the name in its registry. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.4': 'surname',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'streetAddress',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'title',
  '2.5.4.13': 'description',
  '2.5.4.15': 'businessCategory',
  '2.5.4.16': 'postalAddress',
  '2.5.4.17': 'postalCode',
  '2.5.4.41': 'name',
  '2.5.4.42': 'givenName',
  '2.5.4.43': 'initials',
  '2.5.4.44': 'generationQualifier',
  '2.5.4.45': 'uniqueIdentifier',
  '2.5.4.46': 'dnQualifier',
  '0.9.2342.19200300.100.1.25': 'DC',
  '1.2.840.113549.1.9.1': 'Email',
  '1.2.840.113549.1.9.2': 'unstructuredName',
  '1.3.6.1.4.1.311.60.2.1.1': 'msJurisdictionLocality',
  '1.3.6.1.4.1.311.60.2.1.2': 'msJurisdictionStateOrProvince',
  '1.3.6.1.4.1.311.60.2.1.3': 'msJurisdictionCountry',
};
