import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/netns.ts';
import { type EveEvent, VpatchProcess } from '../support/vpatch-process.ts';
import { describeWithWebServer } from '../support/web-bed.ts';

const RULES =
  'drop http any any -> any any (msg:"evil"; flow:established,to_server; http.uri; content:"/evil"; priority:1; sid:1;)\n';

/** Prints what comes, like the program that holds /dev/log. */
const LISTENER = `
import socket, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind(sys.argv[1])
print('ready', flush=True)
while True: print(log.recv(1 << 18).decode(), flush=True)
`;

describeWithWebServer('a running service', (bed) => {
  let collector: Server;
  let collected = '';

  beforeAll(() => {
    collector = createServer((socket) => {
      socket.setEncoding('utf8').on('data', (text: string) => {
        collected += text;
      });
    }).listen(join(bed.folder, 'eve.sock'));
  });
  afterAll(() => {
    collector?.close();
  });

  test('tells the log of the system and a collector what its event file says', async () => {
    const log = join(bed.folder, 'log');
    const listener = bed.testbed.start('server', 'python3', ['-u', '-c', LISTENER, log]);
    let logged = '';
    listener.stdout?.on('data', (chunk: Buffer) => {
      logged += chunk.toString();
    });
    await until('the log is there', () => logged === 'ready\n');
    const vpatch = await VpatchProcess.start(bed.testbed, {
      rules: RULES,
      args: ['-m', 'prevent', '--records', 'flow'],
      config: `
state: { folder: ${join(bed.folder, 'state')} }
outputs:
  syslog: { socket: ${log} }
  socket: { path: ${join(bed.folder, 'eve.sock')}, types: [alert, records] }
`,
    });
    const url = bed.url('/evil');
    await bed.testbed.finish('client', 'curl', ['-s', '-m', '1', url]);
    await until('the log knows', () => logged.includes('"event_type":"alert"'));
    await until('the collector knows', () => collected.includes('"event_type":"alert"'));
    const [alert] = vpatch.events('alert');

    const [message = ''] = /^<170>.*"event_type":"alert".*$/m.exec(logged) ?? [];
    expect(message).toMatch(
      new RegExp(`^<170>[A-Z][a-z]{2} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d vpatch\\[${vpatch.pid}\\]: `),
    );
    expect(JSON.parse(message.slice(message.indexOf('{')))).toEqual(alert);

    expect(await vpatch.stop()).toBe(0);
    const types = collected
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as EveEvent).event_type);
    expect(new Set(types)).toEqual(new Set(['alert', 'flow']));
    expect(logged).not.toContain('"event_type":"flow"');
    listener.kill();
  });
});
