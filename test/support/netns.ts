import { type ChildProcess, execFileSync, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { programFile } from './program-file.ts';
import type { FramesToSend } from './send-frames-process.ts';

/** `far` is there once `addFar` was called. */
export type Side = 'client' | 'server' | 'far';

export interface Finished {
  readonly status: number | null;
  readonly output: string;
  readonly error: string;
}

const COMMAND_TIMEOUT_MS = 60_000;

let made = 0;

/**
 * Two network namespaces with a cable between them. Nothing in them reaches the machine's own network, and `close`
 * removes them with everything that runs there. Names carry the process id, so that several tests run side by side.
 */
export class Testbed {
  readonly addresses = {
    client: { 4: '10.77.0.1', 6: 'fd77::1' },
    server: { 4: '10.77.0.2', 6: 'fd77::2' },
    far: { 4: '10.78.0.2', 6: 'fd78::2' },
  } as const;
  readonly interfaces: Readonly<Record<'client' | 'server', string>>;
  readonly #names: Readonly<Record<Side, string>>;
  readonly #onExit = (): void => this.close();
  #isOpen = true;

  constructor() {
    const id = `${process.pid}${String.fromCharCode('a'.charCodeAt(0) + (made++ % 26))}`;
    this.#names = { client: `vp-${id}-client`, server: `vp-${id}-server`, far: `vp-${id}-far` };
    this.interfaces = { client: `vpc${id}`, server: `vps${id}` };
    process.on('exit', this.#onExit);
    const { client, server } = this.#names;
    try {
      ip('netns', 'add', client);
      ip('netns', 'add', server);
      ip(
        'link',
        'add',
        this.interfaces.client,
        'netns',
        client,
        'type',
        'veth',
        'peer',
        'name',
        this.interfaces.server,
        'netns',
        server,
      );
      for (const side of ['client', 'server'] as const) {
        const device = this.interfaces[side];
        ip('-n', this.#names[side], 'link', 'set', 'lo', 'up');
        ip('-n', this.#names[side], 'addr', 'add', `${this.addresses[side][4]}/24`, 'dev', device);
        // Without duplicate address detection the address can be used at once.
        ip('-n', this.#names[side], 'addr', 'add', `${this.addresses[side][6]}/64`, 'dev', device, 'nodad');
        ip('-n', this.#names[side], 'link', 'set', device, 'up');
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The kernel takes up to a second to notice that a cable with two ends that are up carries traffic. */
  async ready(): Promise<void> {
    for (const side of ['client', 'server'] as const) {
      const state = `/sys/class/net/${this.interfaces[side]}/operstate`;
      await until(`the ${side}'s interface is up`, () => this.run(side, 'cat', [state]).output.trim() === 'up');
    }
  }

  /** A host behind the client, which forwards to it over a cable that takes packets of up to `mtuBytes` that way. */
  addFar(mtuBytes: number): void {
    const { client, server, far } = this.#names;
    const [near, end] = [`${this.interfaces.client}n`, `${this.interfaces.client}f`];
    ip('netns', 'add', far);
    ip('link', 'add', near, 'netns', client, 'type', 'veth', 'peer', 'name', end, 'netns', far);
    ip('-n', client, 'link', 'set', near, 'mtu', String(mtuBytes), 'up');
    ip('-n', far, 'link', 'set', end, 'up');
    for (const [version, router, bits] of [[4, '10.78.0.1', 24] as const, [6, 'fd78::1', 64] as const]) {
      const address = this.addresses.far[version];
      const nodad = version === 6 ? ['nodad'] : [];
      ip('-n', client, 'addr', 'add', `${router}/${bits}`, 'dev', near, ...nodad);
      ip('-n', far, 'addr', 'add', `${address}/${bits}`, 'dev', end, ...nodad);
      ip('-n', far, 'route', 'add', 'default', 'via', router);
      ip('-n', server, 'route', 'add', address, 'via', this.addresses.client[version]);
    }
    this.set('client', 'ipv4/ip_forward', 1);
    this.set('client', 'ipv6/conf/all/forwarding', 1);
  }

  /** One more address of the client, whose ports are then its own; `n` counts from 0, to a hundred of them. */
  addClientAddress(n: number): string {
    const address = `10.77.0.${100 + n}`;
    this.run('client', 'ip', ['addr', 'replace', `${address}/24`, 'dev', this.interfaces.client]);
    return address;
  }

  /** A setting below /proc/sys/net. */
  set(side: Side, name: string, value: number): void {
    const { status, error } = this.run(side, 'tee', [`/proc/sys/net/${name}`], String(value));
    if (status !== 0) throw new Error(`${name} is not set: ${error}`);
  }

  /** Runs a program to its end. */
  run(side: Side, program: string, args: readonly string[], input = ''): Finished {
    const [command, inside] = this.#inside(side, program, args);
    const options = { encoding: 'utf8', input, timeout: COMMAND_TIMEOUT_MS, maxBuffer: 2 ** 28 } as const;
    const { status, stdout, stderr, error } = spawnSync(command, inside, options);
    return { status, output: stdout ?? '', error: error?.message ?? stderr ?? '' };
  }

  /** Starts a program, which `close` ends at the latest. */
  start(side: Side, program: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [command, inside] = this.#inside(side, program, args);
    return spawn(command, inside, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  }

  /** Like `run`, while the caller's event loop goes on. */
  async finish(side: Side, program: string, args: readonly string[]): Promise<Finished> {
    const child = this.start(side, program, args);
    let output = '';
    let error = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString('latin1');
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      error += chunk.toString('latin1');
    });
    const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { status, output, error };
  }

  /** Puts whole Ethernet frames on the client's end of the cable, as no honest network stack would send them. */
  sendFrames(frames: readonly Uint8Array[]): void {
    const input = JSON.stringify(this.#framesToSend(frames, null));
    const { status, error } = this.run('client', process.execPath, [frameSender()], input);
    if (status !== 0) throw new Error(`frames were not sent: ${error}`);
  }

  /** In turn, again and again, while the caller's event loop goes on. */
  async floodFrames(frames: readonly Uint8Array[], flood: NonNullable<FramesToSend['flood']>): Promise<void> {
    const options = { stdio: ['pipe', 'ignore', 'inherit'] as ['pipe', 'ignore', 'inherit'] };
    const child = this.start('client', process.execPath, [frameSender()], options);
    child.stdin!.end(JSON.stringify(this.#framesToSend(frames, flood)));
    const status = await new Promise((resolve) => child.once('close', resolve));
    if (status !== 0) throw new Error(`the flood ended early, with status ${status}`);
  }

  /** Ends every connection on both sides: what an attack that was dropped left behind sends again for minutes. */
  closeConnections(): void {
    for (const side of ['client', 'server'] as const) this.run(side, 'ss', ['-tKH', 'state', 'connected']);
  }

  /** The hardware address of one end, for frames that are to arrive. */
  hardwareAddress(side: 'client' | 'server'): Uint8Array {
    const { output } = this.run(side, 'cat', [`/sys/class/net/${this.interfaces[side]}/address`]);
    return Uint8Array.from(output.trim().split(':'), (byte) => Number.parseInt(byte, 16));
  }

  /** Harmless when closed. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    process.off('exit', this.#onExit);
    for (const name of Object.values(this.#names)) {
      const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' });
      for (const pid of (stdout ?? '').split('\n').filter((line) => line !== '')) kill(Number(pid));
      spawnSync('ip', ['netns', 'del', name]);
    }
  }

  #framesToSend(frames: readonly Uint8Array[], flood: FramesToSend['flood']): FramesToSend {
    const texts = frames.map((frame) => Buffer.from(frame).toString('hex'));
    return { device: this.interfaces.client, frames: texts, flood };
  }

  #inside(side: Side, program: string, args: readonly string[]): [string, string[]] {
    return ['ip', ['netns', 'exec', this.#names[side], program, ...args]];
  }
}

/** Why namespaces with queues cannot be made here; null when they can. */
export function whyNoTestbed(): string | null {
  if (process.getuid?.() !== 0) return 'not root';
  const name = `vp-${process.pid}-probe`;
  try {
    ip('netns', 'add', name);
    const rule = ['-t', 'mangle', '-A', 'INPUT', '-j', 'NFQUEUE', '--queue-num', '0', '--queue-bypass'];
    execFileSync('ip', ['netns', 'exec', name, 'iptables', ...rule], { stdio: 'pipe' });
    return null;
  } catch (error) {
    return `no network namespace with NFQUEUE: ${(error as Error).message.split('\n')[0]}`;
  } finally {
    spawnSync('ip', ['netns', 'del', name]);
  }
}

/** Without it, Ctrl-C would leave the namespaces behind. Vitest brings its own handlers; other programs call this. */
export function endOnSignals(): void {
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  process.once('SIGHUP', () => process.exit(129));
}

/** Asks again and again, since nothing says when a program in a namespace is ready. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const frameSender = (): string => programFile(new URL('./send-frames-process.ts', import.meta.url));

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
