import type { Command } from 'commander';
import { counted } from '../base/counted.ts';
import { WallClock } from '../capture/wall-clock.ts';
import type { Config } from '../config/config.ts';
import { BufferedFile } from '../output/buffered-file.ts';
import type { Logger } from '../output/log.ts';
import { COLD_START_MS } from '../stream/options.ts';
import { CHECKSUM } from '../wire/packet.ts';
import { addListeningOptions, type CommonOptions, settingsFrom } from './common-options.ts';
import { unwritable } from './failure.ts';
import { Inspection } from './inspection.ts';
import { inspectLive, withoutBlocking } from './live-inspection.ts';
import { loadInspectedRules } from './loaded-rules.ts';
import { summaryText } from './summary.ts';

interface SniffOptions extends Omit<CommonOptions, 'mode'> {
  readonly interface: string;
  readonly filter?: string;
}

export function registerSniff(program: Command): void {
  const command = program
    .command('sniff')
    .summary('listen on an interface, without touching its traffic')
    .description('Listens on an interface and reports. Nothing is blocked, whatever mode the configuration says.')
    .requiredOption('-i, --interface <name>', 'the interface; any is all of them')
    .option('--filter <expression>', 'only these packets, in the language of pcap-filter(7)');
  addListeningOptions(command)
    .addHelpText('after', '\nExample:\n  sudo vpatch sniff -i eth0 -S local.rules --eve -')
    .action(sniff);
}

async function sniff(options: SniffOptions): Promise<void> {
  const settings = settingsFrom(options);
  const { log } = settings;
  const config = withoutBlocking(settings.config);
  const rules = loadInspectedRules(config);
  if (rules.errors > 0) log.warn(`${counted(rules.errors, 'rule')} refused: "vpatch rules check" says why`);
  const { file, statsIntervalMs } = config.outputs.eve;
  const output = file === null ? null : openOutput(file, config, log);
  const clock = new WallClock();
  const startedMs = clock.nowMs();
  const inspection = new Inspection({
    config,
    rules,
    output,
    hasPacketNumbers: false,
    mayFold: true,
    // What this host sends is seen before its network card has filled in the checksum.
    checksum: CHECKSUM.trusted,
    midstreamUntilMs: config.stream.midstream === false ? startedMs + COLD_START_MS : Number.POSITIVE_INFINITY,
  });
  const uptimeSeconds = (): number => (clock.nowMs() - startedMs) / 1000;
  const writeStats = (): void => inspection.writeStats(clock.nowMs(), uptimeSeconds());

  const { interface: interfaceName, filter } = options;
  const timers: NodeJS.Timeout[] = [];
  await inspectLive(
    inspection,
    { interfaceName, ...(filter !== undefined && { filter }) },
    {
      limitMs: null,
      onBegin: () => {
        if (statsIntervalMs > 0) timers.push(setInterval(writeStats, statsIntervalMs));
        log.info(`listening on ${interfaceName} with ${counted(rules.loaded, 'rule')}; Ctrl-C ends it`);
      },
    },
  );
  for (const timer of timers) clearInterval(timer);
  writeStats();
  await output?.close();
  const text = summaryText([interfaceName], inspection.summary(uptimeSeconds()));
  (file === '-' ? process.stderr : process.stdout).write(text);
}

function openOutput(file: string, { outputs }: Config, log: Logger): BufferedFile {
  try {
    return new BufferedFile(file, {
      bufferBytes: outputs.eve.bufferBytes,
      onError: (error) => log.error(`events cannot be written to ${file}: ${error.message}`),
    });
  } catch (error) {
    throw unwritable(file, error);
  }
}
