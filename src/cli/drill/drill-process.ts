import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Of what it says on standard error, the last lines are kept. */
const KEPT_LINES = 20;

/** A process of the drill. It ends when its standard input does. */
export class DrillProcess {
  readonly ended: Promise<void>;
  hasEnded = false;
  readonly #child: ChildProcess;
  readonly #said: string[] = [];

  /** `onLine` gets what it says on standard output. */
  constructor(child: ChildProcess, onLine: (line: string) => void = () => {}) {
    this.#child = child;
    createInterface({ input: child.stdout! }).on('line', onLine);
    createInterface({ input: child.stderr! }).on('line', (line) => {
      this.#said.push(line);
      if (this.#said.length > KEPT_LINES) this.#said.shift();
    });
    // One that is gone cannot be told anything.
    child.stdin!.on('error', () => {});
    this.ended = new Promise((resolve) => {
      const end = (): void => {
        this.hasEnded = true;
        resolve();
      };
      child.once('close', end);
      child.once('error', (error) => {
        this.#said.push(error.message);
        end();
      });
    });
  }

  /** Its last words. */
  get lastLine(): string {
    return this.#said.at(-1) ?? 'it said nothing';
  }

  tell(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }
}
