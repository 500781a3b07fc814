import type { Command } from 'commander';
import { hasNetAdmin } from '../service/capabilities.ts';
import { findLeftovers } from '../service/leftovers.ts';
import { settingsFrom } from './common-options.ts';
import { EXIT, Failure } from './failure.ts';

interface CleanupOptions {
  readonly config?: string;
  readonly force?: boolean;
}

export function registerCleanup(program: Command): void {
  program
    .command('cleanup')
    .summary('remove the firewall rules of a vpatch that was killed')
    .description(
      'Removes the firewall rules that a vpatch left behind which was killed. Leaves those of one that runs, and with ' +
        '"failure.engine: closed" all: then nothing is to pass until it runs again.',
    )
    .option('-c, --config <file>', 'configuration, as for run')
    .option('--force', 'also with "failure.engine: closed"')
    .action(cleanup);
}

function cleanup({ force = false, ...options }: CleanupOptions): void {
  if (!hasNetAdmin()) throw new Failure(EXIT.machine, 'cleanup needs the capability CAP_NET_ADMIN: run it as root');
  const found = findLeftovers();
  if (found.status === 'in use') {
    process.stdout.write(`vpatch runs: ${found.owner} holds queue ${found.queue}; its rules stay\n`);
    return;
  }
  if (found.firewalls.length === 0) {
    process.stdout.write('nothing was left behind\n');
    return;
  }
  if (!force && settingsFrom(options).config.failure.engine === 'closed') {
    process.stdout.write('the rules stay, since failure.engine is closed: nothing passes until vpatch runs again\n');
    return;
  }
  for (const firewall of found.firewalls) {
    firewall.remove();
    firewall.dispose();
    process.stdout.write(`removed vpatch's rules from ${firewall.name}\n`);
  }
}
