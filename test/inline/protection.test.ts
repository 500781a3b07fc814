import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Testbed, until, whyNoTestbed } from '../support/netns.ts';
import { buildTcp } from '../support/packets.ts';
import { VpatchProcess } from '../support/vpatch-process.ts';
import { HTTP_PORT, PAGE, WebServer } from '../support/web-server.ts';

const reason = whyNoTestbed();
if (reason !== null) console.warn(`SKIPPED, NOTHING INLINE IS TESTED: ${reason}`);

const RULES = `
drop http any any -> any any (msg:"attack in the URI"; flow:established,to_server; http.uri; content:"/attack"; sid:9990001; rev:1;)
alert http any any -> any any (msg:"login page"; flow:established,to_server; http.uri; content:"/login"; sid:9990002; rev:1;)
`;

describe.skipIf(reason !== null)('what arrives and what does not', () => {
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

  const request = (path: string, version: 4 | 6, ...more: string[]) => {
    const address = testbed.addresses.server[version];
    const host = version === 6 ? `[${address}]` : address;
    return testbed.finish('client', 'curl', ['-gs', '-m', '2', ...more, `http://${host}:${HTTP_PORT}${path}`]);
  };

  describe.each([4, 6] as const)('IPv%d', (version) => {
    test('detect: an attack is reported and arrives', async () => {
      const vpatch = await VpatchProcess.start(testbed, { rules: RULES });
      expect((await request('/', version)).output).toBe(PAGE);
      expect((await request('/attack', version)).output).toBe(PAGE);
      await until('the alert is written', () => vpatch.events('alert').length > 0);
      expect(await vpatch.stop()).toBe(0);

      const [alert, ...others] = vpatch.events('alert');
      expect(others).toEqual([]);
      expect(alert).toMatchObject({
        src_ip: version === 4 ? '10.77.0.1' : 'fd77:0000:0000:0000:0000:0000:0000:0001',
        proto: 'TCP',
        app_proto: 'http',
        alert: { action: 'allowed', signature_id: 9990001 },
        vpatch: { mode: 'detect', would_block: true },
      });
    });

    test('prevent: an attack is reported and does not arrive, everything else does', async () => {
      const vpatch = await VpatchProcess.start(testbed, { rules: RULES, args: ['-m', 'prevent'] });
      expect((await request('/', version)).output).toBe(PAGE);
      expect(await request('/attack', version)).toMatchObject({ status: CURL_TIMEOUT, output: '' });
      expect((await request('/login', version)).output).toBe(PAGE);
      expect((await request('/', version)).output).toBe(PAGE);
      await until('both alerts are written', () => vpatch.events('alert').length >= 2);
      expect(await vpatch.stop()).toBe(0);

      expect(vpatch.events('alert').map(({ alert }) => [alert?.signature_id, alert?.action])).toEqual([
        [9990001, 'blocked'],
        [9990002, 'allowed'],
      ]);
      expect(vpatch.events('drop')[0]).toMatchObject({ vpatch: { signature_id: 9990001 } });
    });
  });

  test('an attack in small pieces is the same attack', async () => {
    const vpatch = await VpatchProcess.start(testbed, { rules: RULES, args: ['-m', 'prevent'] });
    // 88 bytes is the least that Linux grants: with its options a segment carries some 36 bytes of the request.
    const device = testbed.interfaces.client;
    testbed.run('client', 'ip', ['route', 'change', '10.77.0.0/24', 'dev', device, 'advmss', '88']);
    const padding = 'x'.repeat(300);
    expect(await request(`/${padding}/attack`, 4)).toMatchObject({ status: CURL_TIMEOUT, output: '' });
    expect((await request(`/${padding}/ordinary`, 4)).output).toBe(PAGE);
    testbed.run('client', 'ip', ['route', 'change', '10.77.0.0/24', 'dev', device]);
    expect(await vpatch.stop()).toBe(0);
  });

  test('detect: a malformed packet does not arrive; the filter table sees all other packets as ever', async () => {
    const counted = (): number => {
      const { output } = testbed.run('server', 'iptables', ['-nvxL', 'INPUT']);
      return Number(/^\s*(\d+).*flags:0x03\/0x03/m.exec(output)?.[1]);
    };
    const rule = ['-A', 'INPUT', '-p', 'tcp', '--tcp-flags', 'SYN,FIN', 'SYN,FIN'];
    expect(testbed.run('server', 'iptables', rule).status).toBe(0);
    const frame = buildTcp({
      ethernet: true,
      source: testbed.addresses.client[4],
      destination: testbed.addresses.server[4],
      destinationPort: HTTP_PORT,
      flags: 'SF',
    });
    frame.set(testbed.hardwareAddress('server'));

    // Without vpatch it arrives: the test would notice if it were never sent.
    testbed.sendFrames([frame]);
    await until('the frame arrives', () => counted() === 1);

    const vpatch = await VpatchProcess.start(testbed);
    testbed.sendFrames([frame]);
    await until('the check is reported', () => vpatch.events('drop').length > 0);
    expect((await request('/', 4)).output).toBe(PAGE);
    expect(counted()).toBe(1);
    expect(vpatch.events('anomaly')[0]).toMatchObject({
      anomaly: { type: 'decode' },
      vpatch: { mode: 'detect', action: 'drop' },
    });
    expect(await vpatch.stop()).toBe(0);
  });

  test('--checks report: it is reported and arrives', async () => {
    const frame = buildTcp({
      ethernet: true,
      source: testbed.addresses.client[4],
      destination: testbed.addresses.server[4],
      destinationPort: HTTP_PORT,
      flags: 'SF',
    });
    frame.set(testbed.hardwareAddress('server'));
    const vpatch = await VpatchProcess.start(testbed, { args: ['--checks', 'report'] });
    testbed.sendFrames([frame]);
    await until('the check is reported', () => vpatch.events('anomaly').length > 0);
    expect(vpatch.events('drop')).toEqual([]);
    expect(await vpatch.stop()).toBe(0);
  });

  test('loopback is inspected only when it is named', async () => {
    const local = ['-s', '-m', '2', `http://127.0.0.1:${HTTP_PORT}/attack`];
    const withoutName = await VpatchProcess.start(testbed, { rules: RULES, args: ['-m', 'prevent'] });
    expect((await testbed.finish('server', 'curl', local)).output).toBe(PAGE);
    expect(await withoutName.stop()).toBe(0);

    const named = await VpatchProcess.start(testbed, { rules: RULES, args: ['-m', 'prevent', '--interface', 'lo'] });
    expect((await testbed.finish('server', 'curl', local)).status).toBe(CURL_TIMEOUT);
    // And then only loopback is.
    expect((await request('/attack', 4)).output).toBe(PAGE);
    expect(await named.stop()).toBe(0);
  });

  test('a management port is never inspected', async () => {
    const args = ['-m', 'prevent', '--management-port', String(HTTP_PORT)];
    const vpatch = await VpatchProcess.start(testbed, { rules: RULES, args });
    expect((await request('/attack', 4)).output).toBe(PAGE);
    expect((await request('/attack', 6)).output).toBe(PAGE);
    expect(await vpatch.stop()).toBe(0);
    expect(vpatch.events('alert')).toEqual([]);
  });
});

const CURL_TIMEOUT = 28;
