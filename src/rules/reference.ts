import type { BufferChoice } from './draft.ts';
import { keywordFamilies } from './keywords/index.ts';
import { LATER_KEYWORDS, SURICATA_KEYWORDS, whyUnsupported } from './known-names.ts';

/** The keyword reference: one table for each family, then what Suricata knows and vpatch does not, with the reason. */
export function keywordReference(buffers: readonly BufferChoice[], format: 'markdown' | 'text'): string {
  const families = keywordFamilies(buffers);
  const supported = new Set(families.flatMap(({ keywords }) => keywords.flatMap((k) => [k.name, ...k.aliases])));
  const missing = [...SURICATA_KEYWORDS, ...LATER_KEYWORDS].filter((name) => !supported.has(name)).sort();
  const sections = families.map(({ title, keywords }) => {
    const rows = keywords.map(({ name, aliases, summary, difference, example }) => ({
      name: [name, ...aliases].join(', '),
      summary: difference === null ? summary : `${summary}. Unlike Suricata: ${difference}`,
      example,
    }));
    return format === 'markdown' ? markdownTable(title, rows) : textTable(title, rows);
  });
  sections.push(format === 'markdown' ? missingAsMarkdown(missing) : `Not supported\n  ${missing.join(', ')}\n`);
  return sections.join('\n');
}

function missingAsMarkdown(missing: readonly string[]): string {
  const rows = missing.map((name) => `| ${name} | ${escaped(whyUnsupported(name)!.replace(`${name} `, ''))} |`);
  return [
    '## Not supported',
    '',
    'A rule that uses one of these is not loaded, and the reason is told; the other rules are.',
    '',
    '| keyword | why |',
    '|---|---|',
    ...rows,
    '',
  ].join('\n');
}

interface Row {
  readonly name: string;
  readonly summary: string;
  readonly example: string;
}

function markdownTable(title: string, rows: readonly Row[]): string {
  const lines = rows.map(
    ({ name, summary, example }) => `| ${escaped(name)} | ${escaped(summary)} | \`${escaped(example)}\` |`,
  );
  return [`## ${title}`, '', '| keyword | meaning | example |', '|---|---|---|', ...lines, ''].join('\n');
}

const escaped = (text: string): string => text.replaceAll('|', '\\|');

function textTable(title: string, rows: readonly Row[]): string {
  const width = Math.max(0, ...rows.map(({ name }) => name.length));
  const lines = rows.map(
    ({ name, summary, example }) => `  ${name.padEnd(width)}  ${summary}\n  ${' '.repeat(width)}  ${example}`,
  );
  return [title, ...lines, ''].join('\n');
}
