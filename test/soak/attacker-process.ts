/** One attack after the other until standard input ends, and then how many arrived, as JSON. */
import { get } from 'node:http';
import type { AttackResult } from './attackers.ts';

export interface AttackerSettings {
  readonly host: string;
  readonly port: number;
  readonly attacks: readonly { readonly path: string; readonly headers: Readonly<Record<string, string>> }[];
}

/** One that is blocked gets no answer. */
const ANSWER_LIMIT_MS = 400;

const { host, port, attacks } = JSON.parse(process.argv[2]!) as AttackerSettings;
let sent = 0;
let arrived = 0;
let isOver = false;

process.stdin.on('end', () => {
  isOver = true;
});
process.stdin.resume();
while (!isOver) await attack(attacks[sent++ % attacks.length]!);
console.log(JSON.stringify({ sent, arrived } satisfies AttackResult));
process.exit(0);

function attack({ path, headers }: AttackerSettings['attacks'][number]): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => resolve();
    const request = get({ host, port, path, headers, agent: false, timeout: ANSWER_LIMIT_MS }, (response) => {
      arrived++;
      response.resume().on('end', end).on('error', end);
    });
    request.on('timeout', () => request.destroy());
    request.on('close', end).on('error', end);
  });
}
