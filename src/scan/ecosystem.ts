/** `Debian` of `Debian:11`. */
export const familyOf = (ecosystem: string): string => ecosystem.split(':', 1)[0]!;

/**
 * Whether an advisory for `advised` is about packages of `installed`. An advisory without a release is about all of
 * them; one for `Red Hat:enterprise_linux:9::appstream` is about `Red Hat:enterprise_linux:9`.
 */
export function isAbout(advised: string, installed: string): boolean {
  const about = withoutSupport(advised);
  const host = withoutSupport(installed);
  return about === host || about === familyOf(host) || about.startsWith(`${host}:`);
}

/** Ubuntu's releases are the same with long or extended support; `Ubuntu:Pro:18.04:LTS` is 18.04. */
const withoutSupport = (ecosystem: string): string =>
  ecosystem.startsWith('Ubuntu:') ? ecosystem.replace(/:(?:Pro|LTS)\b(?::[A-Z][\w-]*(?=:))?/g, '') : ecosystem;

/** Advisories of these speak of a distribution's packages, whose numbers stay while they are mended. */
export const isDistribution = (ecosystem: string): boolean => DISTRIBUTIONS.has(familyOf(ecosystem));

const DISTRIBUTIONS: ReadonlySet<string> = new Set([
  ...['Debian', 'Ubuntu', 'Alpine', 'AlmaLinux', 'Rocky Linux', 'Red Hat', 'Fedora', 'Amazon Linux', 'Oracle Linux'],
  ...['SUSE', 'openSUSE', 'Photon OS', 'openEuler', 'Mageia', 'Azure Linux', 'Chainguard', 'Wolfi'],
]);

/** What upstream calls the software of a distribution's package, where images and advisories have another name. */
export function upstreamName(source: string): string {
  const name = source.toLowerCase().replace(/(?<=[a-z])[\d.]+$/, '');
  return UPSTREAM_NAMES.get(source.toLowerCase()) ?? UPSTREAM_NAMES.get(name) ?? name;
}

const UPSTREAM_NAMES: ReadonlyMap<string, string> = new Map([
  ['apache2', 'apache'],
  ['httpd', 'apache'],
  ['cups-filters', 'cups-browsed'],
  ['exim4', 'exim'],
  ['gitlab-ce', 'gitlab'],
  ['gitlab-ee', 'gitlab'],
  ['grafana-enterprise', 'grafana'],
  ['jenkins-lts', 'jenkins'],
  ['mongodb-org-server', 'mongodb'],
  ['proftpd-dfsg', 'proftpd'],
]);

/** `5:6.0.16-1+deb11u2` is 6.0.16. */
export const upstreamVersion = (version: string): string =>
  version
    .replace(/^\d+:/, '')
    .replace(/-[^-]*$/, '')
    .replace(/[+~](?:dfsg|ds|repack|really).*$/, '');
