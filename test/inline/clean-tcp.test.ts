import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { programFile } from '../support/program-file.ts';
import { HTTP_PORT, PAGE, WebServer } from '../support/web-server.ts';
import { CleanBed, describeWith } from './clean-bed.ts';

const ECHO_SERVER = programFile(new URL('../support/echo-process.ts', import.meta.url));
const FILE_BYTES = 3_000_000;
const NODE_PORT = 8084;
/** Clients, servers, and every listener unasked (ip-sysctl.rst of the kernel's documentation). */
const FAST_OPEN_FOR_ALL = 0x403;

describeWith(['nginx', 'curl'], 'what ordinary TCP does', () => {
  let bed: CleanBed;
  let nginx: WebServer;
  const content = randomBytes(FILE_BYTES);

  beforeAll(async () => {
    bed = await CleanBed.start();
    for (const side of ['client', 'server'] as const) bed.testbed.set(side, 'ipv4/tcp_fastopen', FAST_OPEN_FOR_ALL);
    nginx = await WebServer.start(bed.testbed);
    writeFileSync(join(nginx.files, 'file'), content);
    writeFileSync(join(bed.folder, 'file'), content);
    await bed.serve(NODE_PORT, process.execPath, ECHO_SERVER, `${NODE_PORT}`, '::');
  });
  afterEach(() => {
    bed.testbed.run('server', 'iptables', ['-t', 'raw', '-F']);
    bed.testbed.run('client', 'iptables', ['-t', 'raw', '-F']);
  });
  afterAll(() => {
    nginx?.close();
    bed?.close();
  });

  const url = (path: string, version: 4 | 6 = 4): string => {
    const address = bed.testbed.addresses.server[version];
    return `http://${version === 6 ? `[${address}]` : address}:${HTTP_PORT}${path}`;
  };
  const curl = (...args: string[]): Promise<string> => bed.ask('curl', '-gsS', '-m', '25', ...args);
  const counter = (name: string): number => {
    const { output } = bed.testbed.run('client', 'nstat', ['-az', name]);
    return Number(new RegExp(`${name}\\s+(\\d+)`).exec(output)?.[1]);
  };

  /** Up and down, and bytes are what they were. */
  async function expectTransfers(version: 4 | 6 = 4): Promise<void> {
    const copy = join(bed.folder, 'copy');
    await curl('-o', copy, url('/files/file', version));
    expect(readFileSync(copy).equals(content)).toBe(true);
    await curl('-T', join(bed.folder, 'file'), url('/upload/copy', version));
    expect(readFileSync(join(nginx.uploads, 'copy')).equals(content)).toBe(true);
  }

  test.each([4, 6] as const)('IPv%d: TCP Fast Open', async (version) => {
    const before = counter('TcpExtTCPFastOpenActive');
    // The first one asks for a cookie, the others have data in their SYN.
    for (let i = 0; i < 4; i++) expect(await curl('--tcp-fastopen', url('/', version))).toBe(PAGE);
    expect(counter('TcpExtTCPFastOpenActive')).toBeGreaterThan(before);
    // A server that does not want it any more gets the data once more.
    bed.testbed.set('server', 'ipv4/tcp_fastopen', 0);
    expect(await curl('--tcp-fastopen', url('/', version))).toBe(PAGE);
    bed.testbed.set('server', 'ipv4/tcp_fastopen', FAST_OPEN_FOR_ALL);
  });

  test('congestion notification, and connections without timestamps, SACK and window scaling', async () => {
    for (const side of ['client', 'server'] as const) bed.testbed.set(side, 'ipv4/tcp_ecn', 1);
    await expectTransfers();
    for (const side of ['client', 'server'] as const) bed.testbed.set(side, 'ipv4/tcp_ecn', 0);
    for (const name of ['tcp_timestamps', 'tcp_sack', 'tcp_window_scaling']) {
      bed.testbed.set('client', `ipv4/${name}`, 0);
      await expectTransfers();
      bed.testbed.set('client', `ipv4/${name}`, 1);
    }
  });

  test('a cable that loses packets, both ways', async () => {
    // Every so many, not at random: some are lost in every run.
    const rule = '-t raw -A PREROUTING -p tcp -m statistic --mode nth --every 7 --packet 3'.split(' ');
    for (const side of ['client', 'server'] as const) {
      expect(bed.testbed.run(side, 'iptables', [...rule, '-j', 'DROP']).error).toBe('');
    }
    const before = counter('TcpRetransSegs');
    await expectTransfers();
    expect(counter('TcpRetransSegs')).toBeGreaterThan(before);
  });

  test('a path that takes smaller packets than its ends think', async () => {
    bed.testbed.addFar(1280);
    for (const version of [4, 6] as const) {
      const { status, output, error } = await bed.testbed.finish('far', 'sh', [
        '-c',
        `curl -gsS -m 20 '${url('/files/file', version)}' | cmp - ${join(bed.folder, 'file')}`,
      ]);
      expect([status, output, error]).toEqual([0, '', '']);
    }
  });

  test('small segments', async () => {
    const device = bed.testbed.interfaces.client;
    bed.testbed.run('client', 'ip', ['link', 'set', 'dev', device, 'mtu', '600']);
    bed.testbed.run('server', 'ip', ['link', 'set', 'dev', bed.testbed.interfaces.server, 'mtu', '600']);
    await expectTransfers();
    bed.testbed.run('client', 'ip', ['link', 'set', 'dev', device, 'mtu', '1500']);
    bed.testbed.run('server', 'ip', ['link', 'set', 'dev', bed.testbed.interfaces.server, 'mtu', '1500']);
  });

  test('silence with keep-alive probes, a reader that stops for a while, ends from both sides', async () => {
    for (const name of ['tcp_keepalive_time', 'tcp_keepalive_intvl']) bed.testbed.set('client', `ipv4/${name}`, 1);
    expect(await bed.askOurs('tcp-client', bed.address, `${NODE_PORT}`)).toBe(
      'silent true\nslow true\nboth true\nreset true\n',
    );
  });

  test('the same port again and again, while the server still remembers the last connection', async () => {
    // The server closes first, and so it is the server that waits. Until the client hears that, its port is taken.
    expect(await bed.askOurs('same-port-client', bed.address, `${HTTP_PORT}`, '10')).toBe(PAGE.repeat(10));
  });

  test('nothing was dropped, and nothing is odd but what is', () =>
    // A server that has turned TCP Fast Open off ignores what its client still sends that way. One letter again and
    // again could be the method of a request, and is not followed up to its end.
    bed.expectClean(['stream.3whs_synack_tfo_data_ignored', 'applayer_proto_detection_skipped']));
});
