import { QUESTION_MARK } from '../../base/ascii.ts';

/**
 * The single byte of Windows-1252 that looks most like a code point, as Windows maps it and libhtp with it; a question
 * mark if none does. Full-width letters, accented letters and the look-alikes of slashes and dots are what evasions
 * use.
 */
export function bestFit(codepoint: number): number {
  if (codepoint < 0x100) return codepoint;
  if (codepoint > 0xffff) return QUESTION_MARK;
  const known = fits[codepoint]!;
  if (known !== 0) return known;
  const fit = LOOK_ALIKES.get(codepoint) ?? decomposed(codepoint) ?? QUESTION_MARK;
  fits[codepoint] = fit;
  return fit;
}

/** The base letter of an accented, full-width or otherwise styled character. */
function decomposed(codepoint: number): number | null {
  const base = String.fromCharCode(codepoint).normalize('NFKD').charCodeAt(0);
  return base < 0x80 ? base : null;
}

/** 0: not looked up yet. */
const fits = new Uint8Array(0x10000);

const LOOK_ALIKES: ReadonlyMap<number, number> = new Map([
  // What 0x80 to 0x9f are in Windows-1252.
  ...[...new TextDecoder('windows-1252').decode(Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i))].map(
    (character, i): [number, number] => [character.charCodeAt(0), 0x80 + i],
  ),
  ...pairs('\u0110\u0111\u0126\u0127\u0131\u0141\u0142\u0166\u0167', '\u00d0dHhiLlTt'),
  ...pairs('\u0393\u0398\u03a3\u03a6\u03a9\u03b1\u03b4\u03b5\u03c0\u03c3\u03c4\u03c6', 'GTSFOadepstf'),
  ...pairs('\u2010\u2011\u2212\u2044\u2215\u2216\u2032\u2223\u2236\u223c', "---//\\'|:~"),
]);

function pairs(from: string, to: string): [number, number][] {
  return [...from].map((character, i) => [character.charCodeAt(0), to.charCodeAt(i)]);
}
