import { openPostgres } from "../../../store/postgres/open_postgres.ts";
import { parsePostgresUrl } from "../../../store/postgres/postgres_url.ts";
import { PostgresRows } from "../../../store/postgres/postgres_rows.ts";
import { startPostgres } from "../../support/databases/postgres.ts";
import { testRows } from "../../support/store/rows_suite.ts";

const server = await startPostgres();
const databases = new Map<string, Promise<string>>();
const timeoutMs = 30_000;

testRows("PostgresRows", async ({ folder, namespace }) => {
  const made = databases.get(folder) ?? server.makeDatabase();
  databases.set(folder, made);
  const opened = await openPostgres(parsePostgresUrl(server.url(await made)), {
    warn: console.warn,
    timeoutMs,
  });
  return new PostgresRows(opened.pool, {
    name: opened.name,
    namespace,
    timeoutMs,
    close: opened.end,
  });
});

Deno.test.afterAll(() => server[Symbol.asyncDispose]());
