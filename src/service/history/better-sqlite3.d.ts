/** The part of `better-sqlite3` 12 that is used. */
declare module 'better-sqlite3' {
  type Value = string | number | null;

  class Database {
    /** `timeout`: how long to wait for others that write, in milliseconds. */
    constructor(file: string, options?: { readonly?: boolean; fileMustExist?: boolean; timeout?: number });
    prepare<Row = unknown>(sql: string): Database.Statement<Row>;
    /** In the same transaction, or not at all. */
    transaction<A extends readonly unknown[], R>(work: (...args: A) => R): (...args: A) => R;
    /** With `simple`, the first column of the first row. */
    pragma(text: string, options?: { simple: true }): unknown;
    exec(sql: string): this;
    function(name: string, options: { deterministic: boolean }, body: (...args: Value[]) => Value): this;
    close(): this;
  }

  namespace Database {
    interface Statement<Row> {
      run(...values: readonly Value[]): { readonly changes: number; readonly lastInsertRowid: number | bigint };
      get(...values: readonly Value[]): Row | undefined;
      all(...values: readonly Value[]): Row[];
    }
  }

  export = Database;
}
