/**
 * Bytes that every match of a regular expression has in it, in any order; null where that is not obvious. Groups,
 * classes and whatever may be missing contribute nothing.
 */
export function requiredBytes(pattern: string, isExtended: boolean): Uint8Array | null {
  const found: number[] = [];
  let at = 0;
  // Options and alternatives change the meaning of all that follows.
  if (/\(\?[a-zA-Z-]+[:)]/.test(pattern)) return null;
  while (at < pattern.length) {
    const token = TOKEN.exec(pattern.slice(at))?.[0] ?? '';
    const char = token[0];
    if (char === '|' || token === '') return null;
    let end = at + token.length;
    if (char === '(') {
      end = endOfGroup(pattern, at);
      if (end < 0) return null;
    }
    const quantifier = /^(?:[?*+]|\{\d*,?\d*\})/.exec(pattern.slice(end))?.[0] ?? '';
    const isOptional = /^(?:[?*]|\{0?,|\{0\})/.test(quantifier);
    const byte = isOptional ? null : byteOf(token, isExtended);
    if (byte !== null) found.push(byte);
    at = end + quantifier.length;
    // `+?` and `++`: lazy and possessive.
    if (quantifier !== '' && /^[?+]/.test(pattern.slice(at))) at++;
  }
  return Uint8Array.from(found);
}

const TOKEN = /^(?:\\x[0-9a-f]{2}|\\x\{[0-9a-f]+\}|\\Q|\\[\s\S]|\[\^?\]?(?:\\[\s\S]|\[:\w+:\]|[^\]\\])*\]|[\s\S])/i;

/** The byte that a token stands for; null where it stands for several, or none. */
function byteOf(token: string, isExtended: boolean): number | null {
  if (token.length === 1) {
    if ('.^$([)'.includes(token) || (isExtended && /[\s#]/.test(token))) return null;
    const code = token.charCodeAt(0);
    return code < 0x80 ? code : null;
  }
  const hex = /^\\x\{?([0-9a-f]{2})\}?$/i.exec(token)?.[1];
  if (hex !== undefined) return Number.parseInt(hex, 16);
  if (token === '\\r') return 0x0d;
  if (token === '\\n') return 0x0a;
  if (token === '\\t') return 0x09;
  return /^\\[^a-zA-Z0-9]$/.test(token) ? token.charCodeAt(1) : null;
}

/** Behind the bracket that closes the one at `start`, or -1. */
function endOfGroup(pattern: string, start: number): number {
  let depth = 0;
  for (let at = start; at < pattern.length; ) {
    const token = TOKEN.exec(pattern.slice(at))![0];
    if (token === '(') depth++;
    if (token === ')' && --depth === 0) return at + 1;
    at += token.length;
  }
  return -1;
}
