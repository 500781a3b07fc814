import { ByteVariable } from '../byte-variable.ts';
import type { ContentDraft } from '../content-draft.ts';

/** `has "cmd.exe", in upper or lower case, within its first 40 bytes` */
export function contentWords(content: ContentDraft): string {
  const { isNegated, isCaseless, isAtStart, isAtEnd, bytes } = content;
  const verb =
    isAtStart && isAtEnd
      ? isNegated
        ? 'is not'
        : 'is'
      : isAtStart
        ? isNegated
          ? 'does not begin with'
          : 'begins with'
        : isAtEnd
          ? isNegated
            ? 'does not end with'
            : 'ends with'
          : isNegated
            ? 'has no'
            : 'has';
  const parts = [`${verb} ${shownBytes(bytes)}`];
  if (isCaseless && bytes.some(isLetter)) parts.push('in upper or lower case');
  const place = content.isRelative ? relativePlace(content) : absolutePlace(content);
  if (place !== null) parts.push(place);
  return parts.join(', ');
}

function absolutePlace({ offset, depth, isAtStart }: ContentDraft): string | null {
  if (isAtStart) return null;
  const from = offset === null || offset === 0 ? null : `from byte ${limitText(offset)} on`;
  if (depth === null) return from;
  return from === null ? `within its first ${limitText(depth)} bytes` : `within ${limitText(depth)} bytes ${from}`;
}

function relativePlace({ distance, within }: ContentDraft): string {
  const start = distance ?? 0;
  const isBack = typeof start === 'number' && start < 0;
  const from =
    start === 0
      ? 'behind the match before it'
      : isBack
        ? `from ${-(start as number)} bytes before the end of the match before it on`
        : `at least ${limitText(start)} ${start === 1 ? 'byte' : 'bytes'} behind the match before it`;
  return within === null ? from : `${from}, and ending within ${limitText(within)} bytes of there`;
}

const limitText = (limit: number | ByteVariable): string =>
  limit instanceof ByteVariable ? limit.name : String(limit);

const isLetter = (byte: number): boolean => (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;

/** As a rule writes it: text in quotes, other bytes in hexadecimal between bars. */
export function shownBytes(bytes: Uint8Array): string {
  let text = '';
  let isHex = false;
  for (const byte of bytes) {
    const isPlain = byte >= 0x20 && byte < 0x7f && !'";|'.includes(String.fromCharCode(byte));
    if (isPlain === isHex) text += '|';
    else if (isHex) text += ' ';
    text += isPlain ? String.fromCharCode(byte) : byte.toString(16).padStart(2, '0');
    isHex = !isPlain;
  }
  return `"${text}${isHex ? '|' : ''}"`;
}
