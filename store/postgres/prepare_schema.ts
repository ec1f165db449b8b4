/**
 * Looks at a PostgreSQL before it is used: whether it keeps what it acknowledges, and whether the tables
 * are there; makes them if not.
 *
 * @module
 */

import { CREATE_SQL, SCHEMA_VERSION } from "./schema.ts";
import { postgresError } from "./postgres_errors.ts";
import { RefusedError } from "../errors.ts";
import type { PostgresPool } from "./postgres_pool.ts";

export interface PrepareOptions {
  /** The database, as it begins a sentence. */
  readonly name: string;
  readonly warn: (message: string) => void;
  readonly timeoutMs: number;
}

/** Refuses a PostgreSQL that cannot have the store, and warns of one that may lose some of it. */
export async function preparePostgres(pool: PostgresPool, options: PrepareOptions): Promise<void> {
  const { name, warn } = options;
  const ask = asker(pool, options);
  const server = await ask(SERVER_SQL);
  if (Number(server["version"]) < OLDEST) {
    throw new RefusedError(`${name} is older than PostgreSQL 12: update it`);
  }
  if (server["is_replica"] === "t") {
    throw new RefusedError(`${name} is a replica, which takes no writes: connect to the primary`);
  }
  if (server["is_read_only"] === "on") {
    throw new RefusedError(
      `${name} is read-only (default_transaction_read_only): turn that off for this user or database`,
    );
  }
  if (server["isolation"] !== "read committed") {
    throw new RefusedError(
      `${name} has default_transaction_isolation ${
        server["isolation"]
      }, under which locks are of no ` +
        "use: ALTER ROLE this user SET default_transaction_isolation = 'read committed'",
    );
  }
  await makeTables(ask, options);
  const risks = RISKS.filter(([setting]) => server[setting] === "off").map(([, risk]) => risk);
  if ((await ask(UNLOGGED_SQL))["unlogged"] === "t") {
    risks.push("a table of the schema mcp_sessions is UNLOGGED: a crash of the server empties it");
  }
  if (risks.length > 0) {
    warn(`${name} may lose what it has acknowledged: ${risks.join("; ")}`);
  }
}

/** Refuses a PostgreSQL without the tables; it may be a replica. */
export async function checkPostgres(pool: PostgresPool, options: PrepareOptions): Promise<void> {
  const { name } = options;
  const ask = asker(pool, options);
  if (!await hasTables(ask)) {
    throw new RefusedError(`${name} has no store: no server has used it yet, see its URL`);
  }
  await checkVersion(ask, name);
}

type Ask = (text: string) => Promise<Record<string, string | null>>;

/** Asks for one row. */
function asker(pool: PostgresPool, { name, timeoutMs }: PrepareOptions): Ask {
  return async (text) => {
    try {
      const { rows } = await pool.query({ text, types: AS_THEY_COME, query_timeout: timeoutMs });
      return rows[0] as Record<string, string | null>;
    } catch (error) {
      throw postgresError(name, error);
    }
  };
}

const OLDEST = 120_000;

const AS_THEY_COME = { getTypeParser: () => (text: string) => text };

const SERVER_SQL = `
  SELECT current_setting('server_version_num') AS version,
    pg_is_in_recovery() AS is_replica,
    current_setting('transaction_read_only') AS is_read_only,
    current_setting('transaction_isolation') AS isolation,
    current_setting('fsync') AS fsync,
    current_setting('full_page_writes') AS full_page_writes,
    current_setting('synchronous_commit') AS synchronous_commit
`;

const RISKS: readonly (readonly [setting: string, risk: string])[] = [
  ["fsync", "fsync is off, so a power cut may damage all of it"],
  ["full_page_writes", "full_page_writes is off, so a power cut may damage pages"],
  ["synchronous_commit", "synchronous_commit is off, so a crash loses the last moments"],
];

const UNLOGGED_SQL = `
  SELECT coalesce(bool_or(relpersistence = 'u'), false) AS unlogged
  FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace('mcp_sessions')
`;

const HAS_TABLES_SQL = "SELECT to_regclass('mcp_sessions.version') IS NOT NULL AS is_there";
const VERSION_SQL = "SELECT max(version) AS version FROM mcp_sessions.version";

/** Of processes that come at once, the first makes all of it. */
const MAKE_SQL = `
DO $make$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('mcp_sessions schema', 0));
  -- By queries: names may still be looked up in a cache of the time before the lock.
  IF EXISTS (
    SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'mcp_sessions' AND c.relname = 'version'
  ) THEN
    RETURN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'mcp_sessions') THEN
    CREATE SCHEMA mcp_sessions;
  END IF;
  ${CREATE_SQL}
  INSERT INTO mcp_sessions.version VALUES (${SCHEMA_VERSION});
END $make$
`;

/** The rights that the user lacks, as GRANT has them: to make the tables, or to use them. */
const LACKING_SQL = `
  WITH schema AS (SELECT oid FROM pg_namespace WHERE nspname = 'mcp_sessions'),
  tables AS (
    SELECT oid, relname FROM pg_class
    WHERE relnamespace = (SELECT oid FROM schema) AND relname IN ('version', 'rows', 'counts')
  )
  SELECT string_agg(lacks, '; ') AS lacking
  FROM (
    SELECT 'CREATE ON DATABASE' AS lacks
    WHERE NOT EXISTS (SELECT FROM schema)
      AND NOT has_database_privilege(current_database(), 'CREATE')
    UNION ALL
    SELECT 'CREATE, USAGE ON SCHEMA mcp_sessions' FROM schema
    WHERE NOT EXISTS (SELECT FROM tables) AND NOT (
      has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE')
    )
    UNION ALL
    SELECT 'USAGE ON SCHEMA mcp_sessions' FROM schema
    WHERE EXISTS (SELECT FROM tables) AND NOT has_schema_privilege(oid, 'USAGE')
    UNION ALL
    SELECT string_agg(action, ', ') || ' ON TABLE mcp_sessions.' || relname
    FROM tables, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS action
    WHERE NOT has_table_privilege(oid, action) AND (relname <> 'version' OR action = 'SELECT')
    GROUP BY relname
    UNION ALL
    SELECT 'EXECUTE ON FUNCTION mcp_sessions.' || proname FROM pg_proc
    WHERE pronamespace = (SELECT oid FROM schema) AND NOT has_function_privilege(oid, 'EXECUTE')
  ) AS each
`;

async function makeTables(ask: Ask, { name }: PrepareOptions): Promise<void> {
  const lacking = (await ask(LACKING_SQL))["lacking"];
  if (lacking !== null) {
    throw new RefusedError(
      `${name} does not let its user keep sessions: GRANT ${lacking} to it (docs/stores.md)`,
    );
  }
  if (!await hasTables(ask)) await ask(MAKE_SQL);
  await checkVersion(ask, name);
}

async function hasTables(ask: Ask): Promise<boolean> {
  return (await ask(HAS_TABLES_SQL))["is_there"] === "t";
}

async function checkVersion(ask: Ask, name: string): Promise<void> {
  const version = Number((await ask(VERSION_SQL))["version"]);
  if (version > SCHEMA_VERSION) {
    throw new RefusedError(
      `${name} has tables of version ${version}, and this program knows ${SCHEMA_VERSION}: update it`,
    );
  }
}
