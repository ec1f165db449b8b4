/**
 * What a store needs of a pool or client of the package `pg`.
 *
 * @module
 */

/** A query as `pg` takes it. */
export interface PostgresQuery {
  /** One statement of SQL. */
  readonly text: string;
  /** Bytes go as PostgreSQL's binary format, all else as text. */
  readonly values?: unknown[];
  /** The name of the prepared statement that the text is. */
  readonly name?: string;
  /** Rows as arrays of their columns. */
  readonly rowMode?: "array";
  /** How columns are parsed. */
  readonly types?: { readonly getTypeParser: () => (text: string) => unknown };
  /** In milliseconds, after which the query rejects and its connection is not used again. */
  readonly query_timeout?: number;
}

/** A `Pool` or a connected `Client` of the package `pg`, or what does the same. */
export interface PostgresPool {
  /** Sends a query by itself, as a transaction of its own. */
  query(query: PostgresQuery): Promise<{ readonly rows: readonly unknown[] }>;
  /** Told of a connection that was lost while nothing was asked of it. */
  on(event: "error", listener: (error: Error) => void): unknown;
  /** Undoes {@linkcode on}. */
  off(event: "error", listener: (error: Error) => void): unknown;
  /** Closes all connections. */
  end(): Promise<void>;
}
