import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CaptureFileError, readCapture } from '../../src/capture/pcap-file.ts';
import { Decoder } from '../../src/wire/decode.ts';
import { CHECKSUM, IP_PROTOCOL, LINK, Packet } from '../../src/wire/packet.ts';
import { buildTcp, buildUdp, hex, pcapBytes, type TcpFields } from '../support/packets.ts';
import { PcapngBlocks } from '../support/pcapng.ts';

const FOLDER = 'fixtures/captures';
const REQUEST = 'GET / HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: vpatch\r\n\r\n';
const RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n';

/** One connection with one request, and a DNS question before it. */
function conversation(): Uint8Array[] {
  const question = hex('1234 0100 0001 0000 0000 0000 03777777076578616d706c6503636f6d00 0001 0001');
  let [clientNext, serverNext] = [1000, 9000];
  const client = (fields: TcpFields, bytes = fields.payload?.length ?? 0): Uint8Array => {
    const frame = buildTcp({ ethernet: true, sequence: clientNext, acknowledgement: serverNext, ...fields });
    clientNext += bytes;
    return frame;
  };
  const server = (fields: TcpFields, bytes = fields.payload?.length ?? 0): Uint8Array => {
    const addresses = { source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 80, destinationPort: 40_000 };
    const numbers = { sequence: serverNext, acknowledgement: clientNext };
    const frame = buildTcp({ ethernet: true, ...addresses, ...numbers, ...fields });
    serverNext += bytes;
    return frame;
  };
  return [
    buildUdp({ ethernet: true, payload: question }),
    client({ flags: 'S', acknowledgement: 0, options: hex('020405b4 0402 0303 07 00 0000') }, 1),
    server({ flags: 'SA', options: hex('020405b4 0402 0303 07 00 0000') }, 1),
    client({ flags: 'A' }),
    client({ payload: REQUEST }),
    server({ payload: RESPONSE }),
    client({ flags: 'FA' }, 1),
    server({ flags: 'FA' }, 1),
    client({ flags: 'A' }),
  ];
}

/** The same packets in each form. Change one here, remove the file, and run the test to write it anew. */
function fixtures(): Record<string, Uint8Array> {
  const frames = conversation();
  const micro = pcapBytes(frames, LINK.ethernet);
  const big = new PcapngBlocks(true);
  const little = new PcapngBlocks();
  const unitsOf = (index: number): bigint => 1_700_000_000_000_000n + BigInt(index) * 1000n;
  return {
    'http.pcap': micro,
    'http-nanosecond-big-endian.pcap': swapped(micro),
    'http-cut-by-capture.pcap': pcapBytes(
      frames.map((bytes) => ({ bytes: bytes.subarray(0, 80), wireBytes: bytes.length })),
      LINK.ethernet,
    ),
    'http-truncated-file.pcap': micro.subarray(0, micro.length - 10),
    'http.pcapng': Buffer.concat([
      little.section(),
      little.interface(1),
      little.interface(101),
      // Half of them without their Ethernet header, from another interface.
      ...frames.map((frame, index) =>
        little.enhanced(frame.subarray(index % 2 === 0 ? 0 : 14), { of: index % 2, units: unitsOf(index) }),
      ),
    ]),
    'http-two-sections.pcapng': Buffer.concat([
      little.section(),
      little.interface(1),
      ...frames.slice(0, 4).map((frame, index) => little.enhanced(frame, { units: unitsOf(index) })),
      big.section(),
      big.interface(1, 0, big.option(9, hex('09'))),
      ...frames.slice(4).map((frame, index) => big.enhanced(frame, { units: unitsOf(index + 4) * 1000n })),
    ]),
  };
}

/** A little-endian microsecond file as a big-endian nanosecond file. */
function swapped(file: Uint8Array): Uint8Array {
  const from = Buffer.from(file);
  const to = Buffer.from(file);
  to.writeUInt32BE(0xa1b23c4d, 0);
  for (const at of [4, 6]) to.writeUInt16BE(from.readUInt16LE(at), at);
  for (const at of [16, 20]) to.writeUInt32BE(from.readUInt32LE(at), at);
  for (let at = 24; at < from.length; at += 16 + from.readUInt32LE(at + 8)) {
    to.writeUInt32BE(from.readUInt32LE(at), at);
    to.writeUInt32BE(from.readUInt32LE(at + 4) * 1000, at + 4);
    for (const field of [8, 12]) to.writeUInt32BE(from.readUInt32LE(at + field), at + field);
  }
  return to;
}

async function decodeFile(path: string) {
  const decoder = new Decoder();
  const packet = new Packet();
  const times: number[] = [];
  const events: string[] = [];
  let payload = '';
  const read = readCapture(path, (captured) => {
    Object.assign(packet, captured);
    packet.checksum = CHECKSUM.unverified;
    decoder.decode(packet);
    times.push(packet.timeMs);
    events.push(...packet.events);
    if (packet.protocol !== IP_PROTOCOL.tcp) return;
    payload += Buffer.from(packet.bytes).toString('latin1', packet.payloadStart, packet.payloadEnd);
  });
  const error = await read.then(
    () => null,
    (reason: unknown) => reason,
  );
  return { times, events, payload, error };
}

describe('the capture files of the fixtures', () => {
  const expected = fixtures();

  test('are what this test makes, and no others', () => {
    for (const [name, bytes] of Object.entries(expected)) {
      const path = `${FOLDER}/${name}`;
      if (!existsSync(path)) writeFileSync(path, bytes);
      expect(Buffer.compare(readFileSync(path), bytes), name).toBe(0);
    }
    const files = readdirSync(FOLDER).filter((name) => /\.pcap(ng)?$/.test(name));
    expect(files.sort()).toEqual(Object.keys(expected).sort());
  });

  test.each(['http.pcap', 'http-nanosecond-big-endian.pcap', 'http.pcapng', 'http-two-sections.pcapng'])(
    '%s: the whole conversation',
    async (name) => {
      const { times, events, payload, error } = await decodeFile(`${FOLDER}/${name}`);
      expect(error).toBeNull();
      expect(events).toEqual([]);
      expect(payload).toBe(REQUEST + RESPONSE);
      expect(times).toEqual(Array.from({ length: 9 }, (_, index) => 1_700_000_000_000 + index));
    },
  );

  test('http-cut-by-capture.pcap: the beginning of each packet', async () => {
    const { events, payload, error } = await decodeFile(`${FOLDER}/http-cut-by-capture.pcap`);
    expect(error).toBeNull();
    expect(new Set(events)).toEqual(new Set(['capture.trunc_pkt']));
    expect(payload).toBe(REQUEST.slice(0, 26) + RESPONSE.slice(0, 26));
  });

  test('http-truncated-file.pcap: all packets but the last', async () => {
    const { times, payload, error } = await decodeFile(`${FOLDER}/http-truncated-file.pcap`);
    expect(times).toHaveLength(8);
    expect(payload).toBe(REQUEST + RESPONSE);
    expect(error).toBeInstanceOf(CaptureFileError);
    expect(error).toMatchObject({ file: `${FOLDER}/http-truncated-file.pcap`, packetNumber: 9 });
  });
});
