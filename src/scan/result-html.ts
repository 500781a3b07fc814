import type { Finding } from './findings.ts';
import { findingRow, type ResultRow, recommendationRow, removedRow, summaryLines } from './result-text.ts';
import type { ScanResult } from './scan.ts';
import type { ScanChanges } from './scan-changes.ts';

/**
 * The result as one page that needs nothing else: no script, no address. Everything in it that was found (names, paths,
 * versions) was chosen by somebody else, and is escaped.
 */
export function resultAsHtml(result: ScanResult, changes: ScanChanges): string {
  const { inventory, findings, recommendations, startedMs } = result;
  const title = `vpatch scan of ${inventory.root === '/' ? 'this host' : inventory.root}`;
  const recommended = recommendations.map((item) => recommendationRow(item, changes.added.includes(item.offer.id)));
  return [
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><style>${STYLE}</style></head><body>`,
    `<h1>${escaped(title)}</h1><p>${escaped(new Date(startedMs).toISOString())}</p>`,
    ...summaryLines(result).map((line) => `<p>${escaped(line)}</p>`),
    '<div class="charts">',
    barChart('Weaknesses by urgency', urgencyBars(findings)),
    barChart('Weaknesses by what stops their use', coverageBars(result)),
    barChart('Weaknesses by where they are', ecosystemBars(findings)),
    '</div>',
    table('Weaknesses', ['CVE', 'CVSS', '', 'Software', 'Fix', 'Patch'], findings.map(findingRow)),
    table(
      'Patches',
      ['Patch', 'Since the last scan', '', 'For', 'Title'],
      [...recommended, ...changes.removed.map(removedRow)],
    ),
    ...inventory.notes.map((note) => `<p class="note">${escaped(note)}</p>`),
    '</body></html>\n',
  ].join('\n');
}

export const escaped = (text: string): string =>
  text
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '\ufffd');

function table(title: string, heads: readonly string[], rows: readonly ResultRow[]): string {
  if (rows.length === 0) return `<h2>${title}</h2><p>None.</p>`;
  const head = heads.map((text) => `<th>${escaped(text)}</th>`).join('');
  const body = rows.map(({ cells, details }) => {
    const under = details.map(escaped).join('<br>');
    const line = cells
      .map((cell) => `<td${cell === 'NO PATCH' ? ' class="gap"' : ''}>${escaped(cell.trim())}</td>`)
      .join('');
    return `<tr>${line}</tr>${under === '' ? '' : `<tr class="under"><td colspan="${heads.length}">${under}</td></tr>`}`;
  });
  return `<h2>${title}</h2><table><thead><tr>${head}</tr></thead><tbody>\n${body.join('\n')}\n</tbody></table>`;
}

interface Bar {
  readonly label: string;
  readonly count: number;
  readonly color: string;
}

const RED = '#b3261e';
const ORANGE = '#c77700';
const GREEN = '#2e7d32';
const GREY = '#6b7280';

function urgencyBars(findings: readonly Finding[]): Bar[] {
  const isReachable = ({ exposure }: Finding): boolean => exposure.state === 'network' || exposure.state === 'unknown';
  const confirmed = findings.filter(({ isConfirmed }) => isConfirmed);
  const exploited = confirmed.filter((finding) => finding.isExploited);
  return [
    { label: 'exploited, reachable', count: exploited.filter(isReachable).length, color: RED },
    { label: 'exploited', count: exploited.filter((finding) => !isReachable(finding)).length, color: ORANGE },
    { label: 'other', count: confirmed.length - exploited.length, color: GREY },
    { label: 'unconfirmed', count: findings.length - confirmed.length, color: '#c4c8cf' },
  ];
}

function coverageBars({ findings, recommendations }: ScanResult): Bar[] {
  const applicable = new Set(recommendations.filter(({ decision }) => decision === null).map(({ offer }) => offer.id));
  const covered = findings.filter(({ patches }) => patches.some((id) => applicable.has(id))).length;
  const gaps = findings.filter(({ patches }) => patches.length === 0).length;
  return [
    { label: 'a patch', count: covered, color: GREEN },
    { label: 'a patch to decide on', count: findings.length - covered - gaps, color: ORANGE },
    { label: 'nothing', count: gaps, color: RED },
  ];
}

const MAX_ECOSYSTEMS = 6;

function ecosystemBars(findings: readonly Finding[]): Bar[] {
  const counts = new Map<string, number>();
  for (const { component } of findings) counts.set(component.ecosystem, (counts.get(component.ecosystem) ?? 0) + 1);
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  const rest = sorted.slice(MAX_ECOSYSTEMS).reduce((sum, [, count]) => sum + count, 0);
  const bars = sorted.slice(0, MAX_ECOSYSTEMS).map(([label, count]) => ({ label, count, color: GREY }));
  return rest === 0 ? bars : [...bars, { label: 'others', count: rest, color: GREY }];
}

const LABEL_WIDTH = 150;
const BAR_WIDTH = 180;
const ROW_HEIGHT = 24;

/** Horizontal bars, drawn here: a page that loads a library of charts would not be self-contained. */
function barChart(title: string, bars: readonly Bar[]): string {
  const most = Math.max(1, ...bars.map(({ count }) => count));
  const rows = bars.map(({ label, count, color }, at) => {
    const y = at * ROW_HEIGHT;
    const width = Math.round((count / most) * BAR_WIDTH);
    return [
      `<text x="0" y="${y + 16}">${escaped(label)}</text>`,
      `<rect x="${LABEL_WIDTH}" y="${y + 4}" width="${width}" height="${ROW_HEIGHT - 8}" fill="${color}"/>`,
      `<text x="${LABEL_WIDTH + width + 6}" y="${y + 16}">${count}</text>`,
    ].join('');
  });
  const [width, height] = [LABEL_WIDTH + BAR_WIDTH + 50, Math.max(1, bars.length) * ROW_HEIGHT];
  return `<figure><figcaption>${title}</figcaption><svg role="img" aria-label="${title}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${rows.join('')}</svg></figure>`;
}

const STYLE = [
  'body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1f2937;background:#fff}',
  'h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}',
  '.charts{display:flex;flex-wrap:wrap;gap:2rem}figure{margin:0}figcaption{font-weight:600;margin-bottom:.4rem}',
  'svg text{font:12px system-ui,sans-serif;fill:#1f2937}',
  'table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;vertical-align:top}',
  'tbody tr:not(.under) td{border-top:1px solid #d1d5db}.under td{color:#4b5563;font-size:.9em;padding-left:1.6rem;overflow-wrap:anywhere}',
  `.gap{color:${RED};font-weight:600}.note{color:#4b5563}`,
].join('\n');
