import type { Command } from 'commander';
import { composePolicy, PINS, type Pin } from '../patches/policy.ts';
import { nearestName } from '../rules/nearest-name.ts';
import { sourceRules } from '../rules/selection/source-rule.ts';
import { settingsFrom } from './common-options.ts';
import { EXIT, Failure } from './failure.ts';
import { readTexts } from './read-texts.ts';
import {
  addSetupOptions,
  type ScanSetup,
  type SetupOptions,
  scanSetup,
  takePinsOver,
  withState,
} from './scan-setup.ts';

export function registerPolicyPin(policy: Command): void {
  addSetupOptions(policy.command('pin'))
    .summary('decide on a patch or a rule yourself')
    .description(
      'Switches a patch or a rule on or off, or holds it, whatever a scan or a list says: with detect it reports and never\n' +
        'blocks; with soak it does so until it has not matched for as long as scan.soak of the configuration says. auto takes\n' +
        'the decision back. In force at once.',
    )
    .argument('<id>', 'of a patch, or gid:sid of a rule')
    .argument('<mode>', `${PINS.join(', ')} or auto`)
    .addHelpText('after', '\nExample:\n  sudo vpatch policy pin cve-2021-44228 soak')
    .action(async (id: string, mode: string, options: SetupOptions) => {
      if (withState(() => pin(id, mode, options))) process.stdout.write(await takePinsOver(options));
    });

  addSetupOptions(policy.command('promote'))
    .summary('have a patch or a rule block that was held')
    .description('Ends what "policy pin" has held at detect or soak: it blocks from now on, in prevent mode.')
    .argument('<id>', 'as it was pinned')
    .action(async (id: string, options: SetupOptions) => {
      if (withState(() => promote(id, options))) process.stdout.write(await takePinsOver(options));
    });
}

/** False: it changes nothing. */
function pin(id: string, mode: string, options: SetupOptions): boolean {
  const wanted = [...PINS, 'auto' as const].find((known) => known === mode);
  if (wanted === undefined) throw new Failure(EXIT.usage, `expected ${PINS.join(', ')} or auto, found ${mode}`);
  const setup = scanSetup(options);
  const name = id.toLowerCase();
  if (!setup.offers.has(name) && setup.store.pins()[name] === undefined) checkRule(name, setup, options);
  return decide(name, wanted, `pin ${name} ${wanted}`, setup);
}

function promote(id: string, options: SetupOptions): boolean {
  const setup = scanSetup(options);
  const name = id.toLowerCase();
  const held = setup.store.pins()[name];
  if (held !== 'detect' && held !== 'soak') {
    throw new Failure(EXIT.usage, `${id} is not held: "vpatch policy report" shows what is`);
  }
  // What a scan has chosen stays for scans to take back; so do other rules for their files.
  const isChosen = setup.store.current()?.choices.some((choice) => choice.id === name) === true;
  return decide(name, isChosen || !setup.offers.has(name) ? 'auto' : 'on', `promote ${name}`, setup);
}

function decide(name: string, wanted: Pin | 'auto', why: string, { store, offers, settings }: ScanSetup): boolean {
  const before = store.pins();
  const { [name]: earlier = 'auto', ...others } = before;
  const pins = wanted === 'auto' ? others : { ...others, [name]: wanted };
  const nowMs = Date.now();
  const { preset, choices } = store.current() ?? { preset: settings.preset, choices: [] };
  const composed = composePolicy({ createdMs: nowMs, preset, choices, pins }, offers);
  store.setPins(pins);
  const isNew = store.apply(composed, nowMs, why);
  const { version, items } = composed.policy;
  process.stdout.write(
    `${name}: ${wanted}\npolicy ${version} ${isNew ? 'is' : 'stays'} in force: ${items.length} assigned\n`,
  );
  return isNew || earlier !== wanted;
}

/** Of rules that are no patch's, those that the configuration loads can be pinned. */
function checkRule(name: string, { offers }: ScanSetup, { config }: SetupOptions): void {
  if (!/^\d+:\d+$/.test(name)) {
    const near = nearestName(name, offers.keys());
    throw new Failure(EXIT.usage, `there is no patch ${name}${near === null ? '' : `; did you mean ${near}?`}`);
  }
  const { files } = readTexts(settingsFrom({ ...(config !== undefined && { config }), logLevel: 'error' }).config);
  const [, sid = ''] = name.split(':');
  const mayBeIt = (rule: string): boolean => rule.includes(sid);
  const isKnown = files.some(({ file, text }) =>
    sourceRules(file, text, mayBeIt).some((rule) => `${rule.gid}:${rule.sid}` === name),
  );
  if (!isKnown) throw new Failure(EXIT.usage, `there is no rule ${name} among those that the configuration loads`);
}
