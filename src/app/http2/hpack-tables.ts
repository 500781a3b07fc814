import { fromLatin1 } from '../../base/bytes.ts';

/** RFC 7541 appendix A: the fields that both sides know from the start, the first of them at index 1. */
const STATIC_FIELDS = `
:authority|:method GET|:method POST|:path /|:path /index.html|:scheme http|:scheme https|:status 200|:status 204
:status 206|:status 304|:status 400|:status 404|:status 500|accept-charset|accept-encoding gzip, deflate
accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|authorization|cache-control
content-disposition|content-encoding|content-language|content-length|content-location|content-range|content-type
cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since
last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after
server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate`
  .trim()
  .split(/[|\n]/)
  .map((line) => {
    const blank = line.indexOf(' ');
    return blank < 0 ? ([line, ''] as const) : ([line.slice(0, blank), line.slice(blank + 1)] as const);
  });

export const STATIC_COUNT = STATIC_FIELDS.length;
export const STATIC_NAMES: readonly Uint8Array[] = STATIC_FIELDS.map(([name]) => fromLatin1(name));
export const STATIC_VALUES: readonly Uint8Array[] = STATIC_FIELDS.map(([, value]) => fromLatin1(value));

/**
 * RFC 7541 appendix B: how many bits the code of each byte has, the last one being the end of the string. The code is
 * canonical, so that these numbers say all of it. `n*m`: m bytes in a row.
 */
const CODE_LENGTHS = `
13 23 28*7 24 30 28*2 30 28*8 30 28*9
6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5*3 6*7 7 8 15 6 12 10 13 6 7*22 8 7 8 13 19 13 14 6
15 5 6 5 6 5 6*3 5 7*2 6*3 5 6 7 6 5*2 6 7*5 15 11 14 13 28
20 22 20*2 22*3 23 22 23*5 24 23 24*2 22 23 24 23*4 21 22 23 22 23*2 24
22 21 20 22*2 23*2 21 23 22*2 24 21 22 23*2 21*2 22 21 23 22 23*2 20 22*3 23 22*2 23
26*2 20 19 22 23 22 25 26*3 27*2 26 24 25 19 21 26 27*2 26 27 24 21*2 26*2 28 27*3
20 24 20 21 22 21*2 23 22*2 25*2 24*2 26 23 26 27 26*2 27*5 28 27*5 26 30`
  .trim()
  .split(/\s+/)
  .flatMap((item) => {
    const [bits, count = 1] = item.split('*').map(Number);
    return new Array<number>(count).fill(bits!);
  });

/** The longest code, RFC 7541 appendix B. */
export const MAX_CODE_BITS = 30;
/** The end of a string: it is never sent, save for its first bits as padding. */
export const END_OF_STRING = 256;

/** How many codes have so many bits. */
export const CODE_COUNTS = new Uint16Array(MAX_CODE_BITS + 1);
for (const bits of CODE_LENGTHS) CODE_COUNTS[bits]!++;

/** What the codes stand for, in their order. */
export const CODE_SYMBOLS = Uint16Array.from(
  CODE_LENGTHS.map((_, symbol) => symbol).sort((a, b) => CODE_LENGTHS[a]! - CODE_LENGTHS[b]! || a - b),
);
