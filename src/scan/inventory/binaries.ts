import { closeSync } from 'node:fs';
import { type RootFile, type RootFs, readFully } from '../root-fs.ts';
import type { Find } from './find.ts';

/** Servers that say their version in a text that they print. By file name. */
const SERVERS: readonly {
  readonly file: RegExp;
  readonly text: RegExp;
  readonly name: string;
  /** Left out: the text has the version as it is. */
  readonly versionOf?: (text: string) => string;
}[] = [
  { file: /^(?:nginx|openresty)$/, text: /nginx\/(\d+\.\d+\.\d+)/, name: 'nginx' },
  { file: /^(?:httpd|apache2)(?:-\w+)?$/, text: /Apache\/(\d+\.\d+\.\d+)/, name: 'apache' },
  {
    file: /^(?:php(?:-fpm|-cgi)?[\d.]*|libphp[\d.]*\.so)$/,
    text: /X-Powered-By: PHP\/(\d+\.\d+\.\d+\w*)/,
    name: 'php',
  },
  { file: /^(?:openssl|libcrypto\.so.*)$/, text: /OpenSSL (\d+\.\d+\.\d+[a-z]*)\s+\d/, name: 'openssl' },
  { file: /^memcached$/, text: /memcached (\d+\.\d+\.\d+)/, name: 'memcached' },
  { file: /^exim4?$/, text: /Exim (?:version )?(\d+\.\d+(?:\.\d+)?)/, name: 'exim' },
  { file: /^haproxy$/, text: /HAProxy version (\d+\.\d+\.\d+)/i, name: 'haproxy' },
  { file: /^lighttpd$/, text: /lighttpd\/(\d+\.\d+\.\d+)/, name: 'lighttpd' },
  { file: /^proftpd$/, text: /ProFTPD (\d+\.\d+\.\d+\w*)/, name: 'proftpd' },
  { file: /^smbd$/, text: /Samba (\d+\.\d+\.\d+)/, name: 'samba' },
  { file: /^ntpd$/, text: /ntpd (\d+\.\d+\.\d+(?:p\d+)?)/, name: 'ntp' },
  {
    file: /^minio$/,
    text: /RELEASE\.(\d{4}-\d{2}-\d{2})T\d{2}-\d{2}-\d{2}Z/,
    name: 'minio',
    versionOf: (date) => date.split('-').map(Number).join('.'),
  },
  { file: /^sshd$/, text: /OpenSSH_(\d+\.\d+p?\d*)/, name: 'openssh' },
];

/** The largest of these servers, with debugging information. */
const MAX_BINARY_BYTES = 128 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;
/** Longer than what any expression above finds. */
const OVERLAP_BYTES = 128;

const ELF_MAGIC = '\x7fELF';
/** Too small for a Go runtime. */
const MIN_GO_BYTES = 500_000;

export const isServerBinary = (fileName: string): boolean => SERVERS.some(({ file }) => file.test(fileName));

/** Known servers by what they print, and what Go programs say they are built from. Reads; never runs anything. */
export function findInBinary(fs: RootFs, path: string): Find[] {
  const file = fs.open(path);
  if (file === null) return [];
  try {
    const magic = Buffer.alloc(4);
    if (readFully(file.fd, magic) < 4 || magic.toString('latin1') !== ELF_MAGIC) return [];
    return [...findServer(file, path), ...(file.isExecutable ? findGoModules(file, path) : [])];
  } catch {
    return [];
  } finally {
    closeSync(file.fd);
  }
}

function findServer(file: RootFile, path: string): Find[] {
  const fileName = path.slice(path.lastIndexOf('/') + 1);
  const server = SERVERS.find((candidate) => candidate.file.test(fileName));
  if (server === undefined) return [];
  const chunk = Buffer.alloc(CHUNK_BYTES + OVERLAP_BYTES);
  for (let at = 0; at < Math.min(file.bytes, MAX_BINARY_BYTES); at += CHUNK_BYTES) {
    const text = chunk.subarray(0, readFully(file.fd, chunk, at)).toString('latin1');
    const found = server.text.exec(text)?.[1];
    if (found !== undefined) {
      const version = server.versionOf?.(found) ?? found;
      return [{ ecosystem: 'Bitnami', name: server.name, version, path, source: 'text in the binary' }];
    }
  }
  return [];
}

