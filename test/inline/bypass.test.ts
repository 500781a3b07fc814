import type { ChildProcess } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ask } from '../../src/service/control-client.ts';
import type { ControlAnswer, ControlRequest } from '../../src/service/control-protocol.ts';
import { Testbed, until, whyNoTestbed } from '../support/netns.ts';
import { programFile } from '../support/program-file.ts';
import { VpatchProcess } from '../support/vpatch-process.ts';
import type { EchoCommand } from './programs/echo-client-process.ts';

const ECHO_SERVER = programFile(new URL('../support/echo-process.ts', import.meta.url));
const CLIENT = programFile(new URL('./programs/echo-client-process.ts', import.meta.url));

const reason = whyNoTestbed();
if (reason !== null) console.warn(`SKIPPED, NOTHING INLINE IS TESTED: ${reason}`);

const MIB = 2 ** 20;
const LARGE_BYTES = 60 * MIB;
const TLS_PORT = 8443;
const PLAIN_PORT = 8081;
const MARK = 0x10000000;
/** What a download of LARGE_BYTES takes in packets of 64 KiB, at the very least; a handshake takes a tenth of it. */
const MOST_PACKETS = LARGE_BYTES / 65_536;

describe.skipIf(reason !== null)('connections that the kernel goes on with by itself', () => {
  let testbed: Testbed;
  let folder: string;
  let digest: string;

  beforeAll(async () => {
    testbed = new Testbed();
    await testbed.ready();
    folder = mkdtempSync(join(tmpdir(), 'vpatch-bypass-'));
    const content = randomFillSync(Buffer.allocUnsafe(LARGE_BYTES));
    digest = createHash('sha256').update(content).digest('hex');
    writeFileSync(join(folder, 'large'), content);
    writeFileSync(join(folder, 'small'), 'small\n');
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const request = [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      '/CN=test',
      '-keyout',
      key,
      '-out',
      cert,
    ];
    expect(testbed.run('server', 'openssl', request).status).toBe(0);
    const serve = ['s_server', '-accept', String(TLS_PORT), '-key', key, '-cert', cert, '-WWW', '-quiet'];
    testbed.start('server', 'openssl', serve, { cwd: folder, stdio: 'ignore' });
    testbed.start('server', process.execPath, [ECHO_SERVER, String(PLAIN_PORT)], { stdio: 'ignore' });
    const ports = (): string => testbed.run('server', 'ss', ['-tlnH']).output;
    await until('the servers listen', () => [TLS_PORT, PLAIN_PORT].every((port) => ports().includes(`:${port} `)));
  });
  afterEach(() => VpatchProcess.killAll());
  afterAll(() => {
    testbed?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  const start = (rules = '', bypass = '{ enabled: true }', ...args: string[]): Promise<VpatchProcess> =>
    VpatchProcess.start(testbed, {
      rules,
      args: ['-m', 'prevent', ...args],
      config: `state: { folder: ${folder}/state }\nrules: { cache-folder: ${folder}/cache }\noutputs: { eve: { records: [flow, tls] } }\nbypass: ${bypass}\n`,
    });
  const fetchLarge = async (): Promise<void> => {
    const url = `https://${testbed.addresses.server[4]}:${TLS_PORT}/large`;
    const file = join(folder, 'fetched');
    const { status, error } = await testbed.finish('client', 'curl', ['-skS', '-m', '60', '-o', file, url]);
    expect({ status, error }).toEqual({ status: 0, error: '' });
    expect(createHash('sha256').update(readFileSync(file)).digest('hex')).toBe(digest);
  };
  const marked = (): string =>
    testbed
      .run('server', 'conntrack', ['-L', '-m', `${MARK}/${MARK}`])
      .output.split('\n')
      .filter((line) => line.includes(`dport=${PLAIN_PORT}`))
      .join('\n');
  const tell = (vpatch: VpatchProcess, request: ControlRequest): Promise<ControlAnswer> =>
    ask(vpatch.control, request, { limitMs: 60_000 });
  const untilMarked = (): Promise<void> => until('the connection is bypassed', () => marked() !== '');
  /** What no protocol begins with. */
  const noise = (bytes: number): Buffer => Buffer.alloc(bytes, 0xf7);
  const ATTACK = Buffer.from('this is an attack');
  const DROP = 'drop tcp any any -> any any (msg:"attack"; content:"attack"; sid:2;)\n';

  test('auto: not where the host would have to begin to track connections', async () => {
    const saved = (): string => testbed.run('server', 'iptables-save', []).output;
    const without = await start('', '{ enabled: auto }');
    expect(without.log).toContain('does not track connections');
    expect(saved()).not.toContain('connmark');
    expect(await without.stop()).toBe(0);

    const rule = ['INPUT', '-m', 'conntrack', '--ctstate', 'NEW', '-j', 'ACCEPT'];
    expect(testbed.run('server', 'iptables', ['-A', ...rule]).status).toBe(0);
    const beside = await start('', '{ enabled: auto }');
    expect(saved()).toContain('connmark');
    expect(await beside.stop()).toBe(0);
    testbed.run('server', 'iptables', ['-D', ...rule]);
  });

  test('a download by TLS: only its beginning and its end are seen', async () => {
    const vpatch = await start();
    await fetchLarge();
    await until('the end of the connection was seen', async () => (await vpatch.status()).flows.bypassedTotal === 1);
    expect((await vpatch.status()).traffic.packets).toBeLessThan(MOST_PACKETS / 10);
    expect(await vpatch.stop()).toBe(0);
    expect(vpatch.events('tls')).toHaveLength(1);
    expect(vpatch.events('flow').filter(({ dest_port }) => dest_port === TLS_PORT)).toEqual([
      expect.objectContaining({ flow: expect.objectContaining({ bypass: 'capture', state: 'closed' }) }),
    ]);
    expect(marked()).toBe('');
  });

  test('switched off, or needed by a rule: every packet is seen', async () => {
    const off = await start('', '{ enabled: false }');
    await fetchLarge();
    expect((await off.status()).traffic.packets).toBeGreaterThan(MOST_PACKETS);
    expect(testbed.run('server', 'iptables-save', []).output).not.toContain('connmark');
    expect(await off.stop()).toBe(0);

    const rule = `alert tcp any any -> any any (msg:"large"; dsize:>60000; flags:A+; sid:1;)\n`;
    const needed = await start(rule);
    await fetchLarge();
    expect((await needed.status()).traffic.packets).toBeGreaterThan(MOST_PACKETS);
    expect((await needed.status()).flows.bypassedTotal).toBe(0);
  });

  test('a connection beyond what rules look at; a new one of the same ports is inspected from its first byte', async () => {
    const vpatch = await start(DROP);
    const client = new EchoClient(testbed);
    await client.open(41_000);
    expect(await client.echoes(noise(MIB / 2))).toBe(true);
    expect(marked()).toBe('');
    expect(await client.echoes(noise(2 * MIB))).toBe(true);
    await untilMarked();
    const { packets } = (await vpatch.status()).traffic;
    expect(await client.echoes(noise(20 * MIB))).toBe(true);
    expect((await vpatch.status()).traffic.packets - packets).toBeLessThan(50);

    await client.reset();
    await client.open(41_000);
    expect(await client.echoes(noise(10))).toBe(true);
    expect(await client.echoes(ATTACK)).toBe(false);
    expect(vpatch.events('alert')).toHaveLength(1);
    client.close();
  });

  test('a reload with rules that need it has it inspected again, and a change of mode asks anew', async () => {
    const ruleFile = join(folder, 'reloaded.rules');
    writeFileSync(ruleFile, '');
    const vpatch = await VpatchProcess.start(testbed, {
      ruleFiles: [ruleFile],
      args: ['-m', 'detect'],
      config: `state: { folder: ${folder}/state }\nrules: { cache-folder: ${folder}/cache }\nbypass: { enabled: true }\n`,
    });
    const client = new EchoClient(testbed);
    await client.open();
    expect(await client.echoes(noise(10_000))).toBe(true);
    await untilMarked();
    // Nobody sees these.
    expect(await client.echoes(noise(100_000))).toBe(true);

    expect(await tell(vpatch, { command: 'mode', mode: 'prevent' })).toMatchObject({ status: 'ok' });
    await until('the mark was taken back', () => marked() === '');
    expect(await client.echoes(noise(10))).toBe(true);
    await untilMarked();
    await until('it is counted once', async () => {
      const { bypassed, bypassedTotal } = (await vpatch.status()).flows;
      return bypassed === 1 && bypassedTotal === 1;
    });

    writeFileSync(ruleFile, DROP);
    expect(await tell(vpatch, { command: 'reload', force: false })).toMatchObject({ status: 'ok' });
    await until('the mark was taken back', () => marked() === '');
    expect(await client.echoes(noise(MIB / 4))).toBe(true);
    expect(marked()).toBe('');
    expect(await client.echoes(ATTACK)).toBe(false);
    expect(vpatch.events('alert')).not.toEqual([]);
    client.close();
  });

  test('what a rule with bypass matches, and trusted networks, by IPv6 too', async () => {
    const byRule = await start(
      `${DROP}alert tcp any any -> any any (msg:"known"; content:"let me go"; bypass; sid:3;)\n`,
    );
    const client = new EchoClient(testbed);
    await client.open();
    expect(await client.echoes(Buffer.from('let me go'))).toBe(true);
    await client.echoes(noise(10));
    await untilMarked();
    expect(await client.echoes(ATTACK)).toBe(true);
    expect(await byRule.stop()).toBe(0);
    expect(marked()).toBe('');

    await start(DROP, `{ enabled: true, trusted-networks: ["${testbed.addresses.client[6]}"] }`);
    expect(await client.echoes(ATTACK)).toBe(false);
    await client.open(0, testbed.addresses.server[6]);
    expect(await client.echoes(ATTACK)).toBe(true);
    client.close();
  });

  test('killed: the next start takes the marks back, and follows the connections from where they are', async () => {
    const first = await start();
    const client = new EchoClient(testbed);
    await client.open();
    expect(await client.echoes(noise(10_000))).toBe(true);
    await untilMarked();
    first.signal('SIGKILL');
    await first.exited;
    expect(marked()).not.toBe('');
    expect(await client.echoes(noise(MIB))).toBe(true);

    const second = await start(DROP);
    expect(marked()).toBe('');
    expect(await client.echoes(noise(10_000))).toBe(true);
    expect(await client.echoes(ATTACK)).toBe(false);
    expect(await second.stop()).toBe(0);
    expect(testbed.run('server', 'iptables-save', []).output).not.toContain('VPATCH');
    expect(testbed.run('server', 'ip6tables-save', []).output).not.toContain('VPATCH');
    client.close();
  });
});

/** A client in the other namespace, of which one connection after the other can be asked for. */
class EchoClient {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #address: string;

  constructor(testbed: Testbed) {
    this.#address = testbed.addresses.server[4];
    this.#process = testbed.start('client', process.execPath, [CLIENT], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#answers = createInterface(this.#process.stdout!)[Symbol.asyncIterator]();
  }

  /** `localPort` 0: any. */
  async open(localPort = 0, host = this.#address): Promise<void> {
    expect(await this.#ask({ type: 'open', to: { localPort, host, port: PLAIN_PORT } })).toBe('open');
  }

  /** Whether all of it came back within seconds. */
  async echoes(bytes: Buffer): Promise<boolean> {
    return (await this.#ask({ type: 'echo', base64: bytes.toString('base64') })) === 'whole';
  }

  async reset(): Promise<void> {
    expect(await this.#ask({ type: 'reset' })).toBe('closed');
  }

  close(): void {
    this.#process.kill('SIGKILL');
  }

  async #ask(command: EchoCommand): Promise<string> {
    this.#process.stdin!.write(`${JSON.stringify(command)}\n`);
    const { value } = await this.#answers.next();
    return value as string;
  }
}
