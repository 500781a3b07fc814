import type { BufferChoice } from './draft.ts';
import { keywordFamilies } from './keywords/index.ts';
import { SURICATA_KEYWORDS } from './known-names.ts';

/** The keyword reference: one table for each family, then what Suricata 7 knows and vpatch does not yet. */
export function keywordReference(buffers: readonly BufferChoice[], format: 'markdown' | 'text'): string {
  const families = keywordFamilies(buffers);
  const supported = new Set(families.flatMap(({ keywords }) => keywords.flatMap((k) => [k.name, ...k.aliases])));
  const missing = [...SURICATA_KEYWORDS].filter((name) => !supported.has(name)).sort();
  const sections = families.map(({ title, keywords }) => {
    const rows = keywords.map(({ name, aliases, summary, example }) => ({
      name: [name, ...aliases].join(', '),
      summary,
      example,
    }));
    return format === 'markdown' ? markdownTable(title, rows) : textTable(title, rows);
  });
  const list = missing.join(', ');
  sections.push(
    format === 'markdown'
      ? `## Not supported yet\n\nSuricata 7 knows these; a rule that uses one is not loaded.\n\n${list}\n`
      : `Not supported yet\n  ${list}\n`,
  );
  return sections.join('\n');
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
