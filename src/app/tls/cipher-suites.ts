/**
 * IANA's registry of TLS cipher suites, and RFC 6101 §A.6: those that authenticate what they carry, if anything, and
 * leave it in the clear.
 */
const WITHOUT_ENCRYPTION: ReadonlySet<number> = new Set([
  // NULL, RSA (RFC 5246 §A.5) and FORTEZZA.
  ...[0x0000, 0x0001, 0x0002, 0x003b, 0x001c],
  // Keys that were agreed upon beforehand (RFC 4785, RFC 5487, RFC 5489).
  ...[0x002c, 0x002d, 0x002e, 0x00b0, 0x00b1, 0x00b4, 0x00b5, 0x00b8, 0x00b9, 0xc039, 0xc03a, 0xc03b],
  // Elliptic curves (RFC 8422, RFC 4492).
  ...[0xc001, 0xc006, 0xc00b, 0xc010, 0xc015],
  // TLS 1.3 (RFC 9150).
  ...[0xc0b4, 0xc0b5],
]);

/** What goes by this suite cannot be read. Suites that nobody knows are taken for such. */
export const encrypts = (cipherSuite: number): boolean => !WITHOUT_ENCRYPTION.has(cipherSuite);
