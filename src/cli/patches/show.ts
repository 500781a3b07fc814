import type { Command } from 'commander';
import type { Patch } from '../../patches/catalogue.ts';
import { table } from '../table.ts';
import { asJson, loadCatalogue, patchNamed } from './shipped.ts';

export function registerShow(patches: Command): void {
  patches
    .command('show')
    .summary('show one virtual patch')
    .description('Shows what a virtual patch is for, what it stops and what it does not, and its rules.')
    .argument('<id>', 'as in the list, or a CVE')
    .option('--json', 'print the patch as JSON')
    .addHelpText('after', '\nExample:\n  vpatch patches show cve-2021-44228')
    .action(show);
}

function show(id: string, { json }: { json?: boolean }): void {
  const patch = patchNamed(loadCatalogue(), id);
  process.stdout.write(json === true ? `${JSON.stringify(asJson(patch), null, 2)}\n` : page(patch));
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
