import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { type Finished, Testbed, until, whyNoTestbed } from '../support/netns.ts';
import { programFile } from '../support/program-file.ts';
import { type EveEvent, VpatchProcess } from '../support/vpatch-process.ts';

const reason = whyNoTestbed();
if (reason !== null) console.warn(`SKIPPED, NO ORDINARY TRAFFIC IS TESTED: ${reason}`);

/** Tests that need programs, of which each machine has others. */
export function describeWith(programs: readonly string[], name: string, body: () => void): void {
  const missing = programs.filter((program) => spawnSync('which', [program]).status !== 0);
  if (reason === null && missing.length > 0) console.warn(`SKIPPED, NO ${missing.join(', ')}: ${name}`);
  describe.skipIf(reason !== null || missing.length > 0)(name, body);
}

/**
 * A client and a server that vpatch protects, in prevent mode with all shipped rules and every check: nothing that they
 * ordinarily do may be dropped, nor be told of as odd.
 */
export class CleanBed {
  readonly testbed = new Testbed();
  /** Removed with the bed. */
  readonly folder = mkdtempSync(join(tmpdir(), 'vpatch-clean-'));
  #vpatch: VpatchProcess | null = null;

  static async start(): Promise<CleanBed> {
    const bed = new CleanBed();
    try {
      await bed.testbed.ready();
      const args = ['-m', 'prevent'];
      bed.#vpatch = await VpatchProcess.start(bed.testbed, { ruleFiles: ['signatures/*/*.rules'], args });
      return bed;
    } catch (error) {
      bed.close();
      throw error;
    }
  }

  get address(): string {
    return this.testbed.addresses.server[4];
  }

  /** Runs a program at the client's side to its end, which must be a good one; gives what it said. */
  async ask(program: string, ...args: string[]): Promise<string> {
    const { status, output, error } = await this.finish(program, ...args);
    expect(status, `${program} ${args.join(' ')}: ${error}`).toBe(0);
    return output;
  }

  finish(program: string, ...args: string[]): Promise<Finished> {
    return this.testbed.finish('client', program, args);
  }

  /** A client of ours, which lies beside the tests; gives what it said. */
  askOurs(name: string, ...args: string[]): Promise<string> {
    return this.ask(process.execPath, ours(name), ...args);
  }

  /** Starts a server and waits until somebody listens at its port. */
  async serve(port: number, program: string, ...args: string[]): Promise<void> {
    const server = this.testbed.start('server', program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    server.stderr!.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const listeners = (): string => this.testbed.run('server', 'ss', ['-Hltun']).output;
    const isUp = (): boolean => {
      if (server.exitCode !== null) throw new Error(`${program} ended: ${said}`);
      return listeners().includes(`:${port} `);
    };
    await until(`${program} listens at port ${port}`, isUp);
  }

  /** A server of ours, whose first argument is the port. */
  serveOurs(name: string, port: number, ...args: string[]): Promise<void> {
    return this.serve(port, process.execPath, ours(name), String(port), ...args);
  }

  /** To be asked last: ends vpatch. Names of checks that may be told of are those that the caller can explain. */
  async expectClean(explained: readonly string[] = []): Promise<void> {
    const vpatch = this.#vpatch!;
    expect(await vpatch.stop()).toBe(0);
    const odd = vpatch
      .events()
      .filter(({ event_type }) => ['drop', 'anomaly', 'alert'].includes(event_type))
      .filter(({ anomaly }) => !explained.includes(anomaly?.event ?? ''));
    expect(tally(odd)).toEqual({});
  }

  close(): void {
    this.testbed.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const ours = (name: string): string => programFile(new URL(`./programs/${name}-process.ts`, import.meta.url));

/** How often each thing was told, by where it went. */
function tally(events: readonly EveEvent[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { event_type, anomaly, drop, alert, src_ip, src_port, dest_ip, dest_port } of events) {
    const what = anomaly?.event ?? drop?.reason ?? alert?.signature;
    const key = `${event_type} ${what}: ${src_ip} ${src_port} to ${dest_ip} ${dest_port}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}
