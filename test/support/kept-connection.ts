import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Testbed } from './netns.ts';
import { HTTP_PORT } from './web-server.ts';

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
    const args = ['-e', SCRIPT, testbed.addresses.server[4], String(HTTP_PORT)];
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

const SCRIPT = `
const socket = require('node:net').connect(Number(process.argv[2]), process.argv[1]);
let timer, say = () => {};
socket.on('data', () => say('answered')).on('error', () => say('silence')).on('close', () => say('silence'));
require('node:readline').createInterface({ input: process.stdin }).on('line', (path) => {
  say = (what) => { clearTimeout(timer); say = () => {}; console.log(what); };
  timer = setTimeout(() => say('silence'), 1000);
  socket.write('GET ' + path + ' HTTP/1.1\\r\\nHost: a.example\\r\\n\\r\\n');
});
`;
