/** Protocol versions as they are on the wire; an early draft of TLS 1.3 without a number of its own is `preDraft16`. */
export const VERSION = {
  unknown: 0,
  ssl2: 0x0002,
  ssl3: 0x0300,
  tls10: 0x0301,
  tls11: 0x0302,
  tls12: 0x0303,
  tls13: 0x0304,
  preDraft16: 0x7f01,
  draft16: 0x7f10,
} as const;

/** TLS 1.3 and its drafts: what follows the hellos is encrypted. */
export const isTls13 = (version: number): boolean => version === VERSION.tls13 || version >> 8 === 0x7f;

/** RFC 8701: values that mean nothing, so that servers learn to ignore what they do not know. */
export const isGrease = (value: number): boolean => (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);

/** As Suricata's EVE writes it. */
export function versionText(version: number): string {
  const known = NAMES.get(version);
  if (known !== undefined) return known;
  if (isTls13(version)) return `TLS 1.3 draft-${version & 0xff}`;
  return `0x${version.toString(16).padStart(4, '0')}`;
}

const NAMES: ReadonlyMap<number, string> = new Map<number, string>([
  [VERSION.unknown, 'UNDETERMINED'],
  [VERSION.ssl2, 'SSLv2'],
  [VERSION.ssl3, 'SSLv3'],
  [VERSION.tls10, 'TLSv1'],
  [VERSION.tls11, 'TLS 1.1'],
  [VERSION.tls12, 'TLS 1.2'],
  [VERSION.tls13, 'TLS 1.3'],
  [VERSION.preDraft16, 'TLS 1.3 draft-<16'],
]);
