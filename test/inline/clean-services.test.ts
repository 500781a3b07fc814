import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CleanBed, describeWith } from './clean-bed.ts';

const SSH_PORT = 2222;
const RSYNC_PORT = 8730;
const REDIS_PORT = 6379;
const DNS_PORT = 53;
const UDP_PORT = 4000;

describeWith(['ip'], 'ordinary services', () => {
  let bed: CleanBed;
  const content = randomBytes(5_000_000);
  const here = (name: string): string => join(bed.folder, name);

  beforeAll(async () => {
    bed = await CleanBed.start();
    writeFileSync(here('large'), content);
  });
  afterAll(() => bed?.close());

  describeWith(['ssh', 'scp', 'sshd', 'ssh-keygen'], 'SSH', () => {
    const options = (): string[] => {
      const settings = ['StrictHostKeyChecking=no', `UserKnownHostsFile=${here('known')}`, 'LogLevel=ERROR'];
      return ['-F', 'none', '-i', here('user'), ...settings.flatMap((setting) => ['-o', setting])];
    };

    beforeAll(async () => {
      for (const name of ['host', 'user'])
        await bed.ask('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', here(name));
      writeFileSync(here('authorized'), readFileSync(here('user.pub')));
      // Debian's own service makes the folder that sshd asks for.
      mkdirSync('/run/sshd', { recursive: true });
      const settings = {
        Port: SSH_PORT,
        HostKey: here('host'),
        AuthorizedKeysFile: here('authorized'),
        PidFile: here('sshd.pid'),
        StrictModes: 'no',
        UsePAM: 'no',
        PermitRootLogin: 'yes',
        Subsystem: 'sftp internal-sftp',
      };
      writeFileSync(
        here('sshd.conf'),
        Object.entries(settings)
          .map(([key, value]) => `${key} ${value}\n`)
          .join(''),
      );
      await bed.serve(SSH_PORT, '/usr/sbin/sshd', '-D', '-e', '-f', here('sshd.conf'));
    });

    test('commands, with new keys on the way, and files', async () => {
      const ssh = ['-p', String(SSH_PORT), ...options(), `root@${bed.address}`];
      expect(await bed.ask('ssh', ...ssh, 'echo there')).toBe('there\n');
      const zeros = await bed.ask('ssh', '-o', 'RekeyLimit=1M', ...ssh, 'head -c 3000000 /dev/zero');
      expect(zeros).toBe('\0'.repeat(3_000_000));
      const scp = ['-q', '-P', String(SSH_PORT), ...options()];
      await bed.ask('scp', ...scp, here('large'), `root@${bed.address}:${here('uploaded')}`);
      await bed.ask('scp', ...scp, `root@${bed.address}:${here('uploaded')}`, here('downloaded'));
      expect(readFileSync(here('downloaded')).equals(content)).toBe(true);
    });
  });

  describeWith(['rsync'], 'rsync', () => {
    test('both ways, and only what has changed', async () => {
      const [there, back] = [here('there'), here('back')];
      mkdirSync(there);
      const settings = ['use chroot = no', 'uid = root', 'gid = root', '[files]', `path = ${there}`, 'read only = no'];
      writeFileSync(here('rsyncd.conf'), `${settings.join('\n')}\n`);
      const daemon = ['--daemon', '--no-detach', `--port=${RSYNC_PORT}`, `--config=${here('rsyncd.conf')}`];
      await bed.serve(RSYNC_PORT, 'rsync', ...daemon);
      const url = `rsync://${bed.address}:${RSYNC_PORT}/files/`;
      await bed.ask('rsync', '-z', here('large'), url);
      writeFileSync(here('large'), Buffer.concat([content.subarray(0, 1_000_000), Buffer.from('new'), content]));
      await bed.ask('rsync', '-I', here('large'), url);
      await bed.ask('rsync', '-r', url, back);
      expect(readFileSync(join(back, 'large')).equals(readFileSync(here('large')))).toBe(true);
      writeFileSync(here('large'), content);
    });
  });

  describeWith(['redis-server', 'redis-cli'], 'Redis', () => {
    test('values, many commands at once, and messages', async () => {
      const server = ['--port', String(REDIS_PORT), '--bind', '0.0.0.0', '--protected-mode', 'no', '--save', ''];
      await bed.serve(REDIS_PORT, 'redis-server', ...server, '--dir', bed.folder);
      const redis = (...args: string[]): Promise<string> => bed.ask('redis-cli', '-h', bed.address, ...args);
      expect(await redis('set', 'key', 'a value')).toBe('OK\n');
      expect(await redis('get', 'key')).toBe('a value\n');
      const many = Array.from({ length: 5000 }, (_, i) => `SET key${i} ${'v'.repeat(1 + (i % 100))}`).join('\n');
      writeFileSync(here('commands'), `${many}\n`);
      expect(await bed.ask('sh', '-c', `redis-cli -h ${bed.address} --pipe < ${here('commands')}`)).toContain(
        'errors: 0, replies: 5000',
      );
      const messages = bed.finish('timeout', '2', 'redis-cli', '-h', bed.address, 'subscribe', 'news');
      while ((await redis('publish', 'news', 'something new')) === '0\n');
      expect((await messages).output).toContain('something new');
    });
  });

  describeWith(['dnsmasq', 'dig'], 'DNS', () => {
    beforeAll(async () => {
      const hosts = Array.from({ length: 60 }, (_, i) => `--host-record=many.example,192.0.2.${i + 1}`);
      const records = [
        '--host-record=www.example,192.0.2.80,2001:db8::80',
        `--txt-record=text.example,${'t'.repeat(200)}`,
      ];
      const rest = ['--mx-host=example,mail.example', '--srv-host=_sip._tcp.example,sip.example,5060'];
      const options = [
        '--no-daemon',
        '--no-resolv',
        '--no-hosts',
        '--conf-file=/dev/null',
        '--user=root',
        '--pid-file=',
      ];
      await bed.serve(DNS_PORT, 'dnsmasq', ...options, ...hosts, ...records, ...rest);
    });

    test.each([4, 6] as const)('IPv%d: over UDP and TCP, small answers and large ones', async (version) => {
      const dig = (...args: string[]): Promise<string> =>
        bed.ask('dig', `@${bed.testbed.addresses.server[version]}`, '+tries=1', ...args);
      for (const how of ['+notcp', '+tcp']) {
        expect(await dig('+short', how, 'www.example', 'A')).toBe('192.0.2.80\n');
        expect(await dig('+short', how, 'www.example', 'AAAA')).toBe('2001:db8::80\n');
        expect(await dig('+short', how, 'text.example', 'TXT')).toBe(`"${'t'.repeat(200)}"\n`);
        expect(await dig('+short', how, 'example', 'MX')).toContain('mail.example');
        expect(await dig(how, 'absent.example')).toMatch(/NXDOMAIN|REFUSED/);
        expect(await dig(how, '-x', '192.0.2.80')).toContain('status');
        expect(await dig(how, '+nsid', '+cookie', '+dnssec', 'www.example')).toContain('192.0.2.80');
      }
      const answers = (await dig('+short', '+bufsize=4096', 'many.example')).trim().split('\n');
      expect(answers.length).toBe(60);
      // It does not fit without EDNS, and is asked for again over TCP.
      expect((await dig('+short', '+noedns', 'many.example')).trim().split('\n').length).toBe(60);
    });
  });

  test('datagrams of any size, those that travel in fragments too', async () => {
    await bed.serveOurs('datagram-server', UDP_PORT);
    for (const version of [4, 6] as const) {
      const said = await bed.askOurs('datagram-client', bed.testbed.addresses.server[version], `${UDP_PORT}`);
      expect(said).toBe('all\n');
    }
  });

  test('nothing was dropped or odd', () => bed.expectClean());
});
