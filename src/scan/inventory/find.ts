/** Something that a file tells: what is installed, and in which version. */
export interface Find {
  readonly ecosystem: string;
  readonly name: string;
  readonly version: string;
  /** Where, within the root. */
  readonly path: string;
  /** What told of it, for people: `pom.properties`, `package.json`. */
  readonly source: string;
}
