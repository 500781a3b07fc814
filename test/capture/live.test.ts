import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LiveCaptureOptions } from '../../src/capture/live.ts';
import { LINK } from '../../src/wire/packet.ts';
import { Testbed } from '../support/netns.ts';
import { buildUdp } from '../support/packets.ts';
import { programFile } from '../support/program-file.ts';
import type { LiveTask } from './live-process.ts';

const LISTENER = programFile(new URL('./live-process.ts', import.meta.url));
const whyNot = process.getuid?.() === 0 ? null : 'not root';

describe.skipIf(whyNot !== null)(`live capture${whyNot === null ? '' : ` (${whyNot})`}`, () => {
  let testbed: Testbed;

  beforeAll(() => {
    testbed = new Testbed();
  });

  afterAll(() => testbed.close());

  async function listen(
    options: LiveCaptureOptions,
    count: number,
    send: () => void,
  ): Promise<Record<string, unknown>> {
    const args = ['--expose-gc', LISTENER, JSON.stringify({ options, count } satisfies LiveTask)];
    const child = testbed.start('server', process.execPath, args);
    let output = '';
    let log = '';
    child.stdout!.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr!.on('data', (chunk) => {
      log += chunk;
      if (log.includes('listening')) {
        log = '';
        send();
      }
    });
    const status = await new Promise((done) => child.on('close', done));
    expect(status, log).toBe(0);
    return JSON.parse(output);
  }

  const frame = (payload: string): Uint8Array =>
    buildUdp({ source: '10.77.0.1', destination: '10.77.0.2', destinationPort: 4242, payload, ethernet: true });
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

  test('hands over each packet that the filter passes', async () => {
    const frames = [frame('one'), frame('the other')];
    const other = buildUdp({ source: '10.77.0.1', destination: '10.77.0.2', destinationPort: 9, ethernet: true });
    const options = { interfaceName: testbed.interfaces.server, filter: 'udp port 4242' };
    const result = await listen(options, 2, () => testbed.sendFrames([other, ...frames]));
    expect(result).toMatchObject({ packets: 2, cutPackets: 0, linkType: LINK.ethernet });
    const seen = result.seen as { hex: string; age: number; wireBytes: number; number: number }[];
    expect(seen.map((packet) => packet.hex)).toEqual(frames.map(hex));
    expect(seen.map((packet) => packet.wireBytes)).toEqual(frames.map((bytes) => bytes.length));
    expect(seen.map((packet) => packet.number)).toEqual([1, 2]);
    for (const { age } of seen) expect(Math.abs(age)).toBeLessThan(2000);
  });

  test('a short snapshot length cuts, and says so', async () => {
    const bytes = frame('x'.repeat(200));
    const options = { interfaceName: 'any', filter: 'udp port 4242', snapBytes: 60 };
    const result = await listen(options, 1, () => testbed.sendFrames([bytes]));
    expect(result).toMatchObject({ packets: 1, cutPackets: 1, linkType: LINK.linuxSll });
    const [packet] = result.seen as { hex: string; wireBytes: number }[];
    expect(packet!.hex.slice(32)).toBe(hex(bytes.subarray(14, 14 + 44)));
    expect(packet!.wireBytes).toBeGreaterThan(200);
  });

  test.each([
    ['interface', { interfaceName: 'nowhere0' }, /no interface "nowhere0" here; there are .*lo/],
    ['filter', { interfaceName: 'lo', filter: 'port port' }, /the filter "port port" is not right \(see pcap-filter/],
  ])('a wrong %s is explained', async (problem, options, message) => {
    const result = await listen(options, 1, () => {});
    expect(result).toMatchObject({ name: 'LiveCaptureError', problem });
    expect(result.message).toMatch(message);
  });

  test('without privileges it says what is needed', async () => {
    const { output } = testbed.run('server', 'setpriv', [
      '--reuid=65534',
      '--clear-groups',
      '--inh-caps=-all',
      '--bounding-set=-all',
      process.execPath,
      '--expose-gc',
      LISTENER,
      JSON.stringify({ options: { interfaceName: testbed.interfaces.server }, count: 1 } satisfies LiveTask),
    ]);
    const result = JSON.parse(output);
    expect(result).toMatchObject({ problem: 'permission' });
    expect(result.message).toMatch(/needs root or CAP_NET_RAW: run it with sudo/);
  });
});
