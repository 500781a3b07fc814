import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ask } from '../../src/service/control-client.ts';
import type { ServiceStatus } from '../../src/service/status.ts';
import type { MemoryGroup } from './memory-group.ts';
import type { Side, Testbed } from './netns.ts';
import { residentBytes } from './process-memory.ts';

/** What `make build` makes, or an installed program. */
export const PROGRAM = resolve(process.env.VPATCH_PROGRAM ?? 'dist/main.js');
/** Starting compiles rules and asks several firewall tools. */
const READY_LIMIT_MS = 60_000;
/** What the answer to a request may take, beside whatever the machine has to do. */
const ANSWER_LIMIT_MS = 60_000;

export interface VpatchOptions {
  /** Rule text; without it there are none. */
  readonly rules?: string;
  /** Instead of it: files, or patterns of files. */
  readonly ruleFiles?: readonly string[];
  readonly args?: readonly string[];
  /** Of the configuration. */
  readonly config?: string;
  readonly side?: Side;
  /** A command that becomes the program which its arguments end with, such as env(1). */
  readonly wrapper?: readonly string[];
  /** For it and all that it starts. */
  readonly memoryGroup?: MemoryGroup;
}

/** `vpatch run` in a namespace, with its events in a file of its own. */
export class VpatchProcess {
  static readonly #alive = new Set<VpatchProcess>();
  /** Everything that it said on standard error so far. */
  log = '';
  readonly exited: Promise<number | null>;
  /** Its control socket. */
  readonly control: string;
  /** Its event file. */
  readonly eveFile: string;
  readonly #process: ChildProcess;
  readonly #folder = mkdtempSync(join(tmpdir(), 'vpatch-run-'));
  /** Its events, once it has ended and its folder is gone. */
  #pastEvents: string | null = null;

  constructor(testbed: Testbed, options: VpatchOptions = {}) {
    const { rules = '', ruleFiles, args = [], config, side = 'server', wrapper = [], memoryGroup } = options;
    this.eveFile = join(this.#folder, 'eve.json');
    const rulesFile = join(this.#folder, 'test.rules');
    const configFile = join(this.#folder, 'vpatch.yaml');
    writeFileSync(rulesFile, rules);
    // A configuration of this machine must not play along.
    writeFileSync(configFile, config ?? `state: { folder: ${join(this.#folder, 'state')} }\n`);
    this.control = join(this.#folder, 'control.sock');
    const loaded = (ruleFiles ?? [rulesFile]).flatMap((file) => ['-S', file]);
    const [program, ...all] = [
      ...wrapper,
      process.execPath,
      PROGRAM,
      'run',
      '-c',
      configFile,
      '--control',
      this.control,
      ...loaded,
      '--eve',
      this.eveFile,
      ...args,
    ];
    this.#process = testbed.start(side, program!, all);
    memoryGroup?.add(this.pid);
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      this.log += chunk.toString();
    });
    VpatchProcess.#alive.add(this);
    this.exited = new Promise((resolveExit) => {
      this.#process.once('close', (status) => {
        VpatchProcess.#alive.delete(this);
        this.#pastEvents = this.#readEvents();
        rmSync(this.#folder, { recursive: true, force: true });
        resolveExit(status);
      });
    });
  }

  /** After a test that failed half-way, so that the next one can start. */
  static async killAll(): Promise<void> {
    const left = [...VpatchProcess.#alive];
    for (const vpatch of left) vpatch.signal('SIGKILL');
    await Promise.all(left.map(({ exited }) => exited));
  }

  /** Starts it and waits until it inspects, which takes longer the more rules there are. */
  static async start(testbed: Testbed, options: VpatchOptions = {}): Promise<VpatchProcess> {
    if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run "make build" first`);
    const vpatch = new VpatchProcess(testbed, options);
    await vpatch.#untilReady();
    return vpatch;
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** Resident memory. `ip netns exec` becomes the program that it starts, so the process is the engine itself. */
  get residentBytes(): number {
    return residentBytes(this.pid);
  }

  /** Complete EVE lines written so far; once it has ended, all of them. */
  events(type?: string): EveEvent[] {
    const text = this.#pastEvents ?? this.#readEvents();
    const events = text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as EveEvent);
    return type === undefined ? events : events.filter(({ event_type }) => event_type === type);
  }

  /** What `vpatch status` shows, without a process for it. */
  async status(): Promise<ServiceStatus> {
    const answer = await ask(this.control, { command: 'status' }, { limitMs: ANSWER_LIMIT_MS });
    if (answer.status !== 'ok') throw new Error(answer.lines.join('\n'));
    return answer.result as ServiceStatus;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Ends it as an administrator would; returns its exit code. */
  async stop(): Promise<number | null> {
    this.signal('SIGTERM');
    return this.exited;
  }

  #readEvents(): string {
    return existsSync(this.eveFile) ? readFileSync(this.eveFile, 'utf8') : '';
  }

  async #untilReady(): Promise<void> {
    const limit = new Promise<'late'>((done) => setTimeout(done, READY_LIMIT_MS, 'late').unref());
    const ready = new Promise<'ready'>((done) => {
      this.#process.stderr?.on('data', () => {
        if (/\bready\b/.test(this.log)) done('ready');
      });
    });
    const first = await Promise.race([ready, this.exited, limit]);
    if (first !== 'ready') throw new Error(`vpatch is not ready (${first}): ${this.log}`);
  }
}

/** Of an EVE line, what the tests look at. */
export interface EveEvent {
  readonly event_type: string;
  readonly timestamp: string;
  readonly src_ip?: string;
  readonly src_port?: number;
  readonly dest_ip?: string;
  readonly dest_port?: number;
  readonly alert?: { readonly action: string; readonly signature_id: number; readonly signature: string };
  readonly anomaly?: { readonly type: string; readonly event: string };
  readonly drop?: { readonly reason: string };
  readonly vpatch?: {
    readonly cve?: readonly string[];
    readonly check?: string;
    readonly action?: string;
    readonly mode?: string;
    readonly would_block?: boolean;
  };
  readonly stats?: Readonly<Record<string, unknown>>;
}