const BUILD_INFO_SECTION = '.go.buildinfo';
const BUILD_INFO_MAGIC = '\xff Go buildinf:';
const MAX_SECTIONS = 1000;
const MAX_BUILD_INFO_BYTES = 4 * 1024 * 1024;
/** Go writes 16 bytes in front of the list of modules, and behind it. */
const SENTINEL_BYTES = 16;

/** Go 1.18 and later: the section holds the version of Go and the modules as texts (debug/buildinfo). */
function findGoModules({ fd, bytes }: RootFile, path: string): Find[] {
  if (bytes < MIN_GO_BYTES) return [];
  const section = elfSection(fd, BUILD_INFO_SECTION);
  if (section === null || section.subarray(0, 14).toString('latin1') !== BUILD_INFO_MAGIC) return [];
  const hasInlineTexts = (section[15] ?? 0) & 2;
  if (!hasInlineTexts) return [];

  const goVersion = textAt(section, 32);
  const modules = goVersion === null ? null : textAt(section, goVersion.end);
  if (goVersion === null || modules === null) return [];
  const found = (name: string, version: string): Find => ({
    ecosystem: 'Go',
    name,
    version: version.replace(/^v/, ''),
    path,
    source: 'Go build information',
  });
  const finds = [found('stdlib', goVersion.text.replace(/^go/, '').split(' ', 1)[0]!)];
  const lines = modules.text.slice(SENTINEL_BYTES, -SENTINEL_BYTES).split('\n');
  for (const [at, line] of lines.entries()) {
    const [kind, name, version] = line.split('\t');
    if ((kind !== 'mod' && kind !== 'dep') || name === undefined || !/^v\d/.test(version ?? '')) continue;
    // The next line may say what was built instead.
    const [replaced, otherName, otherVersion] = lines[at + 1]?.split('\t') ?? [];
    if (replaced === '=>' && otherName !== undefined && /^v\d/.test(otherVersion ?? '')) {
      finds.push(found(otherName, otherVersion!));
    } else if (replaced !== '=>') finds.push(found(name, version!));
  }
  return finds;
}

/** A length of seven bits a byte, the lowest first, and as many bytes. */
function textAt(bytes: Buffer, start: number): { text: string; end: number } | null {
  let length = 0;
  let at = start;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined) return null;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) {
      return at + length <= bytes.length
        ? { text: bytes.subarray(at, at + length).toString('utf8'), end: at + length }
        : null;
    }
  }
  return null;
}

/** ELF, 64 bit, little-endian (elf(5)). Other machines' programs do not run here. */
function elfSection(fd: number, name: string): Buffer | null {
  const header = Buffer.alloc(64);
  if (readFully(fd, header) < 64 || header[4] !== 2 || header[5] !== 1) return null;
  const tableAt = Number(header.readBigUInt64LE(40));
  const entryBytes = header.readUInt16LE(58);
  const count = Math.min(header.readUInt16LE(60), MAX_SECTIONS);
  const table = Buffer.alloc(entryBytes * count);
  if (entryBytes < 64 || readFully(fd, table, tableAt) < table.length) return null;

  const contentOf = (index: number): Buffer => {
    const at = index * entryBytes;
    const content = Buffer.alloc(Math.min(Number(table.readBigUInt64LE(at + 32)), MAX_BUILD_INFO_BYTES));
    return content.subarray(0, readFully(fd, content, Number(table.readBigUInt64LE(at + 24))));
  };
  const namesIndex = header.readUInt16LE(62);
  if (namesIndex >= count) return null;
  const names = contentOf(namesIndex).toString('latin1');
  for (let index = 0; index < count; index++) {
    const nameAt = table.readUInt32LE(index * entryBytes);
    if (names.startsWith(`${name}\0`, nameAt)) return contentOf(index);
  }
  return null;
}
