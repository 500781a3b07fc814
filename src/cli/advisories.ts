import type { Command } from 'commander';
import { reasonOf } from '../config/problem.ts';
import { ImportError, importAdvisories } from '../scan/advisories/import.ts';
import { AdvisoryStore } from '../scan/advisories/store.ts';
import { EXIT, Failure } from './failure.ts';
import { type SetupOptions, stateSettings, withState } from './scan-setup.ts';
import { table } from './table.ts';

type StoreOptions = Pick<SetupOptions, 'config' | 'state'> & { readonly json?: boolean };

export function registerAdvisories(program: Command): void {
  const advisories = program
    .command('advisories')
    .summary('what is known of weaknesses, for the scan')
    .description('Advisories beside those that the patches bring: imported once, kept compactly, used by every scan.');
  const stored = (name: string): Command =>
    advisories
      .command(name)
      .option('-c, --config <file>', 'configuration (default: /etc/vpatch/vpatch.yaml if it is there)')
      .option('--state <folder>', 'where advisories are kept (default: /var/lib/vpatch)');

  stored('import')
    .summary('import advisories')
    .description(
      'Imports files, folders of JSON files, or https addresses: OSV (JSON, or a zip of it), the JSON of the Debian\n' +
        'Security Tracker, CSAF and VEX of Red Hat, the KEV catalogue of CISA, EPSS (CSV). Each may be packed by gzip.\n' +
        'An earlier import of the same name is replaced.',
    )
    .argument('<file...>', 'files, folders or https addresses')
    .addHelpText(
      'after',
      '\nExample:\n  sudo vpatch advisories import debian-tracker.json known_exploited_vulnerabilities.json',
    )
    .action(importAll);

  stored('list')
    .summary('list what was imported')
    .description('Lists what was imported: name, records, time, origin.')
    .option('--json', 'print it as JSON')
    .action((options: StoreOptions) => withState(() => list(options)));

  stored('remove')
    .summary('remove an import')
    .description('Removes what was imported under a name.')
    .argument('<name>', 'as in the list')
    .action((name: string, options: StoreOptions) => withState(() => remove(name, options)));
}

const storeOf = (options: StoreOptions): AdvisoryStore => new AdvisoryStore(stateSettings(options).state.folder);

async function importAll(files: readonly string[], options: StoreOptions): Promise<void> {
  const store = storeOf(options);
  for (const file of files) {
    try {
      const { name, records } = await importAdvisories(store, file, Date.now());
      process.stdout.write(`${name}: ${records} records\n`);
    } catch (error) {
      if (error instanceof ImportError) throw new Failure(EXIT.problem, `${file}: ${error.message}`);
      if (error instanceof Error && 'code' in error) throw new Failure(EXIT.usage, `${file}: ${reasonOf(error)}`);
      throw error;
    }
  }
}

function list(options: StoreOptions): void {
  const imports = storeOf(options).list();
  const rows = imports.map(({ name, records, importedMs, origin }) => [
    name,
    String(records).padStart(8),
    new Date(importedMs).toISOString(),
    origin,
  ]);
  process.stdout.write(options.json === true ? `${JSON.stringify(imports, null, 2)}\n` : table(rows));
}

function remove(name: string, options: StoreOptions): void {
  const store = storeOf(options);
  if (!store.list().some((known) => known.name === name)) {
    throw new Failure(EXIT.usage, `nothing was imported as ${name}: "vpatch advisories list" lists what was`);
  }
  store.remove(name);
}
