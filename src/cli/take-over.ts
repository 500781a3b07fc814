import type { Config } from '../config/config.ts';
import { ask } from '../service/control-client.ts';
import type { Reloaded } from '../service/policy-keeper.ts';
import { EXIT, Failure } from './failure.ts';
import { RELOAD_LIMIT_MS } from './reload.ts';

/**
 * Has the service of this configuration take over what has changed on disk. Returns what became of it, as a line for
 * people; that no service runs is not wrong. Throws Failure where the service refuses, and goes on by what it had.
 */
export async function takeOver({ control: { socket } }: Config): Promise<string> {
  if (socket === null) return 'a vpatch that runs takes it over with its next start, or on SIGHUP\n';
  const answer = await ask(socket, { command: 'reload', force: false }, { limitMs: RELOAD_LIMIT_MS });
  if (answer.status === 'ok') {
    const { rules } = answer.result as Extract<Reloaded, { status: 'ok' }>;
    return `the running vpatch has taken it over: ${rules.loaded} rules, ${rules.refused.length} refused\n`;
  }
  const isUnheard = answer.kind === 'absent' || answer.kind === 'machine';
  if (isUnheard) return `no running vpatch has taken it over: ${answer.lines.join('; ')}\n`;
  throw new Failure(EXIT.problem, 'the running vpatch goes on with what it had:', ...answer.lines);
}
