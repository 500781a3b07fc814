import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { reasonOf } from '../../config/problem.ts';
import { readCatalogue } from '../../patches/catalogue.ts';
import { APPLICATIONS } from '../../patches/description.ts';
import { freeSid, scaffold } from '../../patches/scaffold.ts';
import { EXIT, Failure } from '../failure.ts';
import { loadCatalogue } from './shipped.ts';

interface NewOptions {
  readonly software: string;
  readonly application: string;
  readonly into: string;
}

export function registerNew(patches: Command): void {
  patches
    .command('new')
    .summary('write the files that a new virtual patch begins with')
    .description(
      'Writes the files of a new patch: rules, description, an attack and two look-alikes. They are in the right form;\n' +
        '"FILL IN" marks what is to be written.',
    )
    .argument('<cve>', 'the weakness, such as CVE-2026-1234', cveId)
    .requiredOption('--software <name>', 'the folder below signatures/: the software that is protected', folderName)
    .addOption(
      new Option('--application <type>', 'type of the software').choices(APPLICATIONS).default('web-application'),
    )
    .option('--into <folder>', 'where signatures/ and fixtures/ are, or are to be', '.')
    .addHelpText('after', '\nExample:\n  vpatch patches new CVE-2026-1234 --software wiki --into ./my-patches')
    .action(writeNew);
}

function cveId(text: string): string {
  if (/^CVE-\d{4}-\d{4,}$/i.test(text)) return text.toUpperCase();
  throw new InvalidArgumentError('expected a CVE id such as CVE-2026-1234.');
}

function folderName(text: string): string {
  if (/^[a-z0-9][a-z0-9-]*$/.test(text)) return text;
  throw new InvalidArgumentError('expected lower case letters, digits and hyphens.');
}

function writeNew(cve: string, { software, application, into }: NewOptions): void {
  const shipped = loadCatalogue().patches;
  const known = shipped.find(({ description }) => description.cves.includes(cve));
  if (known !== undefined) throw new Failure(EXIT.usage, `there is a patch for ${cve} already: ${known.id}`);
  const signatures = join(into, 'signatures');
  const own = existsSync(signatures) ? readCatalogue(signatures).patches : [];
  const files = scaffold({ cve, software, application, sid: freeSid([...shipped, ...own]) });
  try {
    for (const [name, text] of files) {
      const path = join(into, name);
      mkdirSync(dirname(path), { recursive: true });
      // What is there is somebody's work.
      writeFileSync(path, text, { flag: 'wx' });
      process.stdout.write(`${path}\n`);
    }
  } catch (error) {
    if (!(error instanceof Error && 'path' in error)) throw error;
    throw new Failure(EXIT.usage, `${String(error.path)} cannot be written: ${reasonOf(error)}`);
  }
  process.stdout.write(`Write what "FILL IN" marks, then: vpatch patches test ${into === '.' ? './' : into}\n`);
}
