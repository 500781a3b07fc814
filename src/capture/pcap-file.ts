import { createReadStream } from 'node:fs';
import { EMPTY_BYTES } from '../base/bytes.ts';
import { LINK } from '../wire/packet.ts';
import { type CapturedPacket, CaptureFileError, type CaptureReader, Malformed } from './capture-format.ts';
import { isPcap, PcapReader } from './pcap.ts';
import { isPcapng, PcapngReader } from './pcapng.ts';

export { type CapturedPacket, CaptureFileError } from './capture-format.ts';

/** Called for each packet, in the file's order; it must not keep the packet or its bytes. */
export type OnCapturedPacket = (packet: CapturedPacket) => void;

/**
 * Reads a capture file, classic pcap or pcapng; `-` is standard input. Resolves behind its last packet. Rejects with
 * CaptureFileError where the file is broken, after all packets before that place.
 *
 * Nothing is read while `onPacket` runs. `afterChunk` is awaited between two reads, for outputs that need a pause.
 */
export function readCapture(
  path: string,
  onPacket: OnCapturedPacket,
  afterChunk: () => Promise<void> | void = () => {},
): Promise<void> {
  if (path === '-') return readCaptureStream('standard input', process.stdin, onPacket, afterChunk);
  const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  return readCaptureStream(path, stream, onPacket, afterChunk);
}

/** As `readCapture`, from any source of bytes; `name` is for messages. */
export async function readCaptureStream(
  name: string,
  chunks: AsyncIterable<Buffer>,
  onPacket: OnCapturedPacket,
  afterChunk: () => Promise<void> | void = () => {},
): Promise<void> {
  const packet: CapturedPacket = {
    bytes: EMPTY_BYTES,
    start: 0,
    end: 0,
    wireBytes: 0,
    timeMs: 0,
    number: 0,
    linkType: LINK.rawIp,
  };
  const deliver = (): void => {
    packet.number++;
    onPacket(packet);
  };
  let reader: CaptureReader | null = null;
  let offset = 0;
  let parts: Buffer[] = [];
  let unreadBytes = 0;
  const fail = (at: number, reason: string): never => {
    throw new CaptureFileError(name, at, at === 0 ? 0 : packet.number + 1, reason);
  };

  for await (const chunk of readable(name, chunks)) {
    parts.push(chunk);
    unreadBytes += chunk.length;
    // Waiting for as many as it takes keeps a long record that comes in crumbs from being copied for each crumb.
    if (unreadBytes < (reader?.neededBytes ?? MAGIC_BYTES)) continue;
    const bytes = parts.length === 1 ? chunk : Buffer.concat(parts);
    reader ??= openReader(name, bytes, packet, deliver);
    if (unreadBytes < reader.neededBytes) {
      parts = [bytes];
      continue;
    }
    let readBytes = 0;
    try {
      readBytes = reader.read(bytes, offset);
    } catch (error) {
      if (error instanceof Malformed) fail(error.offset, error.message);
      throw error;
    }
    offset += readBytes;
    unreadBytes -= readBytes;
    parts = unreadBytes === 0 ? [] : [bytes.subarray(readBytes)];
    await afterChunk();
  }
  if (reader === null) fail(0, unreadBytes === 0 ? 'the file is empty' : NOT_A_CAPTURE);
  const missing = reader!.missingAtEnd;
  if (unreadBytes > 0)
    fail(offset, `the file ends after ${unreadBytes} bytes of ${reader!.neededBytes} that belong together`);
  if (missing !== null) fail(offset, `the file ends without ${missing}`);
}

/** Large enough that reading costs little for each packet, small enough to stay in the cache of the processor. */
const CHUNK_BYTES = 2 ** 18;
const MAGIC_BYTES = 4;
const NOT_A_CAPTURE = 'neither a pcap nor a pcapng file';

const COMPRESSIONS: readonly (readonly [string, string, string])[] = [
  ['1f8b', 'gzip', 'gunzip'],
  ['28b52ffd', 'zstd', 'unzstd'],
  ['fd377a58', 'xz', 'unxz'],
  ['425a68', 'bzip2', 'bunzip2'],
  ['04224d18', 'lz4', 'unlz4'],
];

function openReader(name: string, start: Buffer, packet: CapturedPacket, deliver: () => void): CaptureReader {
  if (isPcap(start)) return new PcapReader(packet, deliver);
  if (isPcapng(start)) return new PcapngReader(packet, deliver);
  const hex = start.toString('hex', 0, MAGIC_BYTES);
  const compression = COMPRESSIONS.find(([magic]) => hex.startsWith(magic));
  if (compression === undefined) throw new CaptureFileError(name, 0, 0, `${NOT_A_CAPTURE} (it begins with ${hex})`);
  const [, format, program] = compression;
  throw new CaptureFileError(name, 0, 0, `the file is compressed with ${format}: run ${program} on it first`);
}

async function* readable(name: string, chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  try {
    yield* chunks;
  } catch (error) {
    const reason = READ_FAILURES[(error as NodeJS.ErrnoException).code ?? ''];
    throw reason === undefined ? error : new CaptureFileError(name, 0, 0, reason);
  }
}

const READ_FAILURES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read by this user',
  EISDIR: 'it is a directory',
};
