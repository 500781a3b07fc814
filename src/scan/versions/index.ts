import semver from 'semver';
import { compareApk } from './apk.ts';
import { compareComposer } from './composer.ts';
import { compareDpkg } from './dpkg.ts';
import { compareMaven } from './maven.ts';
import { comparePep440 } from './pep440.ts';
import { compareRpm } from './rpm.ts';
import { compareRubygems } from './rubygems.ts';
import { compareUpstream } from './upstream.ts';

/** Below 0 where `a` is older, above 0 where it is newer. Null where one of them is no version of this kind. */
export type CompareVersions = (a: string, b: string) => number | null;

/** How versions of an ecosystem of OSV compare; what follows a colon (`Debian:11`) is a release of it. */
export function versionOrder(ecosystem: string): CompareVersions {
  return ORDERS[ecosystem.split(':', 1)[0]!] ?? compareUpstream;
}

function compareSemver(a: string, b: string): number | null {
  const left = semver.parse(a, { loose: true });
  const right = semver.parse(b, { loose: true });
  if (left !== null && right !== null) return semver.compare(left, right);
  // 1.2 and 1.2.3.4 are no semantic versions; packages have them all the same.
  return /^v?\d/.test(a.trim()) && /^v?\d/.test(b.trim()) ? compareUpstream(a.trim(), b.trim()) : null;
}

const ORDERS: Readonly<Record<string, CompareVersions>> = {
  Debian: compareDpkg,
  Ubuntu: compareDpkg,
  AlmaLinux: compareRpm,
  'Amazon Linux': compareRpm,
  'Azure Linux': compareRpm,
  Fedora: compareRpm,
  Mageia: compareRpm,
  'Oracle Linux': compareRpm,
  'Photon OS': compareRpm,
  'Red Hat': compareRpm,
  'Rocky Linux': compareRpm,
  SUSE: compareRpm,
  openEuler: compareRpm,
  openSUSE: compareRpm,
  Alpine: compareApk,
  Chainguard: compareApk,
  Wolfi: compareApk,
  Go: compareSemver,
  'crates.io': compareSemver,
  npm: compareSemver,
  Maven: compareMaven,
  PyPI: comparePep440,
  RubyGems: compareRubygems,
  Packagist: compareComposer,
};
