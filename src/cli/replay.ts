import { type Command, Option } from 'commander';
import { CaptureFileError, readCapture } from '../capture/pcap-file.ts';
import { captureConfig } from '../config/capture-config.ts';
import { reasonOf } from '../config/problem.ts';
import { withoutControls } from '../output/log.ts';
import { LosslessFile } from '../output/lossless-file.ts';
import { CHECKSUM } from '../wire/packet.ts';
import { capturesIn } from './capture-files.ts';
import { addCommonOptions, type CommonOptions, settingsFrom } from './common-options.ts';
import { EXIT, Failure, unwritable } from './failure.ts';
import { Inspection } from './inspection.ts';
import { loadInspectedRules } from './loaded-rules.ts';
import { summaryText } from './summary.ts';

interface ReplayOptions extends CommonOptions {
  readonly checksums: 'on' | 'off';
  readonly json?: boolean;
  readonly failOnAlert?: boolean;
}

export function registerReplay(program: Command): void {
  const command = program
    .command('replay')
    .summary('inspect capture files')
    .description('Inspects capture files (pcap, pcapng; - is standard input) as if their packets arrived now.')
    .argument(
      '<file...>',
      'capture files, inspected one after the other; of a folder, all .pcap, .pcapng and .cap below it',
    );
  addCommonOptions(command)
    .addOption(
      new Option('--checksums <how>', 'judge checksums; off for captures that were made on the sending host')
        .choices(['on', 'off'])
        .default('on'),
    )
    .option('--json', 'print the summary as JSON')
    .option('--fail-on-alert', 'exit with 1 when a rule matched, or a capture is damaged')
    .addHelpText('after', EXAMPLES)
    .action(replay);
}

const EXAMPLES = `
Examples:
  vpatch replay -S local.rules attack.pcap
  vpatch replay -m prevent --eve events.json -S '/var/lib/suricata/rules/*.rules' a.pcap b.pcapng
  vpatch replay --fail-on-alert -S local.rules test/harmless
  tcpdump -w - -i eth0 port 80 | vpatch replay --eve - -`;

async function replay(places: readonly string[], options: ReplayOptions): Promise<void> {
  if (options.json === true && options.eve === '-') {
    throw new Failure(EXIT.usage, '--json and --eve - both write to standard output: give --eve a file');
  }
  const files = capturesIn(places);
  // Who names one file knows it.
  const isNamed = files.length > 1 || files[0] !== places[0];
  const config = captureConfig(settingsFrom(options).config);
  const rules = loadInspectedRules(config);
  const eveFile = config.outputs.eve.file;
  const output = eveFile === null ? null : openOutput(eveFile);
  const inspection = new Inspection({
    config,
    rules,
    output,
    hasPacketNumbers: true,
    mayFold: false,
    checksum: options.checksums === 'off' ? CHECKSUM.trusted : CHECKSUM.unverified,
    midstreamUntilMs: config.stream.midstream ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY,
  });

  const startedMs = performance.now();
  const broken: CaptureFileError[] = [];
  for (const file of files) {
    if (inspection.eve !== null && isNamed) inspection.eve.captureFile = file;
    try {
      await readCapture(file, (captured) => inspection.process(captured));
    } catch (error) {
      // What came before the broken place was inspected.
      if (!(error instanceof CaptureFileError)) throw error;
      broken.push(error);
    }
    // The connections of one capture do not go on in the next.
    inspection.finish();
  }
  await closeOutput(output);

  const unreadable = broken.filter(({ packetNumber }) => packetNumber === 0);
  if (unreadable.length === files.length) throw unreadableFiles(unreadable);
  const summary = inspection.summary((performance.now() - startedMs) / 1000);
  const text = options.json === true ? `${JSON.stringify(summary)}\n` : summaryText(files, summary);
  (eveFile === '-' ? process.stderr : process.stdout).write(text);
  if (unreadable.length > 0) throw unreadableFiles(unreadable);
  const breaks = broken.map(({ message }) => message);
  if (options.failOnAlert === true) {
    // Nobody can vouch for what is behind the break.
    if (breaks.length > 0) throw new Failure(EXIT.problem, ...breaks);
    if (summary.alerts.length > 0) throw new Failure(EXIT.problem, 'rules matched');
  }
  for (const line of breaks) process.stderr.write(`vpatch: ${withoutControls(line)}: the rest was not inspected\n`);
}

const unreadableFiles = (errors: readonly CaptureFileError[]): Failure =>
  new Failure(EXIT.usage, ...errors.map(({ file, reason }) => `${file}: ${reason}`));

function openOutput(file: string): LosslessFile {
  try {
    return new LosslessFile(file);
  } catch (error) {
    throw unwritable(file, error);
  }
}

async function closeOutput(output: LosslessFile | null): Promise<void> {
  try {
    await output?.close();
  } catch (error) {
    throw new Failure(EXIT.problem, `events could not be written: ${reasonOf(error)}`);
  }
}
