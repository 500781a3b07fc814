import type { Command } from 'commander';
import type { PatchPolicy } from '../patches/policy.ts';
import { PolicyStore } from '../patches/policy-store.ts';
import { EXIT, Failure } from './failure.ts';
import { registerPolicyPin } from './policy-pin.ts';
import { registerPolicyReport } from './policy-report.ts';
import { addStateOptions, type SetupOptions, stateSettings, takePolicyOver, withState } from './scan-setup.ts';
import { table } from './table.ts';

type StateOptions = Pick<SetupOptions, 'config' | 'state'> & { readonly json?: boolean };

export function registerPolicy(program: Command): void {
  const policy = program
    .command('policy')
    .summary('what the scan has assigned, and what you decide')
    .description('The policy is the set of patches in force. The scan makes it; what you pin always wins.');
  const stored = (name: string, summary: string, description: string): Command =>
    addStateOptions(policy.command(name).summary(summary).description(description));

  stored('list', 'list the policies', 'Lists what became the policy and when, the latest last.')
    .option('--json', 'print them as JSON')
    .action((options: StateOptions) => withState(() => list(options)));

  stored('show', 'show a policy', 'Shows which patches a policy has, in which mode, and why.')
    .argument('[version]', 'as in the list, or its beginning (default: the current one)')
    .option('--json', 'print it as JSON')
    .action((version: string | undefined, options: StateOptions) => withState(() => show(version, options)));

  stored('diff', 'compare two policies', 'Shows what the second policy has more, less or in another mode.')
    .argument('[from]', 'a version (default: the one before the current one)')
    .argument('[to]', 'a version (default: the current one)')
    .action((from: string | undefined, to: string | undefined, options: StateOptions) =>
      withState(() => diff(from, to, options)),
    );

  stored(
    'rollback',
    'return to an earlier policy',
    'Makes an earlier policy the current one again, until the next scan.',
  )
    .argument('[version]', 'a version (default: the one before the current one)')
    .action(async (version: string | undefined, options: StateOptions) => {
      if (withState(() => rollback(version, options))) process.stdout.write(await takePolicyOver(options));
    });

  registerPolicyPin(policy);
  registerPolicyReport(policy);
}

const storeOf = (options: StateOptions): PolicyStore => new PolicyStore(stateSettings(options).state.folder);

function list(options: StateOptions): void {
  const history = storeOf(options).history();
  const lines = history.map(({ timeMs, version, why }) => ({ time: new Date(timeMs).toISOString(), version, why }));
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(lines, null, 2)}\n`
      : table(
          lines.map(({ time, version, why }, at) => [time, version, at === lines.length - 1 ? 'current' : '', why]),
        ),
  );
}

function show(version: string | undefined, options: StateOptions): void {
  const policy = find(storeOf(options), version, 0);
  process.stdout.write(options.json === true ? `${JSON.stringify(policy, null, 2)}\n` : page(policy));
}

function page({ version, createdMs, preset, items, pins }: PatchPolicy): string {
  const off = Object.entries(pins).filter(([, mode]) => mode === 'off');
  const rows = [
    ...items.map(({ id, title, mode, because }) => [
      id,
      `${mode}${pins[id] === undefined ? '' : ', pinned'}`,
      because.join('; '),
      title,
    ]),
    ...off.map(([id]) => [id, 'off, pinned', '', '']),
  ];
  return `policy ${version} of ${new Date(createdMs).toISOString()}, preset ${preset}\n${table(rows)}`;
}

function diff(from: string | undefined, to: string | undefined, options: StateOptions): void {
  const store = storeOf(options);
  const old = find(store, from, 1);
  const now = find(store, to, 0);
  const modes = (policy: PatchPolicy): Map<string, string> => new Map(policy.items.map(({ id, mode }) => [id, mode]));
  const before = modes(old);
  const after = modes(now);
  const rows = [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((id) => {
    const [was, is] = [before.get(id), after.get(id)];
    if (was === is) return [];
    return [
      [
        was === undefined ? '+' : is === undefined ? '-' : '~',
        id,
        was === undefined || is === undefined ? '' : `${was} -> ${is}`,
      ],
    ];
  });
  process.stdout.write(`${old.version} -> ${now.version}\n${table(rows)}`);
}

/** False: it was in force already. */
function rollback(version: string | undefined, options: StateOptions): boolean {
  const store = storeOf(options);
  const policy = find(store, version, 1);
  const isNew = store.makeCurrent(policy.version, Date.now(), 'rollback');
  process.stdout.write(
    `policy ${policy.version} is ${isNew ? 'in force again' : 'in force already'}: ${policy.items.length} assigned\n`,
  );
  return isNew;
}

/** By the beginning of its version; without one, the current policy or the one `back` changes before it. */
function find(store: PolicyStore, version: string | undefined, back: number): PatchPolicy {
  const versions = store.history().map((line) => line.version);
  if (version === undefined) {
    const found = versions.at(-1 - back);
    if (found !== undefined) return store.read(found) ?? lost(found);
    throw new Failure(
      EXIT.usage,
      back === 0 ? 'there is no policy yet: "vpatch scan --apply" makes one' : 'there is no earlier policy',
    );
  }
  const matching = [...new Set(versions)].filter((known) => known.startsWith(version));
  if (matching.length === 1) return store.read(matching[0]!) ?? lost(matching[0]!);
  throw new Failure(
    EXIT.usage,
    `${matching.length === 0 ? 'no policy begins' : 'several policies begin'} with ${version}`,
  );
}

function lost(version: string): never {
  throw new Failure(EXIT.usage, `the files of policy ${version} are gone`);
}
