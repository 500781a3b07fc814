import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FailureMode } from '../../config/config.ts';
import { ask } from '../../service/control-client.ts';
import type { ControlAnswer, ControlRequest } from '../../service/control-protocol.ts';
import { MachineError } from '../../service/machine-error.ts';
import type { ServiceStatus } from '../../service/status.ts';
import { DrillProcess } from './drill-process.ts';
import { removeLeftovers } from './leftovers.ts';
import { ATTACK_RULE, type ClientSettings, type EngineSettings, type Figures, PAGE_RULE } from './messages.ts';
import { ADDRESSES, Namespaces, PREFIX } from './namespaces.ts';

export interface RehearsalOptions {
  /** The administrator's configuration, as for `run`. */
  readonly config: string | undefined;
  readonly failure: FailureMode;
  /** Of the web server: none that is left out of inspection. */
  readonly port: number;
}

export interface EngineOptions {
  readonly queueLengthPackets?: number;
  /** Its events are many, and their disk is small. */
  readonly hasSmallDisk?: boolean;
}

/** Of the server. */
const DEVICE = 'vpatch0';
/** Of one load: how many clients keep asking. */
export const CLIENTS = 4;
const REQUEST_LIMIT_MS = 1_500;
/** Thousands of rules on a busy host take long. */
const START_LIMIT_MS = 180_000;
const WAIT_LIMIT_MS = 30_000;
const POLL_MS = 50;
const ANSWER_LIMIT_MS = 60_000;
/** Attacks that do not arrive, one after the other, show that packets are inspected. */
const BLOCKED_ENOUGH = 3;
const SMALL_BUFFER_BYTES = 65_536;
const SMALL_DISK = 'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"';
const NO_FIGURES: Figures = { requests: 0, failed: 0, outageMs: 0, attacks: 0, passed: 0, blockedInTurn: 0 };

/** Somebody wants the drill to end. */
export class Interrupted extends Error {
  override name = 'Interrupted';
}

/**
 * The stage of a drill: two namespaces, a web server, clients that keep asking and attacking, and the service between.
 */
export class Rehearsal {
  readonly failure: FailureMode;
  readonly rulesFile: string;
  readonly #options: RehearsalOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  readonly #controlSocket = join(this.#folder, 'control.sock');
  readonly #namespaces: Namespaces;
  #engine: DrillProcess | null = null;
  #client: DrillProcess | null = null;
  #figures = NO_FIGURES;
  #isInterrupted = false;

