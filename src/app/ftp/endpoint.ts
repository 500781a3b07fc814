/** Where a data connection goes to. */
export interface DataEndpoint {
  /** Null where it is that of the control connection, or IPv6. */
  readonly ipv4: Uint8Array | null;
  readonly port: number;
}

/** `192,0,2,1,4,1`: of PORT, and in the reply to PASV, where there may be words around it. RFC 959 §4.1.2. */
export function parseHostPort(text: string): DataEndpoint | null {
  const match = HOST_PORT.exec(text);
  if (match === null) return null;
  const numbers = match.slice(1).map(Number);
  if (numbers.some((number) => number > 255)) return null;
  const port = numbers[4]! * 256 + numbers[5]!;
  return port === 0 ? null : { ipv4: Uint8Array.from(numbers.slice(0, 4)), port };
}

/** `|1|192.0.2.1|1025|` of EPRT, and `(|||1025|)` in the reply to EPSV: RFC 2428 §2, §3. */
export function parseExtended(text: string): DataEndpoint | null {
  const [, , address = '', digits = ''] = EXTENDED.exec(text) ?? [];
  const port = Number(digits);
  if (digits === '' || port === 0 || port > 65_535) return null;
  const numbers = /^\d{1,3}(?:\.\d{1,3}){3}$/.test(address) ? address.split('.').map(Number) : null;
  return { ipv4: numbers === null ? null : Uint8Array.from(numbers), port };
}

const HOST_PORT = /(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3})/;
/** Any character can be the delimiter; nobody uses one that the parts may have. */
const EXTENDED = /([^\w\s().:])[12]?\1([0-9a-f.:]*)\1(\d{1,5})\1/i;
