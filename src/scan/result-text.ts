import { counted } from '../base/counted.ts';
import type { Finding } from './findings.ts';
import type { Recommendation } from './recommend.ts';
import type { ScanResult } from './scan.ts';
import type { ScanChanges } from './scan-changes.ts';

/** Cells of a row, and what belongs under it. */
export interface ResultRow {
  readonly cells: readonly string[];
  readonly details: readonly string[];
}

/** The result for people, without its layout. */
export function findingRow(finding: Finding): ResultRow {
  const { cves, component, fixed, cvss, isExploited, enrichment, isConfirmed, exposure, patches } = finding;
  return {
    cells: [
      cves[0]!,
      cvss === null ? '   -' : cvss.toFixed(1).padStart(4),
      isExploited ? 'exploited' : '',
      `${component.name} ${component.version}`,
      fixed === null ? 'no fix known' : `fixed in ${fixed}`,
      patches.length === 0 ? 'NO PATCH' : patches.join(', '),
    ],
    details: [
      placeOf(finding),
      ...(cves.length > 1 ? [`also ${cves.slice(1).join(', ')}`] : []),
      ...(enrichmentText(enrichment) === '' ? [] : [enrichmentText(enrichment)]),
      ...(exposureText(exposure) === '' ? [] : [exposureText(exposure)]),
      ...(isConfirmed ? [] : ['unconfirmed: upstream says so; nothing is known of what the distribution has mended']),
    ],
  };
}

const placeOf = ({ component: { path, from, ecosystem } }: Finding): string =>
  path === null ? `${ecosystem}: ${from.join(', ')}` : `${path} (${from.join(', ')})`;

function enrichmentText(enrichment: Finding['enrichment']): string {
  if (enrichment === null) return '';
  const { kevAdded, isRansomware, epss } = enrichment;
  return [
    ...(kevAdded === null
      ? []
      : [`in CISA's catalogue since ${kevAdded}${isRansomware ? ', used for ransomware' : ''}`]),
    ...(epss === null ? [] : [`${(epss * 100).toFixed(1)} % likely to be used within 30 days (EPSS)`]),
  ].join('; ');
}

function exposureText({ state, processes, listeners }: Finding['exposure']): string {
  if (state === 'unknown') return '';
  if (state === 'idle') return 'nothing that listens uses it now';
  const names = [...new Set(processes.map(({ name, pid }) => `${name} (${pid})`))].join(', ');
  const ports = listeners.map(({ protocol, port, isLocal }) => `${protocol} ${port}${isLocal ? ' on this host' : ''}`);
  return `${names} listens on ${ports.join(', ')}`;
}

/** What was looked at, and how much of what was found. */
export function summaryLines({ inventory, findings, recommendations, durationMs }: ScanResult): string[] {
  const { system, packages, components, files } = inventory;
  const software = components.filter(({ path }) => path !== null).length;
  const gaps = new Set(findings.filter(({ patches }) => patches.length === 0).flatMap(({ cves }) => cves)).size;
  return [
    `${system.name === '' ? 'an unknown system' : system.name}: ${counted(packages, 'package')}, ${counted(software, 'other component')} in ${counted(files, 'file')}, ${(durationMs / 1000).toFixed(1)} s`,
    `${counted(findings.length, 'weakness')} found, ${counted(recommendations.length, 'patch')} recommended, ${gaps} without a patch`,
  ];
}

/** `isNew`: the last scan has not recommended it. */
export function recommendationRow(
  { offer: { id, title }, decision, findings }: Recommendation,
  isNew: boolean,
): ResultRow {
  const names = [...new Set(findings.map(({ component }) => `${component.name} ${component.version}`))];
  return {
    cells: [id, isNew ? 'new' : 'kept', decision === null ? 'recommended' : 'decide', names.join(', '), title],
    details: decision === null ? [] : [decision],
  };
}

export const removedRow = ({ id, title, why }: ScanChanges['removed'][number]): ResultRow => ({
  cells: [id, 'not needed', '', '', title],
  details: [why],
});
