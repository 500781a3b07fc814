import { type Command, Option } from 'commander';
import { formatProblem } from '../config/problem.ts';
import { withoutControls } from '../output/log.ts';
import { type Catalogue, type Patch, readCatalogue } from '../patches/catalogue.ts';
import { APPLICATIONS, PRESETS, type Preset } from '../patches/description.ts';
import { nearestName } from '../rules/nearest-name.ts';
import { EXIT, Failure } from './failure.ts';
import { table } from './table.ts';

interface ListOptions {
  readonly application?: string;
  readonly cve?: string;
  readonly preset?: Preset;
  readonly json?: boolean;
}

export function registerPatches(program: Command): void {
  const patches = program
    .command('patches')
    .summary('list and show the virtual patches')
    .description('The virtual patches that come with vpatch: for which weaknesses, and how far each goes.');

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

  patches
    .command('show')
    .summary('show one virtual patch')
    .description('Shows what a virtual patch is for, what it stops and what it does not, and its rules.')
    .argument('<id>', 'as in the list, or a CVE')
    .option('--json', 'print the patch as JSON')
    .addHelpText('after', '\nExample:\n  vpatch patches show cve-2021-44228')
    .action(show);
}

/** The shipped patches. A broken one is told, and costs none of the others. */
export function loadCatalogue(): Catalogue {
  const catalogue = readCatalogue();
  for (const problem of catalogue.problems) {
    process.stderr.write(`vpatch: ${withoutControls(formatProblem(problem))}\n`);
  }
  return catalogue;
}

function list(text: string | undefined, options: ListOptions): void {
  const chosen = loadCatalogue().patches.filter((patch) => isWanted(patch, text, options));
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(chosen.map(asJson), null, 2)}\n`
      : `${table(chosen.map(rowOf))}${chosen.length} ${chosen.length === 1 ? 'patch' : 'patches'}\n`,
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
  `${rules.length} ${rules.length === 1 ? 'rule' : 'rules'}`,
  software,
  description.title,
];

const asJson = ({ id, software, description, rules, rulesFile }: Patch): object => ({
  id,
  software,
  ...description,
  rules: rules.map(({ sid, rev, action, message }) => ({ sid, rev, action, message })),
  rules_file: rulesFile,
});

function show(id: string, { json }: { json?: boolean }): void {
  const patch = patchNamed(loadCatalogue(), id);
  process.stdout.write(json === true ? `${JSON.stringify(asJson(patch), null, 2)}\n` : page(patch));
}

/** By id or by any of its CVEs, in any case of letters. */
export function patchNamed({ patches }: Catalogue, name: string): Patch {
  const wanted = name.toLowerCase();
  const found = patches.find(
    ({ id, description }) => id === wanted || description.cves.some((cve) => cve.toLowerCase() === wanted),
  );
  if (found !== undefined) return found;
  const near = nearestName(
    wanted,
    patches.map(({ id }) => id),
  );
  throw new Failure(EXIT.usage, `there is no patch ${name}${near === null ? '' : `; did you mean ${near}?`}`);
}

function page({ id, software, description, rules, rulesFile }: Patch): string {
  const { title, cves, cvss, exploited, application, summary, presets, decision } = description;
  const facts = table([
    ['Weakness', cves.join(', ')],
    ['CVSS', `${cvss.toFixed(1)}${exploited ? ', attackers are known to use it' : ''}`],
    ['Software', `${software} (${application})`],
    ['Presets', presets.join(', ')],
    ...(decision === undefined ? [] : [['Decide', decision]]),
    ['Rules', rulesFile],
  ]);
  const sections: [string, readonly string[]][] = [
    ['Stops', description.covers],
    ['Does not stop', description.not_covered],
    ['Affected', description.affected.map(affectedLine)],
    ['Rules', rules.map(({ sid, rev, action, message }) => `1:${sid}:${rev} ${action} ${message}`)],
    ['References', description.references],
  ];
  const lists = sections.map(([name, items]) => `\n${name}\n${items.map((item) => `  - ${item}\n`).join('')}`);
  return `${id}: ${title}\n\n${facts}\n${summary}\n${lists.join('')}`;
}

function affectedLine({
  package: { ecosystem, name },
  ranges,
  versions,
}: Patch['description']['affected'][number]): string {
  const spans = ranges.map(({ events }) => events.map((event) => Object.entries(event)[0]!.join(' ')).join(', '));
  return `${name} (${ecosystem}): ${[...spans, ...versions].join('; ')}`;
}
