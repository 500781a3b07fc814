/** Something wrong in what a user wrote. Lines and columns start at 1; 0: the file as a whole, or the command line. */
export interface ConfigProblem {
  /** As the user named it; empty for the command line. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `stream.max-out-of-order`; empty where no key is concerned. */
  readonly key: string;
  readonly message: string;
}

/** `vpatch.yaml:12:9: stream.max-out-of-order: expected a size such as 1MiB, found "lots"` */
export function formatProblem({ file, line, column, key, message }: ConfigProblem): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return [place, key, message].filter((part) => part !== '').join(': ');
}

/** What the system says about a file, without its code and without the call that failed. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EEXIST':
      return 'it is there already';
    case 'EISDIR':
      return 'it is a folder';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
