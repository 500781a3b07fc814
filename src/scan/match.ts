import type { Advisory, AdvisorySource } from './advisory.ts';
import { stateOf } from './affected.ts';
import { familyOf, isAbout, isDistribution, upstreamName, upstreamVersion } from './ecosystem.ts';
import type { Component } from './inventory/component.ts';
import { WITHOUT_JNDI } from './inventory/jar-facts.ts';
import { versionOrder } from './versions/index.ts';

/** A component that has a weakness. */
export interface AffectedComponent {
  readonly component: Component;
  readonly advisory: Advisory;
  /** All weaknesses that the advisory speaks of. */
  readonly cves: readonly string[];
  readonly fixed: string | null;
  /**
   * False: upstream says so of the version number, and of the distribution's package, which may have been mended
   * under its old number, nobody says anything.
   */
  readonly isConfirmed: boolean;
}

/** A statement about one component and weakness. */
interface Statement {
  readonly advisory: Advisory;
  readonly isAffected: boolean;
  readonly fixed: string | null;
}

/**
 * Compares components with advisories. What a distribution says of its package counts more than what upstream says of
 * the version number. Sources are in the order of their weight: the first that speaks of a weakness is believed.
 */
export function match(components: readonly Component[], sources: readonly AdvisorySource[]): AffectedComponent[] {
  const ofPackages = new Map<Component, ReadonlyMap<string, Statement>>();
  const ofSources = new Map<string, ReadonlyMap<string, Statement>[]>();
  for (const component of components) {
    if (!isDistribution(component.ecosystem)) continue;
    const said = statementsOn(component, component.ecosystem, sources);
    ofPackages.set(component, said);
    ofSources.set(component.name, [...(ofSources.get(component.name) ?? []), said]);
  }
  const ecosystem = components.find((component) => isDistribution(component.ecosystem))?.ecosystem ?? null;
  const isSilenceKnown = ecosystem !== null && sources.some((source) => source.isComplete(ecosystem));
  return components.flatMap((component) => {
    const { owner } = component;
    const said = ofPackages.get(component);
    if (said !== undefined) {
      const direct = matchesOf(component, said, true);
      if (isSilenceKnown && owner?.isDistribution === true) return direct;
      const upstream = statementsOn(asUpstream(component), 'Bitnami', sources);
      const unsaid = new Map([...upstream].filter(([cve]) => !said.has(cve)));
      return [...direct, ...matchesOf(component, unsaid, owner?.isDistribution !== true)];
    }
    const statements = statementsOn(component, component.ecosystem, sources);
    if (owner?.isDistribution !== true) return matchesOf(component, statements, true);
    // The package that it belongs to speaks for it.
    if (isSilenceKnown) return [];
    const spoken = ofSources.get(owner.source) ?? [];
    const unsaid = new Map([...statements].filter(([cve]) => !spoken.some((said) => said.has(cve))));
    return matchesOf(component, unsaid, false);
  });
}

const asUpstream = (component: Component): Component => ({
  ...component,
  name: upstreamName(component.name),
  version: upstreamVersion(component.version),
});

/** By CVE. The first source that speaks of one decides. */
function statementsOn(
  component: Component,
  ecosystem: string,
  sources: readonly AdvisorySource[],
): Map<string, Statement> {
  const statements = new Map<string, Statement>();
  for (const source of sources) {
    const found = new Map<string, Statement>();
    for (const advisory of source.about(familyOf(ecosystem), component.name)) {
      const statement = isAbout(advisory.affected.package.ecosystem, ecosystem)
        ? judge(component, ecosystem, advisory)
        : null;
      if (statement === null) continue;
      for (const cve of advisory.cves) {
        if (isMended(component, cve)) continue;
        const other = found.get(cve);
        if (other === undefined || isStronger(statement, other)) found.set(cve, statement);
      }
    }
    for (const [cve, statement] of found) if (!statements.has(cve)) statements.set(cve, statement);
  }
  return statements;
}

function judge(component: Component, ecosystem: string, advisory: Advisory): Statement | null {
  const state = stateOf(component.version, advisory.affected, versionOrder(ecosystem));
  return state === null ? null : { advisory, ...state };
}

/**
 * Several entries of one source on a package are branches of it (1.x and 2.x), of which one that has the version is
 * right. Ubuntu's entries for extended support have fixes that those without it do not know.
 */
function isStronger(a: Statement, b: Statement): boolean {
  const isPro = (statement: Statement): boolean => statement.advisory.affected.package.ecosystem.includes(':Pro:');
  if (isPro(a) !== isPro(b)) return isPro(a) ? !a.isAffected : b.isAffected;
  return a.isAffected && !b.isAffected;
}

/** Whoever removed the class that looks things up has closed these two, and no other. */
const isMended = ({ from }: Component, cve: string): boolean =>
  from.includes(WITHOUT_JNDI) && (cve === 'CVE-2021-44228' || cve === 'CVE-2021-45046');

/** One for each advisory. */
function matchesOf(
  component: Component,
  statements: ReadonlyMap<string, Statement>,
  isConfirmed: boolean,
): AffectedComponent[] {
  const byAdvisory = new Map<Advisory, string[]>();
  for (const [cve, { advisory, isAffected }] of statements) {
    if (isAffected) byAdvisory.set(advisory, [...(byAdvisory.get(advisory) ?? []), cve]);
  }
  return [...byAdvisory].map(([advisory, cves]) => ({
    component,
    advisory,
    cves,
    fixed: statements.get(cves[0]!)!.fixed,
    isConfirmed,
  }));
}
