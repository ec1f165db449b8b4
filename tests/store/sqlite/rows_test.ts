import { openSqlite } from "../../../store/sqlite/open_sqlite.ts";
import { SqliteRows } from "../../../store/sqlite/sqlite_rows.ts";
import { testRows } from "../../support/store/rows_suite.ts";

const warn = (message: string) => {
  throw new Error(`Nothing should be mended here: ${message}`);
};

testRows("SqliteRows", async ({ folder, namespace }) => {
  const path = `${folder}/rows.db`;
  const database = await openSqlite(path, { namespace, timeoutMs: 10_000, warn });
  return new SqliteRows(database, { namespace, closesDatabase: true });
});
