import { latin1, u8, u16, u16le, u32, u32le } from '../base/bytes.ts';

/** From so many bytes on, what a file is does not change any more; Suricata's FILEMAGIC_MIN_SIZE. */
export const SETTLED_TYPE_BYTES = 512;

/**
 * What kind of file begins like this, in the words of file(1) as far as rules ask for them: kind, version, size of an
 * image. Of some sixty formats; what is none of them is text or `data`. Reads the first 4 KiB.
 */
export function fileType(content: Uint8Array): string {
  if (content.length === 0) return 'empty';
  for (const { at, magic, type } of FORMATS) {
    if (!hasMagic(content, at, magic)) continue;
    const name = typeof type === 'string' ? type : type(content);
    if (name !== null) return name;
  }
  return textType(content) ?? 'data';
}

interface Format {
  readonly at: number;
  /** Bytes as characters; `?` stands for any. */
  readonly magic: string;
  /** Null: it is something else. */
  readonly type: string | ((content: Uint8Array) => string | null);
}

const format = (magic: string, type: Format['type'], at = 0): Format => ({ at, magic, type });

/** In the order in which they are tried. */
const FORMATS: readonly Format[] = [
  format('MZ', dosExecutable),
  format('\x7fELF', elf),
  format('\xca\xfe\xba\xbe', javaClass),
  format('\xce\xfa\xed\xfe', 'Mach-O executable'),
  format('\xcf\xfa\xed\xfe', 'Mach-O 64-bit executable'),
  format('\0asm', 'WebAssembly (wasm) binary module'),
  format('dex\n', 'Dalvik dex file'),
  format('%PDF-', (content) => `PDF document, version ${digits(content, 5)}`),
  format('{\\rtf', (content) => `Rich Text Format data, version ${digits(content, 5)}`),
  format('%!PS', 'PostScript document text'),
  format('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'Composite Document File V2 Document'),
  format('PK\x03\x04', zip),
  format('PK\x05\x06', 'Zip archive data (empty)'),
  format('\x1f\x8b', 'gzip compressed data'),
  format('BZh', 'bzip2 compressed data'),
  format('\xfd7zXZ\0', 'XZ compressed data'),
  format('\x28\xb5\x2f\xfd', 'Zstandard compressed data'),
  format('7z\xbc\xaf\x27\x1c', (content) => `7-zip archive data, version ${byte(content, 6)}.${byte(content, 7)}`),
  format('Rar!\x1a\x07\x01\0', 'RAR archive data, v5'),
  format('Rar!\x1a\x07\0', 'RAR archive data, v4'),
  format('MSCF\0\0\0\0', 'Microsoft Cabinet archive data'),
  format('ITSF', 'MS Windows HtmlHelp Data'),
  format('ustar\x20\x20\0', 'POSIX tar archive (GNU)', 257),
  format('ustar', 'POSIX tar archive', 257),
  format('CD001', 'ISO 9660 CD-ROM filesystem data', 32_769),
  format('!<arch>\ndebian', 'Debian binary package (format 2.0)'),
  format('!<arch>', 'current ar archive'),
  format('\xed\xab\xee\xdb', 'RPM v3.0'),
  format('L\0\0\0\x01\x14\x02\0', 'MS Windows shortcut'),
  format('regf', 'MS Windows registry file, NT/2000 or above'),
  format('\x89PNG\r\n\x1a\n', png),
  format('GIF8?a', gif),
  format('\xff\xd8\xff', jpeg),
  format('BM', (content) => (u32Little(content, 10) < 4096 ? 'PC bitmap' : null)),
  format('II*\0', 'TIFF image data, little-endian'),
  format('MM\0*', 'TIFF image data, big-endian'),
  format('\0\0\x01\0', (content) => `MS Windows icon resource - ${u16Little(content, 4)} icon`),
  format('8BPS', 'Adobe Photoshop Image'),
  format('FWS', flash),
  format('CWS', flash),
  format('ZWS', flash),
  format('FLV\x01', 'Macromedia Flash Video'),
  format('RIFF????WAVE', 'RIFF (little-endian) data, WAVE audio'),
  format('RIFF????AVI ', 'RIFF (little-endian) data, AVI'),
  format('RIFF????WEBP', 'RIFF (little-endian) data, Web/P image'),
  format('RIFF', 'RIFF (little-endian) data'),
  format('ftyp', 'ISO Media', 4),
  format('\x1a\x45\xdf\xa3', (content) => (has(content, 'webm') ? 'WebM' : 'Matroska data')),
  format('OggS', 'Ogg data'),
  format('ID3', (content) => `Audio file with ID3 version 2.${byte(content, 3)}.${byte(content, 4)}`),
  format('\xff\xfb', 'MPEG ADTS, layer III, v1'),
  format('MThd', 'Standard MIDI data'),
  format('fLaC', 'FLAC audio bitstream data'),
  format('wOFF', 'Web Open Font Format'),
  format('wOF2', 'Web Open Font Format (Version 2)'),
  format('OTTO', 'OpenType font data'),
  format('\0\x01\0\0\0', 'TrueType Font data'),
  format('SQLite format 3\0', 'SQLite 3.x database'),
  format('\xac\xed\0', 'Java serialization data, version 5'),
  format('\xd4\xc3\xb2\xa1', 'pcap capture file, microsecond ts (little-endian)'),
];

function dosExecutable(content: Uint8Array): string {
  const at = u32Little(content, 0x3c);
  if (!hasMagic(content, at, 'PE\0\0'))
    return hasMagic(content, at, 'NE') ? 'MS-DOS executable, NE' : 'MS-DOS executable';
  const form = u16Little(content, at + 24) === 0x20b ? 'PE32+' : 'PE32';
  const isLibrary = (u16Little(content, at + 22) & 0x2000) !== 0;
  const subsystem = PE_SUBSYSTEMS[u16Little(content, at + 92)] ?? '(unknown)';
  const machine = PE_MACHINES[u16Little(content, at + 4)] ?? 'unknown processor';
  return `${form} executable${isLibrary ? ' (DLL)' : ''} ${subsystem} ${machine}, for MS Windows`;
}

const PE_SUBSYSTEMS: Readonly<Record<number, string>> = { 1: '(native)', 2: '(GUI)', 3: '(console)' };
const PE_MACHINES: Readonly<Record<number, string>> = {
  332: 'Intel 80386',
  452: 'ARMv7 Thumb',
  34404: 'x86-64',
  43620: 'Aarch64',
};

function elf(content: Uint8Array): string {
  const isLittle = byte(content, 5) === 1;
  const number = (at: number): number => (isLittle ? u16Little(content, at) : u16Big(content, at));
  const form = `${byte(content, 4) === 2 ? '64' : '32'}-bit ${isLittle ? 'LSB' : 'MSB'}`;
  const kind = ELF_KINDS[number(16)] ?? 'unknown type';
  const machine = ELF_MACHINES[number(18)] ?? 'unknown architecture';
  return `ELF ${form} ${kind}, ${machine}, version 1 (${byte(content, 7) === 3 ? 'GNU/Linux' : 'SYSV'})`;
}

const ELF_KINDS: Readonly<Record<number, string>> = {
  1: 'relocatable',
  2: 'executable',
  3: 'shared object',
  4: 'core file',
};
const ELF_MACHINES: Readonly<Record<number, string>> = {
  3: 'Intel 80386',
  8: 'MIPS',
  20: 'PowerPC or cisco 4500',
  40: 'ARM',
  62: 'x86-64',
  183: 'ARM aarch64',
  243: 'UCB RISC-V',
};

/** Universal binaries of macOS begin like this too, and have few parts where classes have a version. */
function javaClass(content: Uint8Array): string {
  const major = u16Big(content, 6);
  return major < 45 ? 'Mach-O universal binary' : `compiled Java class data, version ${major}.${u16Big(content, 4)}`;
}

/** What kind of package it is, the names of its first files tell. */
function zip(content: Uint8Array): string {
  const head = latin1(content, 0, Math.min(content.length, LOOKED_BYTES));
  if (head.includes('META-INF/')) return 'Java archive data (JAR)';
  const mimeType = /mimetypeapplication\/([\w.+-]+)/.exec(head)?.[1];
  if (mimeType !== undefined) return mimeType === 'epub+zip' ? 'EPUB document' : `OpenDocument (${mimeType})`;
  if (head.includes('[Content_Types].xml') || head.includes('_rels/.rels')) {
    for (const [folder, name] of OFFICE_FOLDERS) if (head.includes(folder)) return `Microsoft ${name} 2007+`;
    return 'Microsoft OOXML';
  }
  const version = u16Little(content, 4) & 0xff;
  return `Zip archive data, at least v${Math.floor(version / 10)}.${version % 10} to extract`;
}

const OFFICE_FOLDERS = [
  ['word/', 'Word'],
  ['xl/', 'Excel'],
  ['ppt/', 'PowerPoint'],
] as const;

function png(content: Uint8Array): string {
  const colors = PNG_COLORS[byte(content, 25)] ?? '';
  const interlaced = byte(content, 28) === 1 ? 'interlaced' : 'non-interlaced';
  return `PNG image data, ${u32Big(content, 16)} x ${u32Big(content, 20)}, ${byte(content, 24)}-bit${colors}, ${interlaced}`;
}

const PNG_COLORS: Readonly<Record<number, string>> = {
  0: ' grayscale',
  2: '/color RGB',
  3: ' colormap',
  4: ' gray+alpha',
  6: '/color RGBA',
};

function gif(content: Uint8Array): string {
  return `GIF image data, version 8${latin1(content, 4, 6)}, ${u16Little(content, 6)} x ${u16Little(content, 8)}`;
}

function jpeg(content: Uint8Array): string {
  if (hasMagic(content, 6, 'Exif')) return 'JPEG image data, Exif standard';
  if (!hasMagic(content, 6, 'JFIF')) return 'JPEG image data';
  return `JPEG image data, JFIF standard ${byte(content, 11)}.${String(byte(content, 12)).padStart(2, '0')}`;
}

function flash(content: Uint8Array): string {
  return `Macromedia Flash data${content[0] === 0x46 ? '' : ' (compressed)'}, version ${byte(content, 3)}`;
}

/** Null: it holds bytes that no text has. */
function textType(content: Uint8Array): string | null {
  const text = latin1(content, 0, Math.min(content.length, LOOKED_BYTES));
  const encoding = encodingOf(text);
  if (encoding === null) return null;
  for (const [pattern, kind] of TEXT_KINDS) if (pattern.test(text)) return `${kind}, ${encoding}`;
  const lines = !text.includes('\n')
    ? ', with no line terminators'
    : text.includes('\r\n')
      ? ', with CRLF line terminators'
      : '';
  return `${encoding}${lines}`;
}

function encodingOf(text: string): string | null {
  if (text.startsWith('\xff\xfe')) return 'Unicode text, UTF-16, little-endian text';
  if (text.startsWith('\xfe\xff')) return 'Unicode text, UTF-16, big-endian text';
  if (NO_TEXT.test(text)) return null;
  if (!/[\x80-\xff]/.test(text)) return 'ASCII text';
  // A character may be cut off at the end of what is looked at.
  const isUtf8 = !Buffer.from(text, 'latin1').toString('utf8').slice(0, -1).includes('\ufffd');
  return isUtf8 ? 'Unicode text, UTF-8 text' : 'ISO-8859 text';
}

const NO_TEXT = /[\0-\x06\x0e-\x1a\x1c-\x1f\x7f]/;

const TEXT_KINDS: readonly (readonly [RegExp, string])[] = [
  [/^#! ?\/\S*\/(?:env )?bash/, 'Bourne-Again shell script'],
  [/^#! ?\/\S*\/(?:env )?(?:da)?sh/, 'POSIX shell script'],
  [/^#! ?\/\S*\/(?:env )?python/, 'Python script'],
  [/^#! ?\/\S*\/(?:env )?perl/, 'Perl script text executable'],
  [/^#! ?\/\S*\/(?:env )?php|^<\?php/, 'PHP script'],
  [/^@echo off/i, 'DOS batch file'],
  [/^\s*<\?xml[\s\S]{0,512}<svg/i, 'SVG Scalable Vector Graphics image'],
  [/^\s*<svg/i, 'SVG Scalable Vector Graphics image'],
  [/^(?:\xef\xbb\xbf)?\s*<\?xml version=["']1\.0/, 'XML 1.0 document'],
  [/^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body|title|script|a href)/i, 'HTML document'],
  [/^-----BEGIN CERTIFICATE-----/, 'PEM certificate'],
  [/^-----BEGIN (?:RSA |EC |OPENSSH )?PRIVATE KEY-----/, 'PEM private key'],
  [/^(?:From |Received:|Return-Path:)/, 'SMTP mail'],
];

const LOOKED_BYTES = 4096;

function hasMagic(content: Uint8Array, at: number, magic: string): boolean {
  if (at + magic.length > content.length) return false;
  for (let i = 0; i < magic.length; i++) {
    if (magic[i] !== '?' && u8(content, at + i) !== magic.charCodeAt(i)) return false;
  }
  return true;
}

const has = (content: Uint8Array, text: string): boolean =>
  latin1(content, 0, Math.min(content.length, 64)).includes(text);

const digits = (content: Uint8Array, at: number): string =>
  /^[\d.]*/.exec(latin1(content, at, Math.min(content.length, at + 8)))![0];

// Behind the end there are zeros.
const byte = (content: Uint8Array, at: number): number => content[at] ?? 0;
const u16Big = (content: Uint8Array, at: number): number => (at + 2 > content.length ? 0 : u16(content, at));
const u32Big = (content: Uint8Array, at: number): number => (at + 4 > content.length ? 0 : u32(content, at));
const u16Little = (content: Uint8Array, at: number): number => (at + 2 > content.length ? 0 : u16le(content, at));
const u32Little = (content: Uint8Array, at: number): number => (at + 4 > content.length ? 0 : u32le(content, at));
