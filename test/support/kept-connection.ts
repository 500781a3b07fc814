import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Testbed } from './netns.ts';
import { programFile } from './program-file.ts';
import { HTTP_PORT } from './web-server.ts';

const PROGRAM = programFile(new URL('./kept-connection-process.ts', import.meta.url));

/** A client with one connection, on which it asks for one page after the other when it is told. */
export class KeptConnection {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  /** Resolves when it has the first page. */
  static async open(testbed: Testbed, path: string): Promise<KeptConnection> {
    const args = [PROGRAM, testbed.addresses.server[4], String(HTTP_PORT)];
    const connection = new KeptConnection(
      testbed.start('client', process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    if (!(await connection.asksFor(path))) throw new Error(`${path} has no answer`);
    return connection;
  }

  /** Whether an answer comes, within a second. */
  async asksFor(path: string): Promise<boolean> {
    this.#child.stdin?.write(`${path}\n`);
    const { value } = await this.#answers.next();
    return value === 'answered';
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }
}
