import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LINK } from '../../src/wire/packet.ts';
import { Compiled } from '../support/compiled.ts';
import { Testbed } from '../support/netns.ts';
import { buildUdp } from '../support/packets.ts';

/** Listens until it saw `count` packets for port 4242, or something is wrong, and tells in JSON. */
const LISTENER = `
import { LiveCapture } from './src/capture/live.js';
const [options, count] = JSON.parse(process.argv[2]);
const seen = [];
const end = (result) => { console.log(JSON.stringify(result)); process.exit(0); };
try {
  const capture = await LiveCapture.open(options, ({ bytes, start, end: last, wireBytes, timeMs, number, linkType }) => {
    seen.push({ hex: bytes.toString('hex', start, last), wireBytes, age: Date.now() - timeMs, number, linkType });
    if (seen.length < count) return;
    capture.close();
    capture.close();
    setTimeout(() => end({ seen, packets: capture.packets, cutPackets: capture.cutPackets, linkType: capture.linkType }), 200);
  });
  console.error('listening');
} catch (error) {
  globalThis.gc();
  await new Promise((resolve) => setTimeout(resolve, 50));
  globalThis.gc();
  end({ name: error.name, problem: error.problem, message: error.message });
}
setTimeout(() => end({ seen, timeout: true }), 8000);
`;

const whyNot = process.getuid?.() === 0 ? null : 'not root';

describe.skipIf(whyNot !== null)(`live capture${whyNot === null ? '' : ` (${whyNot})`}`, () => {
  let compiled: Compiled;
  let listener: string;
  let testbed: Testbed;

  beforeAll(() => {
    testbed = new Testbed();
    compiled = new Compiled('src/capture/live.ts', 'src/capture/cap.d.ts');
    listener = compiled.program('listener.js', LISTENER);
  });

  afterAll(() => {
    testbed.close();
    compiled.close();
  });

  async function listen(
    options: Record<string, unknown>,
    count: number,
    send: () => void,
  ): Promise<Record<string, unknown>> {
    const args = ['--expose-gc', listener, JSON.stringify([options, count])];
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
    execFileSync('chmod', ['-R', 'a+rX', compiled.folder]);
    const { output } = testbed.run('server', 'setpriv', [
      '--reuid=65534',
      '--clear-groups',
      '--inh-caps=-all',
      '--bounding-set=-all',
      process.execPath,
      '--expose-gc',
      listener,
      JSON.stringify([{ interfaceName: testbed.interfaces.server }, 1]),
    ]);
    const result = JSON.parse(output);
    expect(result).toMatchObject({ problem: 'permission' });
    expect(result.message).toMatch(/needs root or CAP_NET_RAW: run it with sudo/);
  });
});
