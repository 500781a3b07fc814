import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fileType } from '../../src/app/file-type.ts';
import { fromLatin1 } from '../../src/base/bytes.ts';

const hex = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits.replaceAll(' ', ''), 'hex'));

/** A program for Windows, as far as its type shows. */
function pe(machine: number, magic: number, subsystem: number, characteristics = 0x22): Uint8Array {
  const bytes = Buffer.alloc(512);
  bytes.write('MZ', 0, 'latin1');
  bytes.writeUInt32LE(0x80, 0x3c);
  bytes.write('PE\0\0', 0x80, 'latin1');
  bytes.writeUInt16LE(machine, 0x84);
  bytes.writeUInt16LE(characteristics, 0x96);
  bytes.writeUInt16LE(magic, 0x98);
  bytes.writeUInt16LE(subsystem, 0xdc);
  return new Uint8Array(bytes);
}

/** The words of file(1) 5.44, as far as ours go. */
const FILES: readonly (readonly [string, Uint8Array | string, string])[] = [
  ['nothing', '', 'empty'],
  ['PDF', '%PDF-1.6\n%\xe2\xe3', 'PDF document, version 1.6'],
  ['PE', pe(0x14c, 0x10b, 2), 'PE32 executable (GUI) Intel 80386, for MS Windows'],
  ['PE+', pe(0x8664, 0x20b, 3), 'PE32+ executable (console) x86-64, for MS Windows'],
  ['DLL', pe(0x8664, 0x20b, 2, 0x2022), 'PE32+ executable (DLL) (GUI) x86-64, for MS Windows'],
  ['DOS', 'MZ\x90', 'MS-DOS executable'],
  [
    'ELF',
    hex('7f454c46 020101 00 0000000000000000 0200 3e00 01000000'),
    'ELF 64-bit LSB executable, x86-64, version 1 (SYSV)',
  ],
  [
    'ELF, big-endian',
    hex('7f454c46 010201 00 0000000000000000 0003 0008'),
    'ELF 32-bit MSB shared object, MIPS, version 1 (SYSV)',
  ],
  [
    'PNG',
    hex('89504e470d0a1a0a 0000000d 49484452 00000260 00000113 08 02 00 00 00'),
    'PNG image data, 608 x 275, 8-bit/color RGB, non-interlaced',
  ],
  ['GIF', 'GIF89a\x80\x02\xa5\x01', 'GIF image data, version 89a, 640 x 421'],
  ['JPEG', hex('ffd8ffe0 0010 4a46494600 0101'), 'JPEG image data, JFIF standard 1.01'],
  ['ZIP', 'PK\x03\x04\x14\0\0\0', 'Zip archive data, at least v2.0 to extract'],
  ['JAR', `PK\x03\x04\x14\0${'\0'.repeat(24)}META-INF/MANIFEST.MF`, 'Java archive data (JAR)'],
  [
    'DOCX',
    `PK\x03\x04\x14\0${'\0'.repeat(24)}[Content_Types].xml${'\0'.repeat(40)}word/document.xml`,
    'Microsoft Word 2007+',
  ],
  ['OLE', hex('d0cf11e0a1b11ae1'), 'Composite Document File V2 Document'],
  ['class', hex('cafebabe 0003 002d'), 'compiled Java class data, version 45.3'],
  ['universal binary', hex('cafebabe 00000002'), 'Mach-O universal binary'],
  ['tar', `name${'\0'.repeat(253)}ustar\0`, 'POSIX tar archive'],
  ['7z', hex('377abcaf271c0004'), '7-zip archive data, version 0.4'],
  ['Flash', 'CWS\x0a', 'Macromedia Flash data (compressed), version 10'],
  ['MP3', 'ID3\x04\x00', 'Audio file with ID3 version 2.4.0'],
  ['WebM', hex('1a45dfa3 9f 4282 84 7765626d'), 'WebM'],
  ['shell', '#!/bin/sh\necho', 'POSIX shell script, ASCII text'],
  ['PHP', '<?php system($_GET["c"]);', 'PHP script, ASCII text'],
  ['HTML', '<!DOCTYPE html>\n<html>', 'HTML document, ASCII text'],
  ['XML', '<?xml version="1.0"?>\n<a/>', 'XML 1.0 document, ASCII text'],
  ['ASCII', 'hello\n', 'ASCII text'],
  ['one line', 'hello', 'ASCII text, with no line terminators'],
  ['CRLF', 'a\r\nb\r\n', 'ASCII text, with CRLF line terminators'],
  ['UTF-8', 'caf\xc3\xa9\n', 'Unicode text, UTF-8 text'],
  ['Latin 1', 'caf\xe9 noir\n', 'ISO-8859 text'],
  ['none of them', '\0\x01\x02\x03', 'data'],
];

describe('fileType', () => {
  test.each(FILES)('%s', (_, content, type) => {
    expect(fileType(typeof content === 'string' ? fromLatin1(content) : content)).toBe(type);
  });

  test('has a name for any bytes, also those of a file that is cut off', () => {
    for (const [, content] of FILES) {
      const bytes = typeof content === 'string' ? fromLatin1(content) : content;
      for (let end = 0; end <= bytes.length; end++) expect(fileType(bytes.subarray(0, end))).not.toBe('');
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => fileType(bytes) !== ''));
  });
});
