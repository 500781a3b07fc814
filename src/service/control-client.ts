import { connect } from 'node:net';
import { type ControlAnswer, type ControlRequest, failed, parseAnswer } from './control-protocol.ts';

/** More than any answer has. */
const MAX_ANSWER_CHARACTERS = 64 * 1024 * 1024;

export interface AskOptions {
  /** How long the service may take. */
  readonly limitMs: number;
  /** Wait until the service has closed the connection too, which it does when it ends. */
  readonly untilClosed?: boolean;
}

/** Asks the service that listens at `path`. Never rejects: what goes wrong is an answer too. */
export const ask = (path: string, request: ControlRequest, options: AskOptions): Promise<ControlAnswer> =>
  new Promise((resolve) => {
    const { limitMs, untilClosed = false } = options;
    const socket = connect(path);
    let received = '';
    let answer: ControlAnswer | null = null;
    const finish = (outcome: ControlAnswer): void => {
      resolve(outcome);
      clearTimeout(timer);
      socket.destroy();
    };
    const timer = setTimeout(() => {
      finish(failed('absent', `the service at ${path} did not answer within ${limitMs / 1000} s`));
    }, limitMs);
    socket.setEncoding('utf8');
    socket.once('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (text: string) => {
      received += text;
      const end = received.indexOf('\n');
      if (end < 0 && received.length <= MAX_ANSWER_CHARACTERS) return;
      answer =
        parseAnswer(received.slice(0, Math.max(0, end))) ?? failed('machine', `${path}: no answer of a vpatch service`);
      if (!untilClosed || answer.status === 'failed') finish(answer);
    });
    socket.once('close', () => finish(answer ?? failed('machine', `the service at ${path} hung up without an answer`)));
    socket.once('error', (error) => finish(explain(path, error)));
  });

function explain(path: string, error: NodeJS.ErrnoException): ControlAnswer {
  switch (error.code) {
    case 'ENOENT':
      return failed(
        'absent',
        `vpatch is not running: nobody listens at ${path}; start it, or name its socket with --control`,
      );
    case 'ECONNREFUSED':
      return failed('absent', `vpatch is not running: it ended without removing ${path}; start it again`);
    case 'EACCES':
    case 'EPERM':
      return failed('machine', `${path}: permission denied: ask as root, for instance with sudo`);
    default:
      return failed('machine', `${path}: ${error.message}`);
  }
}
