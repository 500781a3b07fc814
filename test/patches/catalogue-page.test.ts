import { expect, test } from 'vitest';
import type { Affected, AffectedRange } from '../../src/patches/affected.ts';
import { type Patch, readCatalogue } from '../../src/patches/catalogue.ts';
import { PRESETS } from '../../src/patches/description.ts';
import { transcriptsIn } from '../../src/patches/transcript.ts';

const INTRODUCTION = `# The catalogue of virtual patches

Every virtual patch that vpatch ships: what it stops, and what it leaves open. [patches.md](patches.md) says what a patch
consists of. This page is made from the files in \`signatures/\`, by \`make docs\`; \`vpatch patches show ID\` shows the same
with the rules.`;

const { patches } = readCatalogue('signatures');
const pages = transcriptsIn('fixtures/patches');

test('docs/catalogue.md says what is in signatures/', async () => {
  const parts = [INTRODUCTION, summary(), '## Index', index(), '## Patches', ...patches.map(section)];
  await expect(`${parts.join('\n\n')}\n`).toMatchFileSnapshot('../../docs/catalogue.md');
});

function summary(): string {
  const rules = patches.reduce((count, patch) => count + patch.rules.length, 0);
  const attacks = pages.filter((page) => page.kind === 'attack').length;
  const cves = new Set(patches.flatMap((patch) => patch.description.cves)).size;
  const presets = PRESETS.map((preset) => {
    const count = patches.filter((patch) => patch.description.presets.includes(preset)).length;
    return `${count} in \`${preset}\``;
  });
  return [
    `${patches.length} patches with ${rules} rules for ${cves} CVEs; ${presets.join(', ')}.`,
    `${attacks} attacks and ${pages.length - attacks} look-alikes are played into the pipeline by the tests.`,
  ].join('\n');
}

function index(): string {
  const rows = patches.map(({ id, software, description }) => [
    software,
    `[${id}](#${id})`,
    description.cvss.toFixed(1),
    description.presets[0]!,
    description.title,
  ]);
  return table(['software', 'patch', 'CVSS', 'from preset', 'weakness'], rows);
}

function section({ id, software, description, rules }: Patch): string {
  const { title, cves, cvss, exploited, application, presets, decision } = description;
  const sids = rules.map(({ sid }) => sid);
  return [
    `### ${id}`,
    `**${title}** (${software}, ${application})`,
    description.summary,
    [
      `- CVEs: ${cves.join(', ')}; CVSS ${cvss.toFixed(1)}; ${exploited ? 'attackers use it' : 'no attack is known'}`,
      `- presets: ${presets.join(', ')}; signatures: ${sids.join(', ')}`,
      ...(decision === undefined ? [] : [`- to be decided by a person: ${decision}`]),
      ...description.covers.map((text) => `- covers ${text}`),
      ...description.not_covered.map((text) => `- not covered: ${text}`),
      `- affected: ${description.affected.map(affectedText).join('; ')}`,
      ...description.references.map((address) => `- <${address}>`),
    ].join('\n'),
  ].join('\n\n');
}

const affectedText = ({ package: { ecosystem, name }, ranges, versions }: Affected): string =>
  `\`${name}\` (${ecosystem}) ${[...ranges.map(rangeText), ...versions].join(', ')}`;

/** `introduced: "0"` is before every version. */
function rangeText({ events }: AffectedRange): string {
  const words = events.map((event) => {
    if ('introduced' in event) return event.introduced === '0' ? '' : `from ${event.introduced}`;
    return 'fixed' in event ? `before ${event.fixed}` : `up to ${event.last_affected}`;
  });
  return words.filter((word) => word !== '').join(' ') || 'all versions';
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n');

const cell = (text: string): string => text.replaceAll('|', '\\|');
