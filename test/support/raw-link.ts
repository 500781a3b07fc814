import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Testbed } from './netns.ts';
import { programFile } from './program-file.ts';

/** Addresses at the client's end of the cable that no network stack answers for. */
export const RAW_ADDRESSES = { 4: '10.77.0.77', 6: 'fd77::77' } as const;

const PROGRAM = programFile(new URL('./raw-link-process.ts', import.meta.url));

/** Sends and receives whole IP packets at the client's end of the cable, as a network stack of its own. */
export class RawLink {
  readonly ready: Promise<void>;
  readonly #process: ChildProcess;
  readonly #headers: Readonly<Record<4 | 6, Buffer>>;

  /** `onPacket` gets what the server sends to one of RAW_ADDRESSES; the bytes are the caller's. */
  constructor(testbed: Testbed, onPacket: (packet: Uint8Array) => void) {
    const [client, server] = [testbed.hardwareAddress('client'), testbed.hardwareAddress('server')];
    for (const address of Object.values(RAW_ADDRESSES)) {
      const neighbour = [
        'to',
        address,
        'lladdr',
        Buffer.from(client)
          .toString('hex')
          .replace(/..(?!$)/g, '$&:'),
      ];
      testbed.run('server', 'ip', ['neigh', 'replace', ...neighbour, 'dev', testbed.interfaces.server]);
    }
    const headerOf = (type: number): Buffer => Buffer.from([...server, ...client, type >> 8, type & 0xff]);
    this.#headers = { 4: headerOf(0x0800), 6: headerOf(0x86dd) };
    const filter = `ether src ${Buffer.from(server)
      .toString('hex')
      .replace(/..(?!$)/g, '$&:')} and tcp`;
    const options = { stdio: ['pipe', 'pipe', 'inherit'] as ['pipe', 'pipe', 'inherit'] };
    this.#process = testbed.start('client', process.execPath, [PROGRAM, testbed.interfaces.client, filter], options);
    this.ready = new Promise((resolve) => {
      createInterface({ input: this.#process.stdout! }).on('line', (line) => {
        if (line === 'ready') resolve();
        else onPacket(ipPacket(Buffer.from(line, 'hex')));
      });
    });
  }

  send(packet: Uint8Array): void {
    const header = this.#headers[packet[0]! >> 4 === 6 ? 6 : 4];
    this.#process.stdin!.write(`${Buffer.concat([header, packet]).toString('hex')}\n`);
  }

  close(): void {
    this.#process.kill('SIGKILL');
  }
}

const ETHERNET_BYTES = 14;

/** Without the padding of short frames. */
function ipPacket(frame: Uint8Array): Uint8Array {
  const packet = frame.subarray(ETHERNET_BYTES);
  const view = new DataView(packet.buffer, packet.byteOffset);
  return packet.subarray(0, packet[0]! >> 4 === 6 ? view.getUint16(4) + 40 : view.getUint16(2));
}
