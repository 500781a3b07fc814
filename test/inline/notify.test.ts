import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/netns.ts';
import { programFile } from '../support/program-file.ts';
import { VpatchProcess } from '../support/vpatch-process.ts';
import { describeWithWebServer } from '../support/web-bed.ts';

const RULES =
  'drop http any any -> any any (msg:"evil <path>"; flow:established,to_server; http.uri; content:"/evil"; ' +
  'reference:cve,2021-44228; priority:1; sid:1;)\n';
const MAIL_PORT = 2525;
const CONFIG = `
notify:
  what: [blocks, failures]
  digest: 0
  mail: { server: 127.0.0.1, port: ${MAIL_PORT}, security: none, from: vpatch@example.org, to: [admin@example.org] }
`;
const LONG_MS = 60_000;

describeWithWebServer('a running service tells by mail', (bed) => {
  let mailServer: ChildProcess;
  let printed = '';

  beforeAll(async () => {
    const program = programFile(new URL('./programs/mail-server-process.ts', import.meta.url));
    mailServer = bed.testbed.start('server', process.execPath, [program, String(MAIL_PORT)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    mailServer.stdout?.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    await until('the mail server listens', () => printed.startsWith('ready\n'));
  });
  afterAll(() => {
    mailServer?.kill();
  });

  test(
    'of an attack that it blocked, and of firewall rules that somebody else removed',
    async () => {
      const vpatch = await VpatchProcess.start(bed.testbed, { rules: RULES, args: ['-m', 'prevent'], config: CONFIG });
      const url = bed.url('/evil');
      await bed.testbed.finish('client', 'curl', ['-s', '-m', '1', url]);
      await until('the block is told', () => printed.includes('Blocked: evil <path>'));
      expect(printed).toContain('"to":["admin@example.org"]');
      expect(printed).toContain('CVE-2021-44228');
      expect(printed).toContain('Blocked: evil &lt;path&gt;');
      expect(printed).toContain(`source: ${bed.testbed.addresses.client[4]}:`);

      for (const table of ['mangle', 'filter', 'security']) bed.testbed.run('server', 'iptables', ['-t', table, '-F']);
      bed.testbed.run('server', 'nft', ['flush', 'ruleset']);
      await until('the loss is told', () => printed.includes('somebody else removed or changed'));
      expect(await vpatch.stop()).toBe(0);
    },
    LONG_MS,
  );
});
