import { type Command, InvalidArgumentError } from 'commander';
import type { Config } from '../../config/config.ts';
import { mergeConfig, type Overrides } from '../../config/overrides.ts';
import { parseDurationMs } from '../../config/units.ts';
import type { Patch } from '../../patches/catalogue.ts';
import { HostAddresses } from '../../service/host-variables.ts';
import { CHECKSUM } from '../../wire/packet.ts';
import { inspectCaptures } from '../capture-files.ts';
import { addConfigOptions, type RuleOptions, settingsFrom } from '../common-options.ts';
import { EXIT, Failure } from '../failure.ts';
import { Inspection } from '../inspection.ts';
import { inspectLive, withoutBlocking } from '../live-inspection.ts';
import { loadRules } from '../loaded-rules.ts';
import { collect } from '../repeatable.ts';
import { loadCatalogue, patchNamed } from './shipped.ts';
import { TriedPatches } from './tried-patches.ts';

interface TryOptions extends Omit<RuleOptions, 'rules' | 'onlyRules'> {
  readonly pcap?: readonly string[];
  readonly live?: number;
  readonly interface: string;
  readonly json?: boolean;
}

export function registerTry(patches: Command): void {
  addConfigOptions(patches.command('try'))
    .summary('what virtual patches would have blocked in your traffic')
    .description(
      'Holds patches against captured traffic, or against what passes an interface for a while, and says what they would\n' +
        'have blocked. It only listens: no packet is touched, and a vpatch that runs is not asked.',
    )
    .argument('[id...]', 'ids or CVEs of patches (default: all)')
    .option(
      '--pcap <file>',
      'a capture; repeatable. Every server in it counts as this host, unless HOME_NET says who',
      collect,
    )
    .option('--live <duration>', 'listen for so long: 10m, 1h. Ctrl-C ends it earlier', duration)
    .option('-i, --interface <name>', 'where to listen; any is all of them', 'any')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  vpatch patches try cve-2021-44228 --pcap monday.pcap\n  sudo vpatch patches try --live 1h',
    )
    .action(tryPatches);
}

/** The longest wait of a timer is 2^31 - 1 ms. */
const MAX_LIVE_MS = 7 * 86_400_000;

function duration(text: string): number {
  const durationMs = parseDurationMs(text);
  if (durationMs !== undefined && durationMs > 0 && durationMs <= MAX_LIVE_MS) return durationMs;
  throw new InvalidArgumentError('expected a duration such as 10m or 1h, up to 7d.');
}

async function tryPatches(ids: readonly string[], options: TryOptions): Promise<void> {
  const { pcap = [], live, json } = options;
  if (live === undefined ? pcap.length === 0 : pcap.length > 0) {
    throw new Failure(EXIT.usage, 'give the traffic: --pcap FILE, or --live DURATION');
  }
  const catalogue = loadCatalogue();
  const chosen = ids.length === 0 ? catalogue.patches : ids.map((id) => patchNamed(catalogue, id));
  const tried = new TriedPatches(chosen);
  const config = configFor(chosen, options);
  const inspection = inspectionOf(config, tried);
  if (live === undefined) await inspectCaptures(pcap, inspection);
  else {
    const { interface: interfaceName } = options;
    const onBegin = (): void => {
      process.stderr.write(`listening on ${interfaceName}; Ctrl-C ends it earlier\n`);
    };
    await inspectLive(inspection, { interfaceName }, { limitMs: live, onBegin });
  }
  const { stats } = inspection.summary(0);
  const homeNet = config.variables.addresses.HOME_NET ?? '';
  const result = tried.result(homeNet, stats);
  process.stdout.write(json === true ? `${JSON.stringify(result, null, 2)}\n` : tried.text(result));
}

/** Patches protect the host: on the wire that is the one that vpatch runs on, in a capture whoever answers. */
function configFor(patches: readonly Patch[], options: TryOptions): Config {
  const home: Overrides =
    options.live === undefined
      ? { variables: { addresses: { HOME_NET: 'any', EXTERNAL_NET: 'any' } } }
      : new HostAddresses().variables;
  const onlyRules = patches.map(({ rulesFile }) => rulesFile);
  const { config } = settingsFrom({ ...options, onlyRules }, {}, home);
  return mergeConfig(withoutBlocking(config), { outputs: { eve: { records: [] } } });
}

function inspectionOf(config: Config, output: TriedPatches): Inspection {
  const rules = loadRules(config);
  if (rules.errors > 0) throw new Failure(EXIT.problem, `${rules.errors} rules of the patches cannot be loaded here`);
  return new Inspection({
    config,
    rules,
    output,
    hasPacketNumbers: false,
    mayFold: false,
    checksum: CHECKSUM.trusted,
    // Captures begin anywhere, and so does listening.
    midstreamUntilMs: Number.POSITIVE_INFINITY,
  });
}
