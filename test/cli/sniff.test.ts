import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Testbed, until, whyNoTestbed } from '../support/netns.ts';
import { PROGRAM } from '../support/vpatch-process.ts';
import { HTTP_PORT, PAGE, WebServer } from '../support/web-server.ts';

const reason = whyNoTestbed();

describe.skipIf(reason !== null)('sniff', () => {
  let testbed: Testbed;
  let server: WebServer;
  let directory: string;
  beforeAll(async () => {
    testbed = new Testbed();
    server = await WebServer.start(testbed);
    directory = mkdtempSync(join(tmpdir(), 'vpatch-sniff-'));
  });
  afterAll(() => {
    server?.close();
    testbed?.close();
    rmSync(directory, { recursive: true });
  });

  test('reports what passes, claims to have blocked nothing, and sums up when it is stopped', async () => {
    const eve = join(directory, 'eve.json');
    writeFileSync(
      join(directory, 'test.rules'),
      'drop http any any -> any any (msg:"x"; http.uri; content:"/attack"; sid:1;)\n',
    );
    // Whoever copies the configuration of `run` gets no events about blocking that did not happen.
    writeFileSync(join(directory, 'vpatch.yaml'), 'mode: prevent\n');
    const args = ['-c', join(directory, 'vpatch.yaml'), '-S', join(directory, 'test.rules'), '--eve', eve];
    const child = testbed.start('server', process.execPath, [
      PROGRAM,
      'sniff',
      '-i',
      testbed.interfaces.server,
      ...args,
    ]);
    let log = '';
    let summary = '';
    child.stderr?.on('data', (chunk) => {
      log += String(chunk);
    });
    child.stdout?.on('data', (chunk) => {
      summary += String(chunk);
    });
    const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
    await until('it listens', () => log.includes('listening on'));

    const url = `http://${testbed.addresses.server[4]}:${HTTP_PORT}/attack`;
    expect((await testbed.finish('client', 'curl', ['-s', '-m', '5', url])).output).toBe(PAGE);
    await until('the alert is written', () => readFileSync(eve, 'utf8').includes('"alert"'));
    child.kill('SIGINT');

    expect(await exited).toBe(0);
    expect(summary).toContain('mode detect, 1 rule\n1 alert\n        1  1:1 x (allowed)\n0 packets dropped\n');
    const events = readFileSync(eve, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as object);
    expect(events.filter((event) => 'drop' in event)).toEqual([]);
    expect(events.find((event) => 'alert' in event)).toMatchObject({
      alert: { action: 'allowed', signature_id: 1 },
      http: { url: '/attack' },
      vpatch: { mode: 'detect', would_block: true, held_by: 'mode' },
    });
    expect(events.at(-1)).toMatchObject({ event_type: 'stats', stats: { decoder: { pkts: expect.any(Number) } } });
  });

  test('of an interface that there is not is 2', async () => {
    const { status, error } = await testbed.finish('server', process.execPath, [PROGRAM, 'sniff', '-i', 'nowhere0']);
    expect(status).toBe(2);
    expect(error).toMatch(/^vpatch: there is no interface "nowhere0" here/);
  });
});
