import type { Command } from 'commander';
import { withoutControls } from '../output/log.ts';
import { settingsFrom } from './common-options.ts';
import { EXIT, Failure } from './failure.ts';

interface NotifyOptions {
  readonly config?: string;
}

export function registerNotify(program: Command): void {
  const notify = program.command('notify').description('tell people by mail and webhook what happens');
  notify
    .command('test')
    .summary('send a test message')
    .description('Sends a test message by every way of the block "notify", and prints what the servers answered.')
    .option('-c, --config <file>', 'configuration (default: /etc/vpatch/vpatch.yaml if it is there)')
    .addHelpText('after', '\nExit code 1 when a server did not take the message.')
    .action(test);
}

async function test({ config: file }: NotifyOptions): Promise<void> {
  const { config } = settingsFrom({ ...(file !== undefined && { config: file }), onlyRules: [], logLevel: 'warn' });
  // By need: the help of the program does not load it.
  const { sendTest } = await import('../service/notify/test-message.ts');
  const outcomes = await sendTest(config.notify, Date.now());
  if (outcomes.length === 0) {
    throw new Failure(EXIT.usage, 'nobody is to be told: set "notify.mail" or "notify.webhook" in the configuration');
  }
  for (const { name, isTaken, answer } of outcomes) {
    process.stdout.write(`${withoutControls(`${name}: ${isTaken ? 'taken' : 'FAILED'}: ${answer}`)}\n`);
  }
  if (outcomes.some(({ isTaken }) => !isTaken)) process.exitCode = EXIT.problem;
}