  /** Throws MachineError where this host does not allow it. */
  constructor(options: RehearsalOptions) {
    this.#options = options;
    this.failure = options.failure;
    this.rulesFile = join(this.#folder, 'drill.rules');
    writeFileSync(this.rulesFile, ATTACK_RULE);
    removeLeftovers();
    try {
      this.#namespaces = new Namespaces(DEVICE);
    } catch (error) {
      rmSync(this.#folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Starts the web server. */
  async open(): Promise<void> {
    let isReady = false;
    const server = this.#start('server', './server-process.js', [`${this.#options.port}`], () => {
      isReady = true;
    });
    await this.until('the web server of the drill answers', () => isReady || this.#hasDied(server, 'web server'));
  }

  close(): void {
    this.#isInterrupted = true;
    this.#namespaces.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** What waits for something gives up. */
  interrupt(): void {
    this.#isInterrupted = true;
  }

  /** Of the load that runs, since it began. */
  get figures(): Figures {
    return this.#figures;
  }

  /** Resolves when the first pages are there. */
  async startLoad(clients = CLIENTS): Promise<void> {
    const { port } = this.#options;
    this.#figures = NO_FIGURES;
    const settings: ClientSettings = { host: ADDRESSES.server, port, clients, limitMs: REQUEST_LIMIT_MS };
    const client = this.#start('client', './client-process.js', [JSON.stringify(settings)], (line) => {
      this.#figures = JSON.parse(line) as Figures;
    });
    this.#client = client;
    await this.until('pages arrive', () => this.#figures.requests > 0 || this.#hasDied(client, 'client'));
  }

  async stopLoad(): Promise<Figures> {
    await this.#client?.kill();
    this.#client = null;
    return this.#figures;
  }

  /** Resolves when the service says that it inspects. */
  async startEngine({ queueLengthPackets, hasSmallDisk = false }: EngineOptions = {}): Promise<void> {
    const disk = join(this.#folder, 'disk');
    mkdirSync(disk, { recursive: true });
    writeFileSync(this.rulesFile, hasSmallDisk ? ATTACK_RULE + PAGE_RULE : ATTACK_RULE);
    const { config, failure } = this.#options;
    const settings: EngineSettings = {
      ...(config !== undefined && { config }),
      failure,
      folder: this.#folder,
      rulesFile: this.rulesFile,
      eventsFile: join(disk, 'eve.json'),
      controlSocket: this.#controlSocket,
      interfaces: [DEVICE],
      queueLengthPackets: queueLengthPackets ?? null,
      eventBufferBytes: hasSmallDisk ? SMALL_BUFFER_BYTES : null,
    };
    const before = hasSmallDisk ? ['sh', '-c', SMALL_DISK, disk] : [];
    const engine = this.#start('server', './engine-process.js', [JSON.stringify(settings)], () => {}, before);
    this.#engine = engine;
    await this.until(
      'the service inspects',
      async () => (await this.status())?.interception.isActive === true || this.#hasDied(engine, 'service'),
      START_LIMIT_MS,
    );
  }

  /** Null: there is none. */
  get engine(): DrillProcess | null {
    return this.#engine?.hasEnded === false ? this.#engine : null;
  }

  /** By whatever means. */
  async endEngine(): Promise<void> {
    await this.#engine?.kill();
    this.#engine = null;
  }

  ask(request: ControlRequest): Promise<ControlAnswer> {
    return ask(this.#controlSocket, request, { limitMs: ANSWER_LIMIT_MS });
  }

  /** Null: no service answers. */
  async status(): Promise<ServiceStatus | null> {
    const answer = await this.ask({ command: 'status' });
    return answer.status === 'ok' ? (answer.result as ServiceStatus) : null;
  }

  /** Attacks are blocked, and pages arrive. */
  async untilInspected(): Promise<void> {
    await this.until('the service inspects again', async () => (await this.status())?.interception.isActive === true);
    const { requests, attacks } = this.#figures;
    await this.until('pages arrive again and attacks do not', () => {
      const { blockedInTurn } = this.#figures;
      const isBlocked = blockedInTurn >= BLOCKED_ENOUGH && this.#figures.attacks >= attacks + BLOCKED_ENOUGH;
      return isBlocked && this.#figures.requests > requests;
    });
  }

  /** In the server's namespace. */
  run(program: string, args: readonly string[]): void {
    this.#namespaces.run('server', program, args);
  }

  async until(what: string, isSo: () => boolean | Promise<boolean>, limitMs = WAIT_LIMIT_MS): Promise<void> {
    const endMs = performance.now() + limitMs;
    while (!(await isSo())) {
      if (performance.now() > endMs) throw new Error(`waited ${limitMs / 1000} s in vain: ${what}`);
      await this.pause(POLL_MS);
    }
  }

  async pause(durationMs: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, durationMs));
    if (this.#isInterrupted) throw new Interrupted();
  }

  #start(
    side: 'client' | 'server',
    program: string,
    args: readonly string[],
    onLine: (line: string) => void,
    before: readonly string[] = [],
  ): DrillProcess {
    const path = fileURLToPath(new URL(program, import.meta.url));
    const [command, ...inside] = [...before, process.execPath, path, ...args];
    return new DrillProcess(this.#namespaces.start(side, command!, inside), onLine);
  }

  #hasDied(child: DrillProcess, who: string): false {
    if (child.hasEnded) throw new MachineError(`the ${who} of the drill ended: ${child.lastLine}`);
    return false;
  }
}
