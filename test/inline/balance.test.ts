import { createHash, randomFillSync } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Testbed, whyNoTestbed } from '../support/netns.ts';
import { VpatchProcess } from '../support/vpatch-process.ts';
import { HTTP_PORT, PAGE, WebServer } from '../support/web-server.ts';

const reason = whyNoTestbed();
if (reason !== null) console.warn(`SKIPPED, NOTHING INLINE IS TESTED: ${reason}`);

const LARGE_BYTES = 20 * 2 ** 20;
const RULE = 'drop http any any -> any any (msg:"attack"; http.uri; content:"/attack"; sid:1;)\n';
const CURL_TIMEOUT = 28;

describe.skipIf(reason !== null)('one client and two queues', () => {
  let testbed: Testbed;
  let server: WebServer;
  beforeAll(async () => {
    testbed = new Testbed();
    server = await WebServer.start(testbed);
  });
  afterEach(() => VpatchProcess.killAll());
  afterAll(() => {
    server?.close();
    testbed?.close();
  });

  const start = (balance: string): Promise<VpatchProcess> =>
    VpatchProcess.start(testbed, {
      rules: RULE,
      args: ['-m', 'prevent', '--queues', '2'],
      config: `queue: { balance: ${balance} }\nstate: { folder: ${tmpdir()} }\n`,
    });
  const get = (path: string, ...more: string[]) =>
    testbed.finish('client', 'curl', [
      '-s',
      '-m',
      '2',
      ...more,
      `http://${testbed.addresses.server[4]}:${HTTP_PORT}${path}`,
    ]);
  /** Packets that each queue has had. */
  const packetsByQueue = (): number[] =>
    testbed
      .run('server', 'cat', ['/proc/net/netfilter/nfnetlink_queue'])
      .output.trim()
      .split('\n')
      .map((line) => Number(line.trim().split(/\s+/)[7]));

  test('by ports: both have traffic, and answer alike', async () => {
    const content = randomFillSync(Buffer.allocUnsafe(LARGE_BYTES));
    writeFileSync(join(server.files, 'large'), content);
    const vpatch = await start('ports');
    for (let n = 0; n < 12; n++) expect((await get('/')).output).toBe(PAGE);
    const attacks = await Promise.all(Array.from({ length: 6 }, () => get('/attack')));
    expect(attacks.map(({ status }) => status)).toEqual(attacks.map(() => CURL_TIMEOUT));
    const file = join(server.uploads, 'fetched');
    expect((await get('/files/large', '-o', file)).status).toBe(0);
    const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    expect(digest(readFileSync(file))).toBe(digest(content));
    rmSync(file);
    expect(Math.min(...packetsByQueue())).toBeGreaterThan(20);
    expect((await vpatch.status()).incidents.failedPackets).toBe(0);
    expect(await vpatch.stop()).toBe(0);
    expect(vpatch.events('alert')).toHaveLength(6);
    // Each connection was seen by one worker only.
    expect(vpatch.events('anomaly').map(({ anomaly }) => anomaly)).toEqual([]);
  });

  test('by addresses: one of them has all', async () => {
    await start('addresses');
    for (let n = 0; n < 5; n++) expect((await get('/')).output).toBe(PAGE);
    expect(Math.min(...packetsByQueue())).toBe(0);
  });
});
