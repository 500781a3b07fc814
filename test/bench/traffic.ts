import { readCapture } from '../../src/capture/pcap-file.ts';
import { LINK, type LinkType, type Packet } from '../../src/wire/packet.ts';
import { buildTcp, buildUdp } from '../support/packets.ts';

/** A frame that is kept for as long as is wanted. */
export interface Frame {
  readonly bytes: Uint8Array;
  readonly wireBytes: number;
  readonly timeMs: number;
  readonly linkType: LinkType;
}

export interface Traffic {
  readonly name: string;
  readonly frames: readonly Frame[];
}

/** Fills in what a capture source knows. The kernel has checked its checksum. */
export function readInto(packet: Packet, frame: Frame, number: number): void {
  packet.setBytes(frame.bytes, frame.linkType);
  packet.wireBytes = frame.wireBytes;
  packet.timeMs = frame.timeMs;
  packet.number = number;
}

/** All packets of a capture file. */
export async function capturedTraffic(file: string): Promise<Traffic> {
  const frames: Frame[] = [];
  await readCapture(file, ({ bytes, start, end, wireBytes, timeMs, linkType }) => {
    frames.push({ bytes: bytes.slice(start, end), wireBytes, timeMs, linkType });
  });
  return { name: file, frames };
}

export const SERVER = '10.1.0.2';
const FIRST_PORT = 1024;
const PORTS = 60_000;
const PACKETS_PER_MS = 100;

/** Where connections come from: as many as are wanted, from one host after the other. */
export function clientOf(n: number): { readonly source: string; readonly sourcePort: number } {
  const host = Math.floor(n / PORTS);
  return { source: `10.1.${1 + (host >> 8)}.${host & 255}`, sourcePort: FIRST_PORT + (n % PORTS) };
}

/** Writes down what a client and a server say to each other, in order and without loss. */
export class Conversation {
  readonly #frames: Frame[];
  readonly #up: {
    readonly source: string;
    readonly sourcePort: number;
    readonly destination: string;
    readonly destinationPort: number;
  };
  readonly #down: {
    readonly source: string;
    readonly sourcePort: number;
    readonly destination: string;
    readonly destinationPort: number;
  };
  /** Of each side, the number of its next byte. */
  #sent = 0;
  #answered = 0;

  constructor(frames: Frame[], n: number, serverPort: number) {
    this.#frames = frames;
    const { source, sourcePort } = clientOf(n);
    this.#up = { source, sourcePort, destination: SERVER, destinationPort: serverPort };
    this.#down = { source: SERVER, sourcePort: serverPort, destination: source, destinationPort: sourcePort };
  }

  open(): this {
    this.#add(buildTcp({ ...this.#up, flags: 'S', sequence: this.#sent++, acknowledgement: 0 }));
    this.#add(buildTcp({ ...this.#down, flags: 'SA', sequence: this.#answered++, acknowledgement: this.#sent }));
    return this.acknowledge();
  }

  request(payload: Uint8Array): this {
    this.#add(buildTcp({ ...this.#up, flags: 'PA', sequence: this.#sent, acknowledgement: this.#answered, payload }));
    this.#sent = (this.#sent + payload.length) >>> 0;
    return this;
  }

  respond(payload: Uint8Array): this {
    this.#add(buildTcp({ ...this.#down, flags: 'PA', sequence: this.#answered, acknowledgement: this.#sent, payload }));
    this.#answered = (this.#answered + payload.length) >>> 0;
    return this;
  }

  /** By the client. */
  acknowledge(): this {
    this.#add(buildTcp({ ...this.#up, flags: 'A', sequence: this.#sent, acknowledgement: this.#answered }));
    return this;
  }

  /** By the server. */
  confirm(): this {
    this.#add(buildTcp({ ...this.#down, flags: 'A', sequence: this.#answered, acknowledgement: this.#sent }));
    return this;
  }

  close(): this {
    this.#add(buildTcp({ ...this.#down, flags: 'FA', sequence: this.#answered++, acknowledgement: this.#sent }));
    this.#add(buildTcp({ ...this.#up, flags: 'FA', sequence: this.#sent++, acknowledgement: this.#answered }));
    return this.confirm();
  }

  #add(bytes: Uint8Array): void {
    append(this.#frames, bytes);
  }
}

