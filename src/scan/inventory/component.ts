/** Something installed that has a name and a version in an ecosystem of OSV, and so can be affected. */
export interface Component {
  /** `Debian:11`, `Maven`, `Bitnami` ... */
  readonly ecosystem: string;
  /** As advisories of the ecosystem call it: for dpkg and apk that is the source package. */
  readonly name: string;
  readonly version: string;
  /**
   * Where it was found, within the root; of a jar in a jar, both with `!` between. Null: a package's files are many.
   */
  readonly path: string | null;
  /** The installed packages that were built from it; for what has no package manager, what told of it. */
  readonly from: readonly string[];
  /** The package manager's package that its files belong to, and whether that is the distribution's own. */
  readonly owner: Owner | null;
}

export interface Owner {
  readonly name: string;
  readonly source: string;
  /** False: of another maker's repository, about which the distribution says nothing. */
  readonly isDistribution: boolean;
}

/** A package as its package manager has it. */
export interface InstalledPackage {
  readonly name: string;
  readonly source: string;
  /** Of the source. */
  readonly version: string;
  readonly isDistribution: boolean;
}

export interface PackageDatabase {
  readonly manager: 'dpkg' | 'rpm' | 'apk';
  readonly packages: readonly InstalledPackage[];
  /** The file that could not be read whole: packages may be missing. Null: all are known. */
  readonly damaged: string | null;
  /** Which package each of these paths belongs to; those of none are left out. */
  ownersOf(paths: ReadonlySet<string>): ReadonlyMap<string, InstalledPackage>;
}
