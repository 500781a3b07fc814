import { type Command, Option } from 'commander';
import { counted } from '../../base/counted.ts';
import type { Patch } from '../../patches/catalogue.ts';
import { APPLICATIONS, PRESETS, type Preset } from '../../patches/description.ts';
import { table } from '../table.ts';
import { asJson, loadCatalogue } from './shipped.ts';

interface ListOptions {
  readonly application?: string;
  readonly cve?: string;
  readonly preset?: Preset;
  readonly json?: boolean;
}

export function registerList(patches: Command): void {
  patches
    .command('list')
    .summary('list the virtual patches')
    .description('Lists the virtual patches: id, CVSS, whether attackers are known to use it, rules, software, title.')
    .argument('[text]', 'only those that have this text in their id, software, title or summary')
    .addOption(
      new Option(
        '--application <name>',
        `only those for this software, or this type of it: ${APPLICATIONS.join(', ')}`,
      ),
    )
    .option('--cve <id>', 'only those for this CVE')
    .addOption(new Option('--preset <name>', 'only those of this preset').choices(PRESETS))
    .option('--json', 'print the patches as JSON')
    .addHelpText('after', '\nExample:\n  vpatch patches list --application web-server --preset balanced')
    .action(list);
}

function list(text: string | undefined, options: ListOptions): void {
  const chosen = loadCatalogue().patches.filter((patch) => isWanted(patch, text, options));
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(chosen.map(asJson), null, 2)}\n`
      : `${table(chosen.map(rowOf))}${counted(chosen.length, 'patch')}\n`,
  );
}

function isWanted({ id, software, description }: Patch, text: string | undefined, options: ListOptions): boolean {
  const { application, cve, preset } = options;
  if (application !== undefined && ![software, description.application].includes(application)) return false;
  if (cve !== undefined && !description.cves.includes(cve.toUpperCase())) return false;
  if (preset !== undefined && !description.presets.includes(preset)) return false;
  if (text === undefined) return true;
  const { title, summary } = description;
  return [id, software, title, summary].some((part) => part.toLowerCase().includes(text.toLowerCase()));
}

const rowOf = ({ id, software, description, rules }: Patch): string[] => [
  id,
  description.cvss.toFixed(1).padStart(4),
  description.exploited ? 'exploited' : '',
  counted(rules.length, 'rule'),
  software,
  description.title,
];
