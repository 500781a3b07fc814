import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/netns.ts';
import { buildTcp } from '../support/packets.ts';
import { programFile } from '../support/program-file.ts';
import { VpatchProcess } from '../support/vpatch-process.ts';
import { describeWithWebServer } from '../support/web-bed.ts';
import { HTTP_PORT, HTTP2_PORT, PAGE } from '../support/web-server.ts';

const RULES = `
drop http any any -> any any (msg:"attack in the URI"; flow:established,to_server; http.uri; content:"/attack"; sid:9990001; rev:1;)
alert http any any -> any any (msg:"login page"; flow:established,to_server; http.uri; content:"/login"; sid:9990002; rev:1;)
`;

describeWithWebServer('what arrives and what does not', (bed) => {
  afterEach(async () => {
    await VpatchProcess.killAll();
    bed.testbed.closeConnections();
  });

  const request = (path: string, version: 4 | 6, ...more: string[]) => {
    const address = bed.testbed.addresses.server[version];
    const host = version === 6 ? `[${address}]` : address;
    return bed.testbed.finish('client', 'curl', ['-gs', '-m', '2', ...more, `http://${host}:${HTTP_PORT}${path}`]);
  };

  describe.each([4, 6] as const)('IPv%d', (version) => {
    test('detect: an attack is reported and arrives', async () => {
      const vpatch = await VpatchProcess.start(bed.testbed, { rules: RULES });
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
        vpatch: { mode: 'detect', would_block: true, held_by: 'mode' },
      });
    });

    test('prevent: an attack is reported and does not arrive, everything else does', async () => {
      const vpatch = await VpatchProcess.start(bed.testbed, { rules: RULES, args: ['-m', 'prevent'] });
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

  test('prevent: an attack over HTTP/2 does not arrive', async () => {
    const vpatch = await VpatchProcess.start(bed.testbed, { rules: RULES, args: ['-m', 'prevent'] });
    const ask = (path: string) => {
      const url = `http://${bed.testbed.addresses.server[4]}:${HTTP2_PORT}${path}`;
      return bed.testbed.finish('client', 'curl', ['-gs', '-m', '2', '--http2-prior-knowledge', url]);
    };
    expect((await ask('/login')).output).toBe(PAGE);
    expect(await ask('/%61ttack')).toMatchObject({ status: CURL_TIMEOUT, output: '' });
    expect((await ask('/')).output).toBe(PAGE);
    await until('both alerts are written', () => vpatch.events('alert').length >= 2);
    expect(await vpatch.stop()).toBe(0);
    expect(vpatch.events('alert')).toMatchObject([
      { app_proto: 'http2', alert: { action: 'allowed' } },
      { app_proto: 'http2', alert: { action: 'blocked' } },
    ]);
  });

  test.each([4, 6] as const)('IPv%d: the ports of an attack that was blocked can be used again', async (version) => {
    const vpatch = await VpatchProcess.start(bed.testbed, { rules: RULES, args: ['-m', 'prevent'] });
    const address = bed.testbed.addresses.server[version];
    const args = [address, `${HTTP_PORT}`, `${SAME_PORT}`, '/attack', '/', '/attack', '/'];
    const { output } = await bed.testbed.finish('client', process.execPath, [
      programFile(new URL('./programs/port-reuse-process.ts', import.meta.url)),
      ...args,
    ]);
    expect(output).toBe(`nothing\n${PAGE}nothing\n${PAGE}`);
    expect(await vpatch.stop()).toBe(0);
    expect(vpatch.events('alert').map(({ alert, src_port }) => [alert?.action, src_port])).toEqual([
      ['blocked', SAME_PORT],
      ['blocked', SAME_PORT],
    ]);
  });

  describe('reject', () => {
    const rejectRules = RULES.replace('drop http', 'reject http');
    const UDP_RULE =
      'reject udp any any -> any 9999 (msg:"attack in a datagram"; content:"attack"; sid:9990003; rev:1;)\n';
    const PORT = 9999;
    let heard = '';
    let listener: ChildProcess;
    beforeAll(async () => {
      listener = bed.testbed.start('server', process.execPath, [
        programFile(new URL('./programs/listener-process.ts', import.meta.url)),
        String(PORT),
      ]);
      listener.stdout?.on('data', (data: Buffer) => {
        heard += data.toString();
      });
      await until('the listener is ready', () => heard.includes('[ready]'));
    });
    afterAll(() => void listener?.kill('SIGKILL'));

    const ask = (path: string, version: 4 | 6) => {
      const address = bed.testbed.addresses.server[version];
      const host = version === 6 ? `[${address}]` : address;
      return bed.testbed.finish('client', 'curl', ['-gs', '-m', '2', `http://${host}:${PORT}${path}`]);
    };

    test.each([4, 6] as const)('IPv%d: the client is told at once, and the server hears nothing', async (version) => {
      const vpatch = await VpatchProcess.start(bed.testbed, { rules: rejectRules + UDP_RULE, args: ['-m', 'prevent'] });
      heard = '';
      expect(await ask('/attack', version)).toMatchObject({ status: CURL_RESET, output: '' });
      expect((await ask('/ordinary', version)).output).toBe('ok');
      const family = version === 4 ? 'udp4' : 'udp6';
      const sender = programFile(new URL('./programs/single-datagram-process.ts', import.meta.url));
      const send = [sender, bed.testbed.addresses.server[version], String(PORT), family];
      expect((await bed.testbed.finish('client', process.execPath, [...send, 'attack'])).output).toBe('ECONNREFUSED\n');
      expect((await bed.testbed.finish('client', process.execPath, [...send, 'harmless'])).output).toBe('');
      expect(heard).toContain('/ordinary');
      expect(heard).toContain('harmless');
      expect(heard).not.toContain('attack');
      expect(await vpatch.stop()).toBe(0);
      expect(vpatch.events('alert').map(({ alert }) => alert?.action)).toEqual(['blocked', 'blocked']);
    });

    test('detect lets it pass', async () => {
      const vpatch = await VpatchProcess.start(bed.testbed, { rules: rejectRules });
      heard = '';
      expect((await ask('/attack', 4)).output).toBe('ok');
      expect(heard).toContain('/attack');
      expect(await vpatch.stop()).toBe(0);
    });

    test('without the firewall rules that reject, an attack is dropped, and they come back', async () => {
      const vpatch = await VpatchProcess.start(bed.testbed, { rules: rejectRules, args: ['-m', 'prevent'] });
      heard = '';
      bed.testbed.run('server', 'iptables', ['-F']);
      expect((await ask('/attack', 4)).status).toBe(CURL_TIMEOUT);
      await until('they are back', async () => (await ask('/attack', 4)).status === CURL_RESET);
      expect(heard).not.toContain('attack');
      expect(await vpatch.stop()).toBe(0);
    });

    test("a user's rule that accepts comes too late, and another mark stays on the packet", async () => {
      bed.testbed.run('server', 'iptables', ['-I', 'INPUT', '-j', 'ACCEPT']);
      bed.testbed.run('server', 'iptables', ['-t', 'mangle', '-A', 'INPUT', '-j', 'MARK', '--set-mark', '0x7']);
      bed.testbed.run('server', 'iptables', ['-t', 'security', '-A', 'INPUT', '-m', 'mark', '--mark', '0x7']);
      const vpatch = await VpatchProcess.start(bed.testbed, { rules: rejectRules, args: ['-m', 'prevent'] });
      heard = '';
      const marked = (table: string): number => {
        const { output } = bed.testbed.run('server', 'iptables', ['-t', table, '-nvxL', 'INPUT']);
        return Number(/^\s*(\d+).*(?:mark match 0x7$|VPATCH-REJECT)/m.exec(output)?.[1]);
      };
      expect((await ask('/attack', 4)).status).toBe(CURL_RESET);
      expect(marked('filter')).toBeGreaterThan(0);
      expect(marked('security')).toBeGreaterThan(0);
      expect(heard).not.toContain('attack');
      expect(await vpatch.stop()).toBe(0);
      for (const table of ['mangle', 'filter', 'security']) bed.testbed.run('server', 'iptables', ['-t', table, '-F']);
    });
  });

  test('an address that the host gets later is protected too', async () => {
    const address = '10.77.0.9';
    const rules = RULES.replace('drop http any any -> any', 'drop http $EXTERNAL_NET any -> $HOME_NET');
    const vpatch = await VpatchProcess.start(bed.testbed, { rules, args: ['-m', 'prevent', '--queues', '2'] });
    expect((await request('/attack', 4)).status).toBe(CURL_TIMEOUT);
    bed.testbed.run('server', 'ip', ['address', 'add', `${address}/24`, 'dev', bed.testbed.interfaces.server]);
    const attack = () =>
      bed.testbed.finish('client', 'curl', ['-s', '-m', '1', `http://${address}:${HTTP_PORT}/attack`]);
    await until('the address is protected', async () => (await attack()).status === CURL_TIMEOUT);
    expect(vpatch.log).toContain(address);
    expect(await vpatch.stop()).toBe(0);
    bed.testbed.run('server', 'ip', ['address', 'del', `${address}/24`, 'dev', bed.testbed.interfaces.server]);
    expect(vpatch.events('alert').at(-1)).toMatchObject({ dest_ip: address, alert: { action: 'blocked' } });
  });

  test('HOME_NET stays what the user says', async () => {
    const address = '10.77.0.9';
    const rules = RULES.replace('drop http any any -> any', 'drop http $EXTERNAL_NET any -> $HOME_NET');
    const args = ['-m', 'prevent', '--set', `HOME_NET=${bed.testbed.addresses.server[4]}`];
    const vpatch = await VpatchProcess.start(bed.testbed, { rules, args });
    bed.testbed.run('server', 'ip', ['address', 'add', `${address}/24`, 'dev', bed.testbed.interfaces.server]);
    await new Promise((done) => setTimeout(done, 7_000));
    expect((await bed.testbed.finish('client', 'curl', ['-s', `http://${address}:${HTTP_PORT}/attack`])).output).toBe(
      PAGE,
    );
    expect(await vpatch.stop()).toBe(0);
    bed.testbed.run('server', 'ip', ['address', 'del', `${address}/24`, 'dev', bed.testbed.interfaces.server]);
  });

  test('an attack in small pieces is the same attack', async () => {
    const vpatch = await VpatchProcess.start(bed.testbed, { rules: RULES, args: ['-m', 'prevent'] });
    // 88 bytes is the least that Linux grants: with its options a segment carries some 36 bytes of the request.
    const device = bed.testbed.interfaces.client;
    bed.testbed.run('client', 'ip', ['route', 'change', '10.77.0.0/24', 'dev', device, 'advmss', '88']);
    const padding = 'x'.repeat(300);
    expect(await request(`/${padding}/attack`, 4)).toMatchObject({ status: CURL_TIMEOUT, output: '' });
    expect((await request(`/${padding}/ordinary`, 4)).output).toBe(PAGE);
    bed.testbed.run('client', 'ip', ['route', 'change', '10.77.0.0/24', 'dev', device]);
    expect(await vpatch.stop()).toBe(0);
  });

  test('detect: a malformed packet does not arrive; the filter table sees all other packets as ever', async () => {
    const counted = (): number => {
      const { output } = bed.testbed.run('server', 'iptables', ['-nvxL', 'INPUT']);
      return Number(/^\s*(\d+).*flags:0x03\/0x03/m.exec(output)?.[1]);
    };
    const rule = ['-A', 'INPUT', '-p', 'tcp', '--tcp-flags', 'SYN,FIN', 'SYN,FIN'];
    expect(bed.testbed.run('server', 'iptables', rule).status).toBe(0);
    const frame = buildTcp({
      ethernet: true,
      source: bed.testbed.addresses.client[4],
      destination: bed.testbed.addresses.server[4],
      destinationPort: HTTP_PORT,
      flags: 'SF',
    });
    frame.set(bed.testbed.hardwareAddress('server'));

    // Without vpatch it arrives: the test would notice if it were never sent.
    bed.testbed.sendFrames([frame]);
    await until('the frame arrives', () => counted() === 1);

    const vpatch = await VpatchProcess.start(bed.testbed);
    bed.testbed.sendFrames([frame]);
    await until('the check is reported', () => vpatch.events('drop').length > 0);
    expect((await request('/', 4)).output).toBe(PAGE);
    expect(counted()).toBe(1);
    expect(vpatch.events('anomaly')).toMatchObject([{ anomaly: { type: 'decode' }, vpatch: { action: 'drop' } }]);
    expect(await vpatch.stop()).toBe(0);
  });

  test('--checks report: it is reported and arrives', async () => {
    const frame = buildTcp({
      ethernet: true,
      source: bed.testbed.addresses.client[4],
      destination: bed.testbed.addresses.server[4],
      destinationPort: HTTP_PORT,
      flags: 'SF',
    });
    frame.set(bed.testbed.hardwareAddress('server'));
    const vpatch = await VpatchProcess.start(bed.testbed, { args: ['--checks', 'report'] });
    bed.testbed.sendFrames([frame]);
    await until('the check is reported', () => vpatch.events('anomaly').length > 0);
    expect(vpatch.events('drop')).toEqual([]);
    expect(await vpatch.stop()).toBe(0);
  });

  test('loopback is inspected only when it is named', async () => {
    const local = ['-s', '-m', '2', `http://127.0.0.1:${HTTP_PORT}/attack`];
    const withoutName = await VpatchProcess.start(bed.testbed, { rules: RULES, args: ['-m', 'prevent'] });
    expect((await bed.testbed.finish('server', 'curl', local)).output).toBe(PAGE);
    expect(await withoutName.stop()).toBe(0);

    bed.testbed.run('server', 'ip', ['link', 'set', 'dev', 'lo', 'mtu', '65000']);
    const named = await VpatchProcess.start(bed.testbed, {
      rules: RULES,
      args: ['-m', 'prevent', '--interface', 'lo'],
    });
    expect((await bed.testbed.finish('server', 'curl', local)).status).toBe(CURL_TIMEOUT);
    // And then only loopback is.
    expect((await request('/attack', 4)).output).toBe(PAGE);
    expect(await named.stop()).toBe(0);
  });

  test('on loopback bulk arrives whole, and nothing about it is suspicious', async () => {
    bed.testbed.run('server', 'ip', ['link', 'set', 'dev', 'lo', 'mtu', '65000']);
    const content = randomBytes(20_000_000);
    writeFileSync(join(bed.server.files, 'bulk'), content);
    const vpatch = await VpatchProcess.start(bed.testbed, {
      rules: RULES,
      args: ['-m', 'prevent', '--interface', 'lo'],
    });
    const copy = join(bed.server.files, 'copy');
    const args = ['-s', '-m', '20', '-o', copy, `http://127.0.0.1:${HTTP_PORT}/files/bulk`];
    expect((await bed.testbed.finish('server', 'curl', args)).status).toBe(0);
    expect(readFileSync(copy).equals(content)).toBe(true);
    expect(await vpatch.stop()).toBe(0);
    expect(vpatch.events('anomaly')).toEqual([]);
  });

  test('a management port is never inspected', async () => {
    const args = ['-m', 'prevent', '--management-port', String(HTTP_PORT)];
    const vpatch = await VpatchProcess.start(bed.testbed, { rules: RULES, args });
    expect((await request('/attack', 4)).output).toBe(PAGE);
    expect((await request('/attack', 6)).output).toBe(PAGE);
    expect(await vpatch.stop()).toBe(0);
    expect(vpatch.events('alert')).toEqual([]);
  });
});

const CURL_TIMEOUT = 28;
/** Failure in receiving network data. */
const CURL_RESET = 56;

const SAME_PORT = 41_414;
