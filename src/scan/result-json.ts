import type { Finding } from './findings.ts';
import type { ScanResult } from './scan.ts';
import type { ScanChanges } from './scan-changes.ts';

/** The result for programs. Keys stay as they are; new ones may come. docs/scan.md lists them. */
export function resultAsJson(result: ScanResult, changes: ScanChanges): object {
  const { startedMs, durationMs, preset, inventory, findings, recommendations } = result;
  const { root, isLive, system, components, packages, files, services, notes } = inventory;
  return {
    started: new Date(startedMs).toISOString(),
    seconds: durationMs / 1000,
    root,
    live: isLive,
    preset,
    system,
    inventory: {
      packages,
      software: components.filter(({ path }) => path !== null).length,
      files,
      listening: inventory.processes.map(({ pid, name, listeners }) => ({ pid, name, listeners })),
      services,
    },
    findings: findings.map(findingAsJson),
    recommendations: recommendations.map(({ offer: { id, title }, decision, findings: reasons }) => ({
      id,
      title,
      decision,
      since: changes.added.includes(id) ? 'new' : 'kept',
      because: reasons.map(({ cves, component }) => ({ cves, name: component.name, path: component.path })),
    })),
    removed: changes.removed,
    last_scan: changes.sinceMs === null ? null : new Date(changes.sinceMs).toISOString(),
    notes,
  };
}

const findingAsJson = (finding: Finding): object => {
  const { cves, title, component, advisory, fixed, isConfirmed, cvss, isExploited, enrichment, exposure, patches } =
    finding;
  const { ecosystem, name, version, path, from } = component;
  return {
    cves,
    title,
    package: { ecosystem, name, version, path, from },
    advisory,
    fixed,
    confirmed: isConfirmed,
    cvss,
    exploited: isExploited,
    kev: enrichment?.kevAdded ?? null,
    ransomware: enrichment?.isRansomware ?? null,
    epss: enrichment?.epss ?? null,
    exposure,
    patches,
  };
};
