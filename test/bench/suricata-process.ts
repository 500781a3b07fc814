import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Testbed, until } from '../support/netns.ts';
import { residentBytes } from '../support/process-memory.ts';
import { suricataConfig } from './suricata-config.ts';

/** A large rule set takes Suricata half a minute. */
const READY_LIMIT_MS = 180_000;
/** A parallel to `vpatch run`: what comes in and goes out is queued, and passes while nobody listens. */
const QUEUEING = ['-j', 'NFQUEUE', '--queue-num', '0', '--queue-bypass'];

/** `suricata -q 0` in the server's namespace, with firewall rules that hand it the packets. Ends with the testbed. */
export class SuricataProcess {
  readonly #process: ChildProcess;
  readonly #log: string;
  #said = '';

  private constructor(testbed: Testbed, folder: string, configFile: string) {
    this.#log = join(folder, 'suricata.log');
    const args = ['-c', configFile, '-q', '0', '-l', folder, '-k', 'none'];
    this.#process = testbed.start('server', 'suricata', args);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#said += chunk.toString();
      });
    }
  }

  /** Resolves when it inspects. `folder` is for its configuration, log and events. */
  static async start(
    testbed: Testbed,
    folder: string,
    ruleFiles: readonly string[],
    variables: Readonly<Record<string, string>>,
  ): Promise<SuricataProcess> {
    const configFile = join(folder, 'suricata.yaml');
    writeFileSync(configFile, suricataConfig({ ruleFiles, variables, folder }));
    const suricata = new SuricataProcess(testbed, folder, configFile);
    await until('suricata inspects', () => suricata.#hasSaid(/engine started/i), READY_LIMIT_MS);
    for (const chain of ['INPUT', 'OUTPUT']) {
      const { status, error } = testbed.run('server', 'iptables', ['-t', 'mangle', '-A', chain, ...QUEUEING]);
      if (status !== 0) throw new Error(`suricata is handed no packets: ${error}`);
    }
    return suricata;
  }

  get residentBytes(): number {
    return residentBytes(this.#process.pid!);
  }

  /** Reads its rules anew. */
  async reload(): Promise<void> {
    const before = this.#reloads;
    this.#process.kill('SIGUSR2');
    await until('suricata has loaded its rules anew', () => this.#reloads > before, READY_LIMIT_MS);
  }

  get #reloads(): number {
    return this.#output.match(/rule reload complete/gi)?.length ?? 0;
  }

  /** What it tells on its console, and where it has none in its log. */
  get #output(): string {
    try {
      return this.#said + readFileSync(this.#log, 'utf8');
    } catch {
      return this.#said;
    }
  }

  #hasSaid(what: RegExp): boolean {
    if (this.#process.exitCode !== null) throw new Error(`suricata ended: ${this.#output.slice(-2000)}`);
    return what.test(this.#output);
  }
}
