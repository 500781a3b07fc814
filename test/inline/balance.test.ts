import { createHash, randomFillSync } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { VpatchProcess } from '../support/vpatch-process.ts';
import { describeWithWebServer } from '../support/web-bed.ts';
import { PAGE } from '../support/web-server.ts';

const LARGE_BYTES = 20 * 2 ** 20;
const RULE = 'drop http any any -> any any (msg:"attack"; http.uri; content:"/attack"; sid:1;)\n';
/** Blocks what a host asks for beyond four times. */
const RATE_RULE =
  'drop http any any -> any any (msg:"too often"; flow:to_server; http.uri; content:"/often"; detection_filter:track by_src,count 4,seconds 600; sid:2;)\n';
const CURL_TIMEOUT = 28;

describeWithWebServer('one client and two queues', (bed) => {
  const start = (balance: string, moreConfig = ''): Promise<VpatchProcess> =>
    VpatchProcess.start(bed.testbed, {
      rules: RULE + RATE_RULE,
      args: ['-m', 'prevent', '--queues', '2'],
      config: `queue: { balance: ${balance} }\nstate: { folder: ${tmpdir()} }\n${moreConfig}`,
    });
  const get = (path: string, ...more: string[]) =>
    bed.testbed.finish('client', 'curl', ['-s', '-m', '2', ...more, bed.url(path)]);
  /** Packets that each queue has had. */
  const packetsByQueue = (): number[] =>
    bed.testbed
      .run('server', 'cat', ['/proc/net/netfilter/nfnetlink_queue'])
      .output.trim()
      .split('\n')
      .map((line) => Number(line.trim().split(/\s+/)[7]));

  test('by ports: a cap by source holds for both together', async () => {
    await start('ports', 'flow: { max-per-source: 8 }\n');
    const { hostname, port } = new URL(bed.url('/'));
    const hold = `seq 20 | xargs -P 20 -I{} timeout 2 bash -c 'exec 3<>/dev/tcp/${hostname}/${port} && echo open && sleep 5'`;
    const { output } = await bed.testbed.finish('client', 'bash', ['-c', hold]);
    const opened = output.split('\n').length - 1;
    // What is left of another connection counts too; each worker by itself would let pass 14 or more.
    expect(opened).toBeGreaterThan(4);
    expect(opened).toBeLessThanOrEqual(8);
    expect(Math.min(...packetsByQueue())).toBeGreaterThan(0);
  });

  test('by ports: both have traffic, and answer alike', async () => {
    const content = randomFillSync(Buffer.allocUnsafe(LARGE_BYTES));
    writeFileSync(join(bed.server.files, 'large'), content);
    const vpatch = await start('ports');
    for (let n = 0; n < 12; n++) expect((await get('/')).output).toBe(PAGE);
    const attacks = await Promise.all(Array.from({ length: 6 }, () => get('/attack')));
    expect(attacks.map(({ status }) => status)).toEqual(attacks.map(() => CURL_TIMEOUT));
    const file = join(bed.server.uploads, 'fetched');
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

  test('by ports: what a rule counts of a host is counted over both', async () => {
    await start('ports');
    for (let n = 0; n < 12; n++) expect((await get('/')).output).toBe(PAGE);
    const statuses: (number | null)[] = [];
    for (let n = 0; n < 7; n++) statuses.push((await get('/often')).status);
    expect(statuses).toEqual([0, 0, 0, 0, CURL_TIMEOUT, CURL_TIMEOUT, CURL_TIMEOUT]);
    expect(Math.min(...packetsByQueue())).toBeGreaterThan(0);
  });

  test('by addresses: one of them has all', async () => {
    await start('addresses');
    for (let n = 0; n < 5; n++) expect((await get('/')).output).toBe(PAGE);
    expect(Math.min(...packetsByQueue())).toBe(0);
  });
});
