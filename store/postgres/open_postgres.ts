/**
 * Opens PostgreSQL by its URL: a pool of connections with the package `pg`.
 *
 * @module
 */

import { type PostgresAddress, tlsOptions } from "./postgres_url.ts";
import { preparePostgres } from "./prepare_schema.ts";
import { within } from "../../runtime/time_limit.ts";
import type { PostgresPool } from "./postgres_pool.ts";

/** As many as calls are made at once: two for commits, two for reads. */
const CONNECTIONS = 4;

/** How long a server may take to say goodbye. */
const GOODBYE_MS = 1_000;

export interface OpenPostgresOptions {
  readonly warn: (message: string) => void;
  /** The timeout of opening, and of a call, in milliseconds. */
  readonly timeoutMs: number;
  /** What is done first. @default makes the tables that are missing */
  readonly prepare?: typeof preparePostgres;
}

export interface OpenedPostgres {
  /** The database, as it begins a sentence. */
  readonly name: string;
  readonly pool: PostgresPool;
  /** Closes the pool, of a stopped server too. */
  end(): Promise<void>;
}

/** A client of `pg`, of which a stopped server says nothing any more. */
interface Connected {
  readonly connection?: { readonly stream?: { destroy(): void } };
}

interface PgPool extends PostgresPool {
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "connect" | "remove", listener: (client: Connected) => void): unknown;
}

/**
 * Opens a pool. A server that is starting is waited for.
 *
 * @throws {StoreError} if the database cannot be reached, or cannot have the store.
 */
export async function openPostgres(
  { name, tls, password = "", ...address }: PostgresAddress,
  { warn, timeoutMs, prepare = preparePostgres }: OpenPostgresOptions,
): Promise<OpenedPostgres> {
  const { default: pg } = await import("pg");
  const Pool: new (options: Record<string, unknown>) => PgPool = pg.Pool;
  const pool = new Pool({
    ...address,
    // As a function: without a password the package would look for one in the environment and in files.
    password: () => password,
    ssl: tls === undefined ? false : tlsOptions(tls),
    max: CONNECTIONS,
    connectionTimeoutMillis: timeoutMs,
    application_name: "mcp-sessions",
    client_encoding: "UTF8",
    keepAlive: true,
  });
  const connected = new Set<Connected>();
  pool.on("connect", (client) => void connected.add(client));
  pool.on("remove", (client) => void connected.delete(client));
  // A connection that was lost while idle is made anew when it is needed.
  pool.on("error", () => {});
  const end = async () => {
    await within(GOODBYE_MS, pool.end());
    for (const { connection } of connected) connection?.stream?.destroy();
  };
  try {
    await prepare(pool, { name, warn, timeoutMs });
  } catch (error) {
    await end();
    throw error;
  }
  return { name, pool, end };
}
