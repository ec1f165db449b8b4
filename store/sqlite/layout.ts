/**
 * Layout: the tables of a store, and its version. They stand beside an application's own.
 *
 * Rows have a key of their own, so that those of a session lie together, and one that is set again
 * changes no index. Namespaces are few, and a number is shorter.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import { RefusedError } from "../errors.ts";
import { unescapeNul } from "./nul_text.ts";

/** Another one for each layout that the one before cannot read. */
const VERSION = 1;

const TABLES = `
CREATE TABLE mcp_sessions_layout (version INTEGER NOT NULL) STRICT;
CREATE TABLE mcp_sessions_namespaces (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE mcp_sessions_rows (
  id INTEGER PRIMARY KEY,
  namespace INTEGER NOT NULL,
  part TEXT NOT NULL,
  name TEXT NOT NULL,
  text TEXT NOT NULL,
  version TEXT NOT NULL,
  UNIQUE (namespace, part, name)
) STRICT;
CREATE TABLE mcp_sessions_counts (
  namespace INTEGER NOT NULL,
  name TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (namespace, name)
) STRICT, WITHOUT ROWID;
INSERT INTO mcp_sessions_layout VALUES (${VERSION});
`;

/**
 * Makes the tables if they are missing, in a transaction that the caller has begun.
 *
 * @throws {StoreError} `unavailable` if they are another version's, or the database cannot hold them, or is
 * Deno KV's.
 */
export function makeTables(database: DatabaseSync, place: string): void {
  // UTF-16 would have another order.
  if (database.prepare("PRAGMA encoding").get()?.encoding !== "UTF-8") {
    throw new RefusedError(
      `Cannot use ${place}: its encoding is not UTF-8; use another database`,
    );
  }
  if (hasTables(database)) return checkVersion(database, place);
  refuseDenoKv(database, place);
  database.exec(TABLES);
}

/** The number of a namespace, which is given to it in a transaction that the caller has begun. */
export function numberOf(database: DatabaseSync, namespace: string): number {
  database.prepare("INSERT OR IGNORE INTO mcp_sessions_namespaces (name) VALUES (?)").run(
    namespace,
  );
  return findNumber(database, namespace)!;
}

/** The number of a namespace that has one, if the tables are there. */
export function knownNumber(
  database: DatabaseSync,
  place: string,
  namespace: string,
): number | undefined {
  if (!hasTables(database)) return undefined;
  checkVersion(database, place);
  return findNumber(database, namespace);
}

/** All namespaces; `undefined` if the tables are not there. */
export function findNamespaces(database: DatabaseSync, place: string): string[] | undefined {
  if (!hasTables(database)) {
    refuseDenoKv(database, place);
    return undefined;
  }
  checkVersion(database, place);
  const found = database.prepare("SELECT name FROM mcp_sessions_namespaces").all();
  return found.map(({ name }) => unescapeNul(String(name)));
}

function findNumber(database: DatabaseSync, namespace: string): number | undefined {
  const found = database.prepare("SELECT id FROM mcp_sessions_namespaces WHERE name = ?");
  const id = found.get(namespace)?.id;
  return id === undefined ? undefined : Number(id);
}

/** Whether a store's tables are there. */
export function hasTables(database: DatabaseSync): boolean {
  return countTables(database, "mcp_sessions_layout") > 0;
}

/** Whether Deno KV has its tables there. A table named `kv` may be an application's. */
export function isDenoKv(database: DatabaseSync): boolean {
  return countTables(database, "kv", "data_version", "queue_running") === 3;
}

/** In one of `kv:` there would be no session. */
function refuseDenoKv(database: DatabaseSync, place: string) {
  if (!isDenoKv(database)) return;
  throw new RefusedError(
    `Cannot use ${place}: it is a Deno KV; name it kv:${place}, or use another file`,
  );
}

function countTables(database: DatabaseSync, ...names: readonly string[]): number {
  const places = names.map(() => "?").join(", ");
  const count = database.prepare(
    `SELECT count(*) AS n FROM sqlite_schema WHERE name IN (${places})`,
  );
  return Number(count.get(...names)?.n);
}

function checkVersion(database: DatabaseSync, place: string) {
  const version = Number(
    database.prepare("SELECT version FROM mcp_sessions_layout").get()?.version,
  );
  if (version === VERSION) return;
  const what = version > VERSION
    ? "a newer version of this program: update it, or use another file"
    : "an older version of this program, in a form that this one cannot read: use that version, or " +
      "another file";
  throw new RefusedError(`${place} was written by ${what}`);
}