function append(frames: Frame[], bytes: Uint8Array): void {
  const timeMs = START_MS + frames.length / PACKETS_PER_MS;
  frames.push({ bytes, wireBytes: bytes.length, timeMs, linkType: LINK.rawIp });
}

const START_MS = 1_700_000_000_000;

const text = (...lines: readonly string[]): Uint8Array => Buffer.from(lines.join('\r\n'));

/** What a browser sends, and a page of 1 KB. */
export const REQUEST = text(
  'GET /static/app.js?v=1700000000 HTTP/1.1',
  'Host: www.example.com',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  'Accept: */*',
  'Accept-Encoding: gzip, deflate, br',
  'Connection: keep-alive',
  '',
  '',
);
const PAGE_BYTES = 1024;
export const RESPONSE = text(
  'HTTP/1.1 200 OK',
  'Server: nginx/1.22.1',
  'Date: Sun, 22 Nov 2026 04:00:00 GMT',
  'Content-Type: text/html',
  `Content-Length: ${PAGE_BYTES}`,
  'Connection: keep-alive',
  'Accept-Ranges: bytes',
  '',
  'an ordinary page\n'.repeat(PAGE_BYTES).slice(0, PAGE_BYTES),
);

/** Bytes of no protocol, in which nothing repeats soon. */
export const noise = (bytes: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 8) * 13) & 0xff);

/** Segments of so many bytes up some connections, each acknowledged. */
export function bulkTraffic(segmentBytes: number, packets: number): Traffic {
  const payload = noise(segmentBytes);
  const frames: Frame[] = [];
  const all = Array.from({ length: BULK_CONNECTIONS }, (_, n) => new Conversation(frames, n, BULK_PORT).open());
  while (frames.length < packets) for (const one of all) one.request(payload).confirm();
  return { name: `bulk, ${segmentBytes.toLocaleString('en')} bytes a segment`, frames };
}

const BULK_CONNECTIONS = 16;
const BULK_PORT = 5001;

/** Requests for the page on `connections` in turn; of the frames, those that open them come first. */
export function keepAliveTraffic(connections: number, packets: number): Traffic {
  const frames: Frame[] = [];
  const all = Array.from({ length: connections }, (_, n) => new Conversation(frames, n, 80).open());
  while (frames.length < packets) {
    for (const one of all) {
      one.request(REQUEST).respond(RESPONSE).acknowledge();
      if (frames.length >= packets) break;
    }
  }
  return { name: 'pages of 1 KB, keep-alive', frames };
}

/** A connection for each page. */
export function connectionTraffic(packets: number): Traffic {
  const frames: Frame[] = [];
  for (let n = 0; frames.length < packets; n++) {
    new Conversation(frames, n, 80).open().request(REQUEST).respond(RESPONSE).acknowledge().close();
  }
  return { name: 'pages of 1 KB, a connection each', frames };
}

/** Questions and answers, each from another port. */
export function dnsTraffic(packets: number): Traffic {
  const frames: Frame[] = [];
  for (let n = 0; frames.length < packets; n++) {
    const { source, sourcePort } = clientOf(n);
    const question = dnsMessage(n, 0);
    append(frames, buildUdp({ source, sourcePort, destination: SERVER, destinationPort: 53, payload: question }));
    const answer = { source: SERVER, sourcePort: 53, destination: source, destinationPort: sourcePort };
    append(frames, buildUdp({ ...answer, payload: dnsMessage(n, 1) }));
  }
  return { name: 'DNS', frames };
}

/** RFC 1035 §4.1: a question for an address, and with `answers` the same with 10.1.0.9 as its answer. */
function dnsMessage(n: number, answers: 0 | 1): Uint8Array {
  const labels = [`www${n % 1000}`, 'bench', 'example'];
  const name = labels.flatMap((label) => [label.length, ...Buffer.from(label)]);
  const flags = answers === 0 ? [0x01, 0x00] : [0x81, 0x80];
  const header = [(n >> 8) & 255, n & 255, ...flags, 0, 1, 0, answers, 0, 0, 0, 0];
  const question = [...name, 0, 0, 1, 0, 1];
  // The name of the answer points to that of the question, at offset 12.
  const answer = answers === 0 ? [] : [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 1, 0, 9];
  return Uint8Array.from([...header, ...question, ...answer]);
}
