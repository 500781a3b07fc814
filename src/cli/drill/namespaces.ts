import { type ChildProcess, spawn } from 'node:child_process';
import { firstLine, isMissing, runCommand } from '../../service/command.ts';
import { MachineError } from '../../service/machine-error.ts';

export type Side = 'client' | 'server';

/** RFC 2544 §C.2.2: for tests of network devices; no host has them, and no configuration trusts them. */
export const ADDRESSES = { client: '198.18.0.1', server: '198.18.0.2' } as const;

/** Before the number of its process, of what a drill makes. */
export const PREFIX = 'vpatch-drill-';

/**
 * Two network namespaces of our own with a cable between them. Nothing in them reaches the network of this host, and
 * `close` removes them with all that runs there.
 */
export class Namespaces {
  readonly #names: Readonly<Record<Side, string>>;
  readonly #onExit = (): void => this.close();
  #isOpen = true;

  /** `device` is the server's interface. Throws MachineError where the kernel or our rights do not allow it. */
  constructor(device: string) {
    this.#names = { client: `${PREFIX}${process.pid}-client`, server: `${PREFIX}${process.pid}-server` };
    process.on('exit', this.#onExit);
    const { client, server } = this.#names;
    const near = `vpd${process.pid}`;
    try {
      ip('netns', 'add', client);
      ip('netns', 'add', server);
      const peer = ['peer', 'name', device, 'netns', server];
      ip('link', 'add', near, 'netns', client, 'type', 'veth', ...peer);
      for (const [side, name] of [['client', near] as const, ['server', device] as const]) {
        ip('-n', this.#names[side], 'link', 'set', 'lo', 'up');
        ip('-n', this.#names[side], 'addr', 'add', `${ADDRESSES[side]}/24`, 'dev', name);
        ip('-n', this.#names[side], 'link', 'set', name, 'up');
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** In a process group of its own: Ctrl-C is for us, who end it. */
  start(side: Side, program: string, args: readonly string[]): ChildProcess {
    const inside = ['netns', 'exec', this.#names[side], program, ...args];
    // The drill is not the service that systemd waits for.
    const { NOTIFY_SOCKET: _, WATCHDOG_USEC: __, PATH = '', ...others } = process.env;
    const env = { ...others, PATH: `${PATH}:/usr/sbin:/sbin` };
    return spawn('ip', inside, { stdio: ['pipe', 'pipe', 'pipe'], detached: true, env });
  }

  /** To its end; what it says is of no interest, nor whether it is there. */
  run(side: Side, program: string, args: readonly string[]): void {
    runCommand('ip', ['netns', 'exec', this.#names[side], program, ...args]);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    process.off('exit', this.#onExit);
    for (const name of Object.values(this.#names)) removeNamespace(name);
  }
}

/** Processes that are only in this namespace, which is ours, and the namespace. */
export function removeNamespace(name: string): void {
  const { status, output } = runCommand('ip', ['netns', 'pids', name]);
  if (status === 0) {
    for (const pid of output.split('\n').filter((line) => /^\d+$/.test(line))) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
  }
  runCommand('ip', ['netns', 'del', name]);
}

function ip(...args: readonly string[]): void {
  const result = runCommand('ip', args);
  if (isMissing(result)) throw new MachineError('the drill needs the program "ip": apt install iproute2');
  if (result.status === 0) return;
  throw new MachineError(`the drill cannot make network namespaces here: ip ${args[0]}: ${firstLine(result.error)}`);
}
